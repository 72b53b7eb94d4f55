"""Networks as prefixes of the event table's address keys (32 hex digits, IPv4 as ::ffff:a.b.c.d).

A prefix of whole hex digits is plain text, which every SQL engine compares fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Network, collapse_addresses, ip_address

_IPV4_MAPPED = 0xFFFF << 32


def list_prefixes(networks: Iterable[IPv4Network | IPv6Network]) -> Mapping[int, list[str]]:
    """The prefixes, by length, that exactly the addresses of the networks begin with."""
    found: dict[int, list[str]] = {}
    for network in collapse_addresses(map(to_ipv6, networks)):
        digits = -(-network.prefixlen // 4)
        for part in network.subnets(new_prefix=4 * digits):
            found.setdefault(digits, []).append(
                format_address_key(int(part.network_address))[:digits]
            )
    return dict(sorted(found.items()))


def parse_address(text: str) -> int | None:
    """The number of an address as IPv6, whatever its spelling; None for what is none.

    A zone (`%eth0`) is no part of an address.
    """
    try:
        found = ip_address(text)
    except ValueError:
        return None
    if isinstance(found, IPv4Address):
        return _IPV4_MAPPED | int(found)
    return int(found) if found.scope_id is None else None


def format_address_key(number: int) -> str:
    """The 32 hex digits of an address."""
    return f"{number:032x}"


def to_ipv6(network: IPv4Network | IPv6Network) -> IPv6Network:
    """The same network among the IPv6 addresses."""
    if isinstance(network, IPv6Network):
        return network
    return IPv6Network((_IPV4_MAPPED | int(network.network_address), 96 + network.prefixlen))
