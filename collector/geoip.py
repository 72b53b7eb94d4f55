"""The only place that opens MaxMind DB files: where an address is, and whose network it is in.

Both schemas are read: MaxMind's (GeoLite2, GeoIP2: Country, City, ASN) and IPinfo's. Source:
MaxMind DB File Format Specification; the schemas as both companies document them.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import maxminddb

from collector.errors import GeoIpFileError
from collector.logs import log

IpAddress = IPv4Address | IPv6Address

MAX_NAME_LENGTH = 200
_MAX_KNOWN_PLACES = 20_000

_DAMAGE_ERRORS = (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError, struct.error)
"""What the reader raises where the tree or the data of a file is damaged; RuntimeError is
maxminddb's InvalidDatabaseError, which is loaded with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPlace:
    """What is known of an address; None is what is not.

    Attributes:
        country: ISO 3166, two letters.
        asn: the number of the autonomous system that announces it.
        as_org: who runs that.
    """

    country: str | None = None
    asn: int | None = None
    as_org: str | None = None


UNKNOWN_PLACE = AddressPlace()


@dataclass(frozen=True, slots=True, kw_only=True)
class _OpenDatabase:
    signature: tuple[int, int, int]
    reader: maxminddb.Reader


class PlaceDatabases:
    """The databases that somebody has named. Safe to share between threads.

    A file is held in memory, so that it may be replaced in any way; `reopen_changed` takes a new
    one over. Where that cannot be read, the one before goes on serving.
    """

    def __init__(self, paths: Sequence[Path] = ()) -> None:
        self._paths = tuple(dict.fromkeys(paths))
        self._lock = threading.Lock()
        self._databases: Mapping[Path, _OpenDatabase] = {}
        self._refused: dict[Path, tuple[int, int, int] | None] = {}
        self._known_places: dict[IpAddress, AddressPlace] = {}

    @property
    def is_configured(self) -> bool:
        """Whether any file was named."""
        return bool(self._paths)

    def reopen_changed(self) -> None:
        """Open the files that are new or have changed; what cannot be read is logged once."""
        with self._lock:
            databases = dict(self._databases)
            for path in self._paths:
                self._reopen(path, databases)
            if databases != self._databases:
                self._known_places, self._databases = {}, databases

    def find_place(self, address: IpAddress) -> AddressPlace:
        """What the files say of an address, the first that says something of each fact."""
        known_places, databases = self._known_places, self._databases
        place = known_places.get(address)
        if place is None:
            place = _merge_places([_look_up(each.reader, address) for each in databases.values()])
            if len(known_places) < _MAX_KNOWN_PLACES:
                known_places[address] = place
        return place

    def _reopen(self, path: Path, databases: dict[Path, _OpenDatabase]) -> None:
        signature = _sign_file(path)
        current = databases.get(path)
        if current is not None and current.signature == signature:
            return
        if path in self._refused and self._refused[path] == signature:
            return
        try:
            reader = _open_reader(path)
        except GeoIpFileError as error:
            self._refused[path] = signature
            log.warning("geoip_file_refused", path=str(path), reason=str(error))
            return
        self._refused.pop(path, None)
        databases[path] = _OpenDatabase(signature=signature or (0, 0, 0), reader=reader)
        log.info("geoip_file_opened", path=str(path), built=f"{_read_build_time(reader):%Y-%m-%d}")


NO_PLACES = PlaceDatabases()


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """What a file says of itself."""

    kind: str
    built: datetime


def examine_file(path: Path) -> DatabaseFacts:
    """What a file says of itself. Raises GeoIpFileError where it cannot serve."""
    reader = _open_reader(path)
    kind = str(reader.metadata().database_type)[:MAX_NAME_LENGTH]
    return DatabaseFacts(kind=kind, built=_read_build_time(reader))


def _sign_file(path: Path) -> tuple[int, int, int] | None:
    """What changes with a file's content; None where there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _open_reader(path: Path) -> maxminddb.Reader:
    try:
        reader = maxminddb.open_database(path, maxminddb.MODE_MEMORY)
        _read_build_time(reader)
        reader.get(IPv4Address("192.0.2.1"))
    except OSError as error:
        raise GeoIpFileError(f"cannot be read: {error.strerror or error}") from None
    except _DAMAGE_ERRORS as error:
        message = f"is no MaxMind DB file, or is damaged; fetch it again ({error})"
        raise GeoIpFileError(message) from None
    return reader


def _read_build_time(reader: maxminddb.Reader) -> datetime:
    return datetime.fromtimestamp(reader.metadata().build_epoch, UTC)


def _look_up(reader: maxminddb.Reader, address: IpAddress) -> AddressPlace:
    try:
        record = reader.get(address)
    except _DAMAGE_ERRORS:  # and where a database of IPv4 is asked for IPv6
        return UNKNOWN_PLACE
    return _read_record(record) if isinstance(record, dict) else UNKNOWN_PLACE


def _read_record(record: Mapping[str, Any]) -> AddressPlace:
    country = record.get("country") or record.get("registered_country")
    if isinstance(country, dict):
        country = country.get("iso_code")
    code = record.get("country_code") or country
    name = record.get("autonomous_system_organization") or record.get("as_name")
    return AddressPlace(
        country=code.upper() if isinstance(code, str) and len(code) == 2 else None,
        asn=_read_number(record.get("autonomous_system_number") or record.get("asn")),
        as_org=name[:MAX_NAME_LENGTH] if isinstance(name, str) and name else None,
    )


def _read_number(value: Any) -> int | None:
    """The number of `64500` and of `AS64500`."""
    text = str(value).upper().removeprefix("AS")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None


def _merge_places(places: Sequence[AddressPlace]) -> AddressPlace:
    return AddressPlace(
        country=next((each.country for each in places if each.country is not None), None),
        asn=next((each.asn for each in places if each.asn is not None), None),
        as_org=next((each.as_org for each in places if each.as_org is not None), None),
    )
