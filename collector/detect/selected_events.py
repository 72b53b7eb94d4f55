"""The events of one type that a rule selects, as SQL for further queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collector.detect.predicates.members import select_members
from collector.escaping import quote_identifier
from collector.model import Baseline, FirstSeen, Rule
from collector.model.member_columns import SEPARATORS

DIGEST_LENGTH = 32
"""Hex digits of the digest of a combination of values, which may be long and hostile text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRelation:
    """A rule as it is compiled for one event type, and a FROM item with events of that type."""

    rule: Rule
    relation: str

    def select_events(self, values: Sequence[str], columns: Mapping[str, str]) -> str:
        """SQL: of each event the rule selects, these columns and expressions, by their names.

        `values` are fields whose texts are `value(0)`, `value(1)`, …; events that lack one of them
        are left out, or have empty text in its place, as the rule says. Where a field is a list,
        there is a row for each of its members.
        """
        texts = [self._render_value(name) for name in values]
        selected = [f"{text} AS {name_value_column(place)}" for place, text in enumerate(texts)]
        selected += [f"{expression} AS {name}" for name, expression in columns.items()]
        conditions = [f"({self.rule.predicate})", *(f"{text} IS NOT NULL" for text in texts)]
        select = (
            f"SELECT {', '.join(selected)} FROM {self.relation} AS events"
            f" WHERE {' AND '.join(conditions)}"
        )
        names = [*map(name_value_column, range(len(values))), *columns]
        for place, field in enumerate(values):
            if field in SEPARATORS:
                select = unnest_column(name_value_column(place), names, select)
        return select

    def _render_value(self, field: str) -> str:
        is_list = field in SEPARATORS
        text = select_members(field) if is_list else f"CAST({quote_identifier(field)} AS VARCHAR)"
        aggregation = self.rule.aggregation
        if not isinstance(aggregation, FirstSeen | Baseline) or aggregation.missing == "skip":
            return text
        empty = "['']" if is_list else "''"
        return f"coalesce({text}, {empty})"


def unnest_column(column: str, names: Sequence[str], select: str) -> str:
    """SQL: the rows of a SELECT of these columns, one for each member of a column of lists."""
    others = [f"unnest({name}) AS {name}" if name == column else name for name in names]
    return f"SELECT {', '.join(others)} FROM ({select}) AS events"


def name_value_column(place: int) -> str:
    """The column with the text of the key's value at that place."""
    return quote_identifier(f"#{place}")  # no field can have this name


def list_value_columns(count: int) -> str:
    """All columns with texts of a key of so many values."""
    return ", ".join(name_value_column(place) for place in range(count))


def render_key_digest(count: int, *, first: int = 0) -> str:
    """SQL: the digest of a combination of so many values, or of those from one place on."""
    # Lengths keep ("a", "bc") and ("ab", "c") apart: nobody must be able to make two alike.
    texts = " || ".join(
        f"length({name_value_column(place)}) || ':' || {name_value_column(place)}"
        for place in range(first, count)
    )
    return f"left(sha256({texts}), {DIGEST_LENGTH})"
