"""A column that equals one of several values, as SQL: text, ids, numbers, addresses, networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network

from collector.detect.predicates import cidr, salesforce_ids
from collector.detect.predicates.field_columns import FieldColumns
from collector.detect.predicates.sql_literals import (
    UnsupportedSigmaError,
    quote_exact,
    quote_folded,
)
from collector.escaping import quote_literal

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
    """SQL: a field equals one of the texts without regard to case; ids match in either form."""
    if columns.holds_ids(name):
        return match_ids(name, values, columns)
    return compare_with_texts(columns.fold_case(name), values, quote_folded)


def match_cased_texts(name: str, values: Sequence[str], columns: FieldColumns) -> str:
    """SQL: a field equals one of the texts with their case; ids match in either form."""
    if columns.holds_ids(name):
        return match_ids(name, values, columns)
    return compare_with_texts(columns.cast_to_text(name), values, quote_exact)


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


def match_addresses(key: str, numbers: Iterable[int], columns: FieldColumns) -> str:
    """SQL: a column of address keys equals one of the addresses."""
    return compare_with_texts(
        columns.quote_column(key), map(cidr.format_address_key, numbers), quote_exact
    )


def match_networks(
    name: str, values: Sequence[IPv4Network | IPv6Network], columns: FieldColumns
) -> str:
    """SQL: a field's address is in one of the networks. Raises SigmaError for other fields."""
    key = columns.find_address_key(name)
    if key is None:
        raise UnsupportedSigmaError(
            f"cidr is served for source_ip, whose address is known, not for {name}"
        )
    column = columns.quote_column(key)
    return join_alternatives(
        [
            compare_with_texts(f"substr({column}, 1, {length})", beginnings, quote_exact)
            if length
            else f"{column} IS NOT NULL"
            for length, beginnings in cidr.list_prefixes(values).items()
        ]
    )
