"""The events of one type that a rule selects, as SQL for further queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collector.escaping import quote_identifier
from collector.model import Rule

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
        are left out.
        """
        texts = [f"CAST({quote_identifier(name)} AS VARCHAR)" for name in values]
        selected = [f"{text} AS {name_value_column(place)}" for place, text in enumerate(texts)]
        selected += [f"{expression} AS {name}" for name, expression in columns.items()]
        conditions = [f"({self.rule.predicate})", *(f"{text} IS NOT NULL" for text in texts)]
        return (
            f"SELECT {', '.join(selected)} FROM {self.relation} AS events"
            f" WHERE {' AND '.join(conditions)}"
        )


def name_value_column(place: int) -> str:
    """The column with the text of the key's value at that place."""
    return quote_identifier(f"#{place}")  # no field can have this name


def list_value_columns(count: int) -> str:
    """All columns with texts of a key of so many values."""
    return ", ".join(name_value_column(place) for place in range(count))


def render_key_digest(count: int) -> str:
    """SQL: the digest of a combination of so many values."""
    # Lengths keep ("a", "bc") and ("ab", "c") apart: nobody must be able to make two alike.
    texts = " || ".join(
        f"length({name_value_column(place)}) || ':' || {name_value_column(place)}"
        for place in range(count)
    )
    return f"left(sha256({texts}), {DIGEST_LENGTH})"
