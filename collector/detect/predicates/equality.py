"""A column that equals one of several values, as SQL: text, names, ids, addresses, networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network

from collector.detect.predicates import cidr, salesforce_ids
from collector.detect.predicates.field_columns import FieldColumns
from collector.detect.predicates.members import match_any_member, match_any_text
from collector.detect.predicates.sql_literals import (
    UnsupportedSigmaError,
    quote_exact,
    quote_folded,
)
from collector.escaping import quote_literal
from collector.plain_names import simplify_name

MAX_INLINE_VALUES = 50
"""The most texts that are written as separate literals."""

_SEPARATOR = "\x1f"


def join_alternatives(parts: Sequence[str]) -> str:
    """SQL: predicates joined by OR; FALSE where there are none."""
    return f"({' OR '.join(parts)})" if len(parts) > 1 else (*parts, "FALSE")[0]


def compare_with_literals(subject: str, literals: Iterable[str]) -> str:
    """SQL: an expression equals one of the literals."""
    distinct = list(dict.fromkeys(literals))
    if len(distinct) == 1:
        return f"{subject} = {distinct[0]}"
    return f"{subject} IN ({', '.join(distinct)})"


def compare_with_texts(subject: str, values: Iterable[str], literal: Callable[[str], str]) -> str:
    """SQL: an expression equals one of the texts, of which there may be very many."""
    distinct = list(dict.fromkeys(values))
    # Engines compare literals one by one, or plan for seconds; one long text is a hash join.
    if len(distinct) <= MAX_INLINE_VALUES or any(_SEPARATOR in value for value in distinct):
        return compare_with_literals(subject, map(literal, distinct))
    joined, separator = literal(_SEPARATOR.join(distinct)), quote_literal(_SEPARATOR)
    return f"{subject} IN (SELECT unnest(string_split({joined}, {separator})))"


def choose_operands(name: str, columns: FieldColumns) -> tuple[str, Callable[[str], str]]:
    """The column's SQL, and the function that quotes its literals; only ids keep their case."""
    if columns.holds_ids(name):
        return columns.cast_to_text(name), quote_exact
    return columns.fold_case(name), quote_folded


def match_texts(name: str, values: Sequence[str], columns: FieldColumns) -> str:
    """SQL: a field equals one of the texts without regard to case.

    Ids match in either form, addresses in any spelling, names in their plain form.
    """
    return _match_values(name, values, columns, FieldColumns.fold_case, quote_folded)


def match_cased_texts(name: str, values: Sequence[str], columns: FieldColumns) -> str:
    """SQL: the same with regard to case."""
    return _match_values(name, values, columns, FieldColumns.cast_to_text, quote_exact)


def _match_values(
    name: str,
    values: Sequence[str],
    columns: FieldColumns,
    read_text: Callable[[FieldColumns, str], str],
    literal: Callable[[str], str],
) -> str:
    if columns.holds_ids(name):
        return match_ids(name, values, columns)
    if columns.holds_list(name):
        return _match_members(name, values, columns, read_text, literal)
    if columns.holds_names(name):
        return compare_with_texts(read_text(columns, name), map(simplify_name, values), literal)
    key = columns.find_address_key(name)
    numbers = {value: cidr.parse_address(value) for value in values} if key else {}
    addresses = [number for number in numbers.values() if number is not None]
    others = [value for value in values if numbers.get(value) is None]
    parts = [_match_addresses(key, addresses, columns)] if key and addresses else []
    parts += [compare_with_texts(read_text(columns, name), others, literal)] if others else []
    return join_alternatives(parts)


def _match_members(
    name: str,
    values: Sequence[str],
    columns: FieldColumns,
    read_text: Callable[[FieldColumns, str], str],
    literal: Callable[[str], str],
) -> str:
    """SQL: a member of a field that is a list equals one of the texts."""
    if len(set(values)) <= MAX_INLINE_VALUES:
        return match_any_member(
            name, columns, lambda one: compare_with_texts(read_text(one, name), values, literal)
        )
    subject = read_text(columns, name)
    single = compare_with_texts(subject, values, literal)
    return match_any_text(name, columns, subject, _list_texts(values, literal), single)


def match_ids(name: str, values: Sequence[str], columns: FieldColumns) -> str:
    """SQL: a field equals one of the ids, in either form, or one of the other texts."""
    subject = columns.cast_to_text(name)
    short_ids = [short for value in values if (short := salesforce_ids.shorten_id(value))]
    others = [value for value in values if salesforce_ids.shorten_id(value) is None]
    parts = []
    if short_ids:
        beginning = compare_with_texts(
            f"substr({subject}, 1, {salesforce_ids.SHORT_ID_LENGTH})", short_ids, quote_exact
        )
        parts.append(f"({beginning} AND {has_id_length(subject)})")
    if others:
        parts.append(compare_with_texts(subject, others, quote_exact))
    return join_alternatives(parts)


def has_id_length(subject: str) -> str:
    """SQL: a text has the length of an id."""
    return f"length({subject}) IN ({', '.join(map(str, salesforce_ids.ID_LENGTHS))})"


def _match_addresses(key: str, numbers: Iterable[int], columns: FieldColumns) -> str:
    """SQL: a column of address keys has one of the addresses."""
    keys = list(map(cidr.format_address_key, numbers))
    return _match_key_beginnings(columns.quote_column(key), {cidr.KEY_LENGTH: keys})


def match_networks(
    name: str, values: Sequence[IPv4Network | IPv6Network], columns: FieldColumns
) -> str:
    """SQL: one of a field's addresses is in one of the networks. Raises SigmaError for others."""
    key = columns.find_address_key(name)
    if key is None:
        raise UnsupportedSigmaError(
            f"cidr is served for source_ip, whose address is known, not for {name}"
        )
    return _match_key_beginnings(columns.quote_column(key), cidr.list_prefixes(values))


def _match_key_beginnings(column: str, prefixes: Mapping[int, Sequence[str]]) -> str:
    """SQL: a column of address keys has one that begins so; the prefixes are by their lengths."""
    if 0 in prefixes:
        return f"{column} IS NOT NULL"
    first = [
        compare_with_texts(f"substr({column}, 1, {length})", beginnings, quote_exact)
        for length, beginnings in prefixes.items()
    ]
    # CASE, since engines choose the order in which they look at what AND joins.
    further = f"CASE WHEN length({column}) > {cidr.KEY_LENGTH} THEN"
    return join_alternatives([*first, f"{further} {_match_further_keys(column, prefixes)} END"])


def _match_further_keys(column: str, prefixes: Mapping[int, Sequence[str]]) -> str:
    """SQL: a key but the first begins so."""
    beginnings = [each for group in prefixes.values() for each in group]
    if len(beginnings) <= MAX_INLINE_VALUES:  # planned faster, as long as there are few
        pattern = f" (?:{'|'.join(beginnings)})"
        return f"regexp_matches({column}, {quote_literal(pattern)})"
    return join_alternatives(
        [
            f"list_has_any({_list_further_beginnings(column, length)}, {_list_texts(group)})"
            for length, group in prefixes.items()
        ]
    )


def _list_further_beginnings(column: str, length: int) -> str:
    """SQL: the beginnings of all keys but the first."""
    return f"regexp_extract_all({column}, ' ([0-9a-f]{{{length}}})', 1)"


def _list_texts(values: Iterable[str], literal: Callable[[str], str] = quote_exact) -> str:
    """SQL: a list of texts, of which there may be very many."""
    joined = _SEPARATOR.join(dict.fromkeys(values))
    return f"string_split({literal(joined)}, {quote_literal(_SEPARATOR)})"
