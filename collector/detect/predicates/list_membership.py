"""A field that is an entry of a value list, as SQL: `source_ip|expand: '%ioc_ip%'`.

The SQL holds the entries themselves, so that it means the same wherever it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sigma.types import Placeholder, SigmaCasedString, SigmaString

from collector.detect.lists.value_list import EntryForm, ListEntry
from collector.detect.predicates import equality
from collector.detect.predicates.field_columns import TEXT_TYPE, FieldColumns
from collector.detect.predicates.members import match_any_member
from collector.detect.predicates.sql_literals import (
    WILDCARD,
    UnsupportedSigmaError,
    match_prefix,
    match_substring,
)
from collector.escaping import quote_literal
from collector.plain_names import simplify_beginning, simplify_part

LIST_ENTRY_MESSAGE = (
    "an entry of a list says itself how it is compared (value, cidr, prefix or contains)"
)

_FORMS: Mapping[tuple[bool, bool], EntryForm] = {
    (False, False): "value",
    (False, True): "prefix",
    (True, True): "contains",
}
"""By whether a wildcard stands before and after a list, what its whole values are then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListReference:
    """The name of a list, and what its whole values are compared as."""

    name: str
    values_as: EntryForm = "value"


def parse_list_reference(value: SigmaString) -> ListReference:
    """The list that a value with a placeholder is. Raises SigmaError if it is more."""
    parts = tuple(value.s)
    before, after = parts[:1] == (WILDCARD,), parts[-1:] == (WILDCARD,)
    match parts[int(before) : len(parts) - int(after)]:
        case (Placeholder(name=name),) if not isinstance(value, SigmaCasedString):
            if form := _FORMS.get((before, after)):
                return ListReference(name=name, values_as=form)
    raise UnsupportedSigmaError(
        f"{LIST_ENTRY_MESSAGE}: write '%name%' alone, with no modifier but expand, contains and"
        " startswith"
    )


def match_list(field: str, reference: ListReference, columns: FieldColumns) -> str:
    """SQL: the field is an entry of that list that has not expired, or any if the list outlives it.

    Raises SigmaError for lists that there are not, and for entries that the field cannot be.
    """
    entries = columns.find_list(reference.name).entries
    return match_entries(
        field,
        reference.name,
        [
            replace(each, form=reference.values_as) if each.form == "value" else each
            for each in entries
        ],
        columns,
    )


def match_entries(
    field: str, name: str, entries: Sequence[ListEntry], columns: FieldColumns
) -> str:
    """SQL: the same of some of the list's entries."""
    _require_text(field, columns)
    if name in columns.outliving_lists:
        return _match_entries(field, entries, columns)
    parts = [
        _limit_by_expiry(end, _match_entries(field, group, columns), columns)
        for end, group in _group_by_expiry(entries).items()
    ]
    return equality.join_alternatives(parts)


def match_expired_entries(field: str, entries: Sequence[ListEntry], columns: FieldColumns) -> str:
    """SQL: the field is one of these entries, at a time at which it had expired."""
    _require_text(field, columns)
    parts = [
        f"({_render_moment(end)} <= {columns.quote_column('time')}"
        f" AND {_match_entries(field, group, columns)})"
        for end, group in _group_by_expiry(entries).items()
        if end is not None
    ]
    return equality.join_alternatives(parts)


def _require_text(field: str, columns: FieldColumns) -> None:
    if columns.find_type(field) != TEXT_TYPE:
        raise UnsupportedSigmaError(f"a list holds text, and {field} is none")


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
    return f"({columns.quote_column('time')} < {_render_moment(end)} AND {predicate})"


def _render_moment(moment: datetime) -> str:
    return f"CAST({quote_literal(moment.isoformat(' '))} AS TIMESTAMPTZ)"


def _match_entries(field: str, entries: Sequence[ListEntry], columns: FieldColumns) -> str:
    values = [each.text for each in entries if each.form == "value"]
    parts = [equality.match_texts(field, values, columns)] if values else []
    if networks := [each.network for each in entries if each.form == "cidr"]:
        parts.append(equality.match_networks(field, networks, columns))
    if texts := [each for each in entries if each.form in {"prefix", "contains"}]:
        parts.append(match_any_member(field, columns, partial(_match_parts, field, texts)))
    return equality.join_alternatives(parts)


def _match_parts(field: str, entries: Sequence[ListEntry], columns: FieldColumns) -> str:
    """SQL: the field begins with the entry, or holds it anywhere."""
    subject, literal = equality.choose_operands(field, columns)
    is_name = columns.holds_names(field)
    simplify_prefix = simplify_beginning if is_name else str
    simplify_substring = simplify_part if is_name else str
    parts = [
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
