"""A field that is an entry of a value list, as SQL: `source_ip|expand: '%ioc_ip%'`.

The SQL holds the entries themselves, so that it means the same wherever it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sigma.types import Placeholder, SigmaCasedString, SigmaString

from collector.detect.lists.value_list import ListEntry
from collector.detect.predicates import equality
from collector.detect.predicates.field_columns import TEXT_TYPE, FieldColumns
from collector.detect.predicates.sql_literals import (
    UnsupportedSigmaError,
    match_prefix,
    match_substring,
)
from collector.escaping import quote_literal
from collector.plain_names import simplify_beginning, simplify_part

LIST_ENTRY_MESSAGE = (
    "an entry of a list says itself how it is compared (value, cidr, prefix or contains)"
)


def parse_list_name(value: SigmaString) -> str:
    """The name of the list that a value with a placeholder is. Raises SigmaError if it is more."""
    match tuple(value.s):
        case (Placeholder(name=name),) if not isinstance(value, SigmaCasedString):
            return name
    raise UnsupportedSigmaError(
        f"{LIST_ENTRY_MESSAGE}: write '%name%' alone, with no modifier but expand"
    )


def match_list(field: str, name: str, columns: FieldColumns) -> str:
    """SQL: the field is an entry of that list that has not expired.

    Raises SigmaError for lists that there are not, and for entries that the field cannot be.
    """
    entries = columns.find_list(name).entries
    if columns.find_type(field) != TEXT_TYPE:
        raise UnsupportedSigmaError(f"a list holds text, and {field} is none")
    parts = [
        _limit_by_expiry(end, _match_entries(field, group, columns), columns)
        for end, group in _group_by_expiry(entries).items()
    ]
    return equality.join_alternatives(parts)


def _group_by_expiry(entries: Iterable[ListEntry]) -> Mapping[datetime | None, list[ListEntry]]:
    found: dict[datetime | None, list[ListEntry]] = {}
    for entry in entries:
        found.setdefault(entry.expiry_time, []).append(entry)
    return found


def _limit_by_expiry(end: datetime | None, predicate: str, columns: FieldColumns) -> str:
    if end is None:
        return predicate
    if "time" not in columns.column_types:
        raise UnsupportedSigmaError(
            "the list has entries that expire, and there is no time to compare with"
        )
    moment = f"CAST({quote_literal(end.isoformat(' '))} AS TIMESTAMPTZ)"
    return f"({columns.quote_column('time')} < {moment} AND {predicate})"


def _match_entries(field: str, entries: Sequence[ListEntry], columns: FieldColumns) -> str:
    subject, literal = equality.choose_operands(field, columns)
    is_name = columns.holds_names(field)
    simplify_prefix = simplify_beginning if is_name else str
    simplify_substring = simplify_part if is_name else str
    values = [each.text for each in entries if each.form == "value"]
    parts = [equality.match_texts(field, values, columns)] if values else []
    if networks := [each.network for each in entries if each.form == "cidr"]:
        parts.append(equality.match_networks(field, networks, columns))
    parts += [
        match_prefix(subject, simplify_prefix(each.text), literal)
        for each in entries
        if each.form == "prefix"
    ]
    parts += [
        match_substring(subject, simplify_substring(each.text), literal)
        for each in entries
        if each.form == "contains"
    ]
    return equality.join_alternatives(parts)
