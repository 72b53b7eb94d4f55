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
"""So many texts are written one by one."""

_SEPARATOR = "\x1f"


def join_alternatives(parts: Sequence[str]) -> str:
    """Alternatives; FALSE where there are none."""
    return f"({' OR '.join(parts)})" if len(parts) > 1 else (*parts, "FALSE")[0]


def compare_with_literals(subject: str, literals: Iterable[str]) -> str:
    """A SQL expression against SQL literals."""
    distinct = list(dict.fromkeys(literals))
    if len(distinct) == 1:
        return f"{subject} = {distinct[0]}"
    return f"{subject} IN ({', '.join(distinct)})"


def compare_with_texts(subject: str, values: Iterable[str], literal: Callable[[str], str]) -> str:
    """A SQL expression against texts, of which there may be very many."""
    distinct = list(dict.fromkeys(values))
    # Engines compare with a literal at a time, or plan for seconds; one long text is a hash join.
    if len(distinct) <= MAX_INLINE_VALUES or any(_SEPARATOR in value for value in distinct):
        return compare_with_literals(subject, map(literal, distinct))
    whole, separator = literal(_SEPARATOR.join(distinct)), quote_literal(_SEPARATOR)
    return f"{subject} IN (SELECT unnest(string_split({whole}, {separator})))"


def choose_operands(name: str, columns: FieldColumns) -> tuple[str, Callable[[str], str]]:
    """The column, and how to write what is compared with it: case counts for ids alone."""
    if columns.holds_ids(name):
        return columns.cast_to_text(name), quote_exact
    return columns.fold_case(name), quote_folded


def match_texts(name: str, values: Sequence[str], columns: FieldColumns) -> str:
    """The texts without regard to case, but for ids, of which each form is found by the other."""
    if columns.holds_ids(name):
        return match_ids(name, values, columns)
    return compare_with_texts(columns.fold_case(name), values, quote_folded)


def match_cased_texts(name: str, values: Sequence[str], columns: FieldColumns) -> str:
    """The texts as they are written; ids in either form."""
    if columns.holds_ids(name):
        return match_ids(name, values, columns)
    return compare_with_texts(columns.cast_to_text(name), values, quote_exact)


def match_ids(name: str, values: Sequence[str], columns: FieldColumns) -> str:
    """Ids, with or without their last three characters, and texts that are none as they are."""
    subject = columns.cast_to_text(name)
    known = [short for value in values if (short := salesforce_ids.shorten_id(value))]
    others = [value for value in values if salesforce_ids.shorten_id(value) is None]
    parts = []
    if known:
        beginning = compare_with_texts(
            f"substr({subject}, 1, {salesforce_ids.SHORT_ID_LENGTH})", known, quote_exact
        )
        parts.append(f"({beginning} AND {has_id_length(subject)})")
    if others:
        parts.append(compare_with_texts(subject, others, quote_exact))
    return join_alternatives(parts)


def has_id_length(subject: str) -> str:
    """Whether a text has the length of an id."""
    return f"length({subject}) IN ({', '.join(map(str, salesforce_ids.ID_LENGTHS))})"


def match_addresses(key: str, numbers: Iterable[int], columns: FieldColumns) -> str:
    """A column of address keys against addresses."""
    return compare_with_texts(
        columns.quote_column(key), map(cidr.format_address_key, numbers), quote_exact
    )


def match_networks(
    name: str, values: Sequence[IPv4Network | IPv6Network], columns: FieldColumns
) -> str:
    """The address of a field in one of the networks. Raises SigmaError for fields without one."""
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
