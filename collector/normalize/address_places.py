"""Where the addresses of a segment are, each distinct one looked up once, as a table to join."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import duckdb

from collector.geoip import PlaceDatabases
from collector.normalize.ip_address_sql import KEY_LENGTH

PLACES_TABLE = "temp.address_places"
"""Of one connection. It has the key of an address, and PLACE_COLUMNS."""

PLACE_COLUMNS = {"country": "VARCHAR", "asn": "BIGINT", "as_org": "VARCHAR"}


def load_places(
    connection: duckdb.DuckDBPyConnection, keys: str, databases: PlaceDatabases
) -> None:
    """Make PLACES_TABLE of the distinct keys of addresses that a SELECT of one column gives.

    Raises duckdb.Error where the SELECT cannot be run.
    """
    columns = ", ".join(f"{name} {kind}" for name, kind in PLACE_COLUMNS.items())
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {PLACES_TABLE} (key VARCHAR, {columns})")
    databases.reopen_changed()
    found = [
        (key, databases.find_place(_parse_key(key)))
        for (key,) in connection.execute(keys).fetchall()
    ]
    if found:
        connection.execute(
            f"INSERT INTO {PLACES_TABLE} SELECT unnest($1::VARCHAR[]), unnest($2::VARCHAR[]),"
            " unnest($3::BIGINT[]), unnest($4::VARCHAR[])",
            [
                [key for key, _ in found],
                [place.country for _, place in found],
                [place.asn for _, place in found],
                [place.as_org for _, place in found],
            ],
        )


def _parse_key(key: str) -> IPv4Address | IPv6Address:
    address = IPv6Address(int(key[:KEY_LENGTH], 16))
    return address.ipv4_mapped or address
