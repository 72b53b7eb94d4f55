"""A column that equals one of several values, as SQL: text, ids, numbers, addresses, networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network

from collector.detect.predicates import cidr, ids
from collector.detect.predicates.columns import Columns
from collector.detect.predicates.literals import Unsupported, exact, folded
from collector.text import sql_literal

FEW = 50
"""So many texts are written one by one."""

_SEPARATOR = "\x1f"


def any_of(parts: Sequence[str]) -> str:
    """Alternatives; FALSE where there are none."""
    return f"({' OR '.join(parts)})" if len(parts) > 1 else (*parts, "FALSE")[0]


def one_of(subject: str, literals: Iterable[str]) -> str:
    """A SQL expression against SQL literals."""
    distinct = list(dict.fromkeys(literals))
    if len(distinct) == 1:
        return f"{subject} = {distinct[0]}"
    return f"{subject} IN ({', '.join(distinct)})"


def among(subject: str, values: Iterable[str], literal: Callable[[str], str]) -> str:
    """A SQL expression against texts, of which there may be very many."""
    distinct = list(dict.fromkeys(values))
    # Engines compare with a literal at a time, or plan for seconds; one long text is a hash join.
    if len(distinct) <= FEW or any(_SEPARATOR in value for value in distinct):
        return one_of(subject, map(literal, distinct))
    whole, separator = literal(_SEPARATOR.join(distinct)), sql_literal(_SEPARATOR)
    return f"{subject} IN (SELECT unnest(string_split({whole}, {separator})))"


def sides(name: str, columns: Columns) -> tuple[str, Callable[[str], str]]:
    """The column, and how to write what is compared with it: case counts for ids alone."""
    if columns.is_id(name):
        return columns.text(name), exact
    return columns.folded(name), folded


def texts(name: str, values: Sequence[str], columns: Columns) -> str:
    """The texts without regard to case, but for ids, of which each form is found by the other."""
    if columns.is_id(name):
        return same_ids(name, values, columns)
    return among(columns.folded(name), values, folded)


def cased_texts(name: str, values: Sequence[str], columns: Columns) -> str:
    """The texts as they are written; ids in either form."""
    if columns.is_id(name):
        return same_ids(name, values, columns)
    return among(columns.text(name), values, exact)


def same_ids(name: str, values: Sequence[str], columns: Columns) -> str:
    """Ids, with or without their last three characters, and texts that are none as they are."""
    subject = columns.text(name)
    known = [short for value in values if (short := ids.short(value))]
    others = [value for value in values if ids.short(value) is None]
    parts = []
    if known:
        beginning = among(f"substr({subject}, 1, {ids.KEPT})", known, exact)
        parts.append(f"({beginning} AND {is_as_long_as_an_id(subject)})")
    if others:
        parts.append(among(subject, others, exact))
    return any_of(parts)


def is_as_long_as_an_id(subject: str) -> str:
    """Whether a text has the length of an id."""
    return f"length({subject}) IN ({', '.join(map(str, ids.LENGTHS))})"


def addresses(key: str, numbers: Iterable[int], columns: Columns) -> str:
    """A column of address keys against addresses."""
    return among(columns.raw(key), map(cidr.key, numbers), exact)


def networks(name: str, values: Sequence[IPv4Network | IPv6Network], columns: Columns) -> str:
    """The address of a field in one of the networks. Raises SigmaError for fields without one."""
    key = columns.address_key(name)
    if key is None:
        raise Unsupported(f"cidr is served for source_ip, whose address is known, not for {name}")
    column = columns.raw(key)
    return any_of(
        [
            among(f"substr({column}, 1, {length})", beginnings, exact)
            if length
            else f"{column} IS NOT NULL"
            for length, beginnings in cidr.prefixes(values).items()
        ]
    )
