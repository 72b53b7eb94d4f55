"""A field that is an entry of a value list, as SQL: `source_ip|expand: '%ioc_ip%'`.

The entries stand in the SQL itself, so that it means the same wherever it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sigma.types import Placeholder, SigmaCasedString, SigmaString

from collector.detect.lists.entries import ListEntry
from collector.detect.predicates import cidr, equality
from collector.detect.predicates.columns import TEXT, Columns
from collector.detect.predicates.literals import Unsupported, begins, holds
from collector.text import sql_literal

ALONE = "an entry of a list says itself how it is compared (value, cidr, prefix or contains)"


def list_name(value: SigmaString) -> str:
    """The name of the list that a value with a placeholder is. Raises SigmaError if it is more."""
    match tuple(value.s):
        case (Placeholder(name=name),) if not isinstance(value, SigmaCasedString):
            return name
    raise Unsupported(f"{ALONE}: write '%name%' alone, with no modifier but expand")


def member(field: str, name: str, columns: Columns) -> str:
    """Whether the field is an entry of that list; an entry that expires, only until it does.

    Raises SigmaError for lists that there are not, and for entries that the field cannot be.
    """
    entries = columns.list_named(name).entries
    if columns.type(field) != TEXT:
        raise Unsupported(f"a list holds text, and {field} is none")
    parts = [
        _until(end, _entries(field, some, columns), columns)
        for end, some in _by_end(entries).items()
    ]
    return equality.any_of(parts)


def _by_end(entries: Iterable[ListEntry]) -> Mapping[datetime | None, list[ListEntry]]:
    found: dict[datetime | None, list[ListEntry]] = {}
    for entry in entries:
        found.setdefault(entry.end, []).append(entry)
    return found


def _until(end: datetime | None, predicate: str, columns: Columns) -> str:
    if end is None:
        return predicate
    if "time" not in columns.types:
        raise Unsupported("the list has entries that expire, and there is no time to compare with")
    moment = f"CAST({sql_literal(end.isoformat(' '))} AS TIMESTAMPTZ)"
    return f"({columns.raw('time')} < {moment} AND {predicate})"


def _entries(field: str, entries: Sequence[ListEntry], columns: Columns) -> str:
    subject, literal = equality.sides(field, columns)
    parts = list(_values(field, [each.text for each in entries if each.form == "value"], columns))
    if networks := [each.network for each in entries if each.form == "cidr"]:
        parts.append(equality.networks(field, networks, columns))
    parts += [begins(subject, each.text, literal) for each in entries if each.form == "prefix"]
    parts += [holds(subject, each.text, literal) for each in entries if each.form == "contains"]
    return equality.any_of(parts)


def _values(field: str, values: Sequence[str], columns: Columns) -> Iterable[str]:
    """Addresses by the field's key, if it has one, whatever their spelling; all others as text."""
    key = columns.address_key(field)
    numbers = {value: cidr.address(value) for value in values} if key else {}
    known = [number for number in numbers.values() if number is not None]
    others = [value for value in values if numbers.get(value) is None]
    if key and known:
        yield equality.addresses(key, known, columns)
    if others:
        yield equality.texts(field, others, columns)
