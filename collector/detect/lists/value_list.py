"""Value lists: texts, networks and parts of texts, each with its origin and its last day.

An entry is found here for an event's value where the SQL of a rule matches it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal, TypeAlias

from collector.detect.predicates import salesforce_ids
from collector.detect.predicates.cidr import parse_address, to_ipv6
from collector.detect.predicates.folded_text import fold_text
from collector.detect.predicates.name_columns import is_name_column
from collector.errors import Problem
from collector.model.event_columns import ADDRESS_KEYS
from collector.plain_names import simplify_beginning, simplify_name, simplify_part
from collector.stable_ids import hash_json

EntryForm: TypeAlias = Literal["value", "cidr", "prefix", "contains"]
Confidence: TypeAlias = Literal["low", "medium", "high"]

_IndexKey: TypeAlias = tuple[str | int, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntry:
    """An entry of a list, with its metadata.

    Attributes:
        form: what `text` is: a whole value, a network, the beginning or any part of a value.
        source: who published it, and where.
        campaign: the campaign that it is a sign of.
        first_seen, last_seen: when it was observed.
        expires: the last day (UTC) whose events it counts for.
        networks: those that it makes pairs with.
    """

    form: EntryForm
    text: str
    source: str | None = None
    campaign: str | None = None
    first_seen: date | None = None
    last_seen: date | None = None
    expires: date | None = None
    confidence: Confidence | None = None
    note: str | None = None
    networks: tuple[str, ...] = ()

    @property
    def expiry_time(self) -> datetime | None:
        """The time from which on it does not count; None if it never expires."""
        if self.expires is None:
            return None
        return datetime.combine(self.expires + timedelta(days=1), time(), UTC)

    def has_expired(self, at: datetime) -> bool:
        """Whether it does not count any more at that time."""
        return self.expiry_time is not None and at >= self.expiry_time

    @property
    def network(self) -> IPv4Network | IPv6Network:
        """The network of a `cidr` entry."""
        return ip_network(self.text)

    @property
    def paired_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks of its pairs."""
        return tuple(map(ip_network, self.networks))

    @property
    def digest(self) -> str:
        """A digest that is equal for entries that match the same events."""
        expires = self.expires.isoformat() if self.expires else None
        return hash_json([self.form, self.text, expires, *self.networks])


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueList:
    """The entries that rules know under one name, in the order of their files.

    `warnings` tell of entries that mean something else than their author may think. A list that
    `is_optional` may be empty: it is for whoever wants to fill it.
    """

    name: str
    entries: tuple[ListEntry, ...]
    warnings: tuple[Problem, ...] = ()
    is_optional: bool = False
    _index: Mapping[_IndexKey, list[ListEntry]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index: dict[_IndexKey, list[ListEntry]] = {}
        for entry in self.entries:
            for key in _list_index_keys(entry):
                index.setdefault(key, []).append(entry)
        object.__setattr__(self, "_index", index)

    def find_entry(self, value: str, at: datetime, *, field: str | None = None) -> ListEntry | None:
        """The entry that holds a value of an event at that time, if one does.

        Args:
            value: the value, as text.
            at: the event's time.
            field: the column of the value: ids mind case, `source_ip` is an address, names are in
                their plain form. Without it the value is text, and an address if it is one.
        """
        found = self._list_entries(value, field)
        return next((entry for entry in found if not entry.has_expired(at)), None)

    def find_expired_entry(
        self, value: str, at: datetime, *, field: str | None = None
    ) -> ListEntry | None:
        """The entry that would hold the value if it had not expired, if one does."""
        found = self._list_entries(value, field)
        return next((entry for entry in found if entry.has_expired(at)), None)

    def _list_entries(self, value: str, field: str | None) -> Iterator[ListEntry]:
        for key in _list_lookup_keys(value, field):
            for entry in self._index.get(key, ()):
                if _matches_value(entry, value, field):
                    yield entry


def _list_index_keys(entry: ListEntry) -> Iterator[_IndexKey]:
    """The keys under which an entry is indexed."""
    if entry.form == "cidr":
        network = to_ipv6(entry.network)
        yield _build_network_key(int(network.network_address), network.prefixlen)
    elif entry.form != "value":
        yield _PARTIAL_KEY
    else:
        yield "folded", fold_text(entry.text)
        yield "name", fold_text(simplify_name(entry.text))
        yield "id", salesforce_ids.shorten_id(entry.text) or entry.text
        if (number := parse_address(entry.text)) is not None:
            yield _build_network_key(number, 128)


def _list_lookup_keys(value: str, field: str | None) -> Iterator[_IndexKey]:
    """The keys under which entries that hold a value may be indexed, the most exact first."""
    if field is not None and salesforce_ids.is_id_column(field):
        yield "id", value
        yield "id", value[: salesforce_ids.SHORT_ID_LENGTH]
    elif is_name_column(field):
        yield "name", fold_text(value)
    else:
        yield "folded", fold_text(value)
    is_address = field is None or field in ADDRESS_KEYS
    if is_address and (number := parse_address(value)) is not None:
        yield from (_build_network_key(number, length) for length in range(128, -1, -1))
    yield _PARTIAL_KEY


_PARTIAL_KEY: _IndexKey = ("part", "")


def _build_network_key(number: int, length: int) -> _IndexKey:
    return length, number >> (128 - length)


def _matches_value(entry: ListEntry, value: str, field: str | None) -> bool:
    """Whether an entry found by its key holds the value."""
    if entry.form == "cidr":
        return True
    is_id = field is not None and salesforce_ids.is_id_column(field)
    if entry.form == "value":
        return not is_id or salesforce_ids.are_ids_equal(value, entry.text)
    entry_text = _simplify_entry(entry) if is_name_column(field) else entry.text
    if not is_id:
        value, entry_text = fold_text(value), fold_text(entry_text)
    return value.startswith(entry_text) if entry.form == "prefix" else entry_text in value


def _simplify_entry(entry: ListEntry) -> str:
    """The text of a prefix or a part of names, in their plain form."""
    return simplify_beginning(entry.text) if entry.form == "prefix" else simplify_part(entry.text)
