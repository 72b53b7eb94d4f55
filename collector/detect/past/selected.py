"""The events of one type that a rule selects, as SQL that other questions are asked of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collector.model import Rule
from collector.text import sql_identifier

DIGEST = 32
"""Hex digits that stand for a combination of values, which may be long and is hostile text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A rule as it is compiled for one event type, and a FROM item with events of that type."""

    rule: Rule
    relation: str

    def select(self, values: Sequence[str], columns: Mapping[str, str]) -> str:
        """SQL: of each event the rule selects, these columns and expressions, by their names.

        `values` are fields whose texts are `value(0)`, `value(1)`, …; events that lack one of them
        are left out.
        """
        texts = [f"CAST({sql_identifier(name)} AS VARCHAR)" for name in values]
        shown = [f"{text} AS {value(place)}" for place, text in enumerate(texts)]
        shown += [f"{expression} AS {name}" for name, expression in columns.items()]
        conditions = [f"({self.rule.predicate})", *(f"{text} IS NOT NULL" for text in texts)]
        return (
            f"SELECT {', '.join(shown)} FROM {self.relation} AS events"
            f" WHERE {' AND '.join(conditions)}"
        )


def value(place: int) -> str:
    """The column with the text of the key's value at that place."""
    return sql_identifier(f"#{place}")  # no field can have this name


def values(count: int) -> str:
    """All columns with texts of a key of so many values."""
    return ", ".join(value(place) for place in range(count))


def digest(count: int) -> str:
    """SQL: what stands for a combination of so many values."""
    # Lengths keep ("a", "bc") and ("ab", "c") apart; a stranger must not be able to make two alike.
    texts = " || ".join(
        f"length({value(place)}) || ':' || {value(place)}" for place in range(count)
    )
    return f"left(sha256({texts}), {DIGEST})"
