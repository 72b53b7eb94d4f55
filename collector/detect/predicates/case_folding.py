"""Several predicates in one query, in which what many of them need is computed once for all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from collector.detect.predicates.members import MEMBER_NAMES, list_tests
from collector.escaping import quote_identifier

_LOWER_PATTERN = re.compile(r"""'(?:[^']|'')*'|lower\(("(?:[^"]|"")*")\)|"(?:[^"]|"")*\"""")


def build_any_match_query(events: str, predicates: Sequence[str], shown: str) -> str:
    """SQL: these columns of the rows of a FROM item for which at least one predicate holds."""
    shared = _share_terms(events, predicates)
    return f"SELECT {shown} FROM {shared.relation} WHERE {' OR '.join(shared.predicates)}"


def build_match_answers_query(events: str, predicates: Sequence[str]) -> str:
    """SQL: one row that says of each predicate whether it holds for any row of a FROM item."""
    shared = _share_terms(events, predicates)
    answers = ", ".join(f"bool_or({predicate})" for predicate in shared.predicates)
    return f"SELECT {answers} FROM {shared.relation}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _SharedTerms:
    """A FROM item that has what several predicates need, and the predicates over it."""

    relation: str
    predicates: Sequence[str]


def _share_terms(events: str, predicates: Sequence[str]) -> _SharedTerms:
    # Folding the case of long text is most of what rules cost, and few texts are lists.
    uses = Counter(
        match[1]
        for predicate in predicates
        for match in _LOWER_PATTERN.finditer(predicate)
        if match[1]
    )
    for name in MEMBER_NAMES:
        del uses[quote_identifier(name)]
    folded_columns = {
        column: _name_folded_column(column) for column, count in uses.items() if count > 1
    }
    computed = [f"lower({column}) AS {name}" for column, name in folded_columns.items()]
    predicates = [
        _LOWER_PATTERN.sub(lambda match: folded_columns.get(match[1], match[0]), predicate)
        for predicate in predicates
    ]
    for column, test in list_tests():
        if sum(predicate.count(test) for predicate in predicates) > 1:
            name = quote_identifier(f"#list {column}")
            computed.append(f"{test} AS {name}")
            predicates = [predicate.replace(test, name) for predicate in predicates]
    columns = ", ".join(["*", *computed])
    return _SharedTerms(
        relation=f"(SELECT {columns} FROM {events}) AS events", predicates=predicates
    )


def _name_folded_column(column: str) -> str:
    """A name for the folded text of a quoted column, which no column of Salesforce's can have."""
    return f'"#{column[1:]}'
