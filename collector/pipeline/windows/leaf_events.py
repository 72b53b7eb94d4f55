"""The events of a plain rule that a correlation looks at, from the archive and the batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from collector import normalize
from collector.detect import RuleSet, windows
from collector.model import Rule
from collector.pipeline.events import Events, Span
from collector.pipeline.windows.touched import as_text
from collector.text import sql_identifier

_FIXED = {
    "event_uid": "VARCHAR",
    "event_type": "VARCHAR",
    "time": "TIMESTAMPTZ",
    "received": "TIMESTAMPTZ",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafEvents:
    """What a correlation may look at.

    Attributes:
        groups: a table with the groups (`g0`, `g1`, …) that alone are wanted; None for all.
    """

    rules: RuleSet
    rule: Rule
    events: Events
    span: Span
    groups: str | None

    def select(self, leaf: str) -> str:
        """SQL: the leaf's events, with the fields that the correlation reads (`windows.Source`)."""
        fields = windows.fields_of(self.rule, self.rules.by_name, leaf)
        types = self.rules.by_name[leaf].event_types or self.events.stored_types()
        empty = [f"NULL::{kind} AS {name}" for name, kind in _FIXED.items()]
        empty += [f"NULL::VARCHAR AS {sql_identifier(field)}" for field in fields]
        parts = [part for name in types for part in self._of_type(leaf, name, fields)]
        return " UNION ALL ".join([f"SELECT {', '.join(empty)} WHERE FALSE", *parts])

    def _of_type(self, leaf: str, event_type: str, fields: Sequence[str]) -> Iterator[str]:
        (fitting,) = (each for each in self.rules.for_type(event_type) if each.name == leaf)
        columns = {normalize.physical(field, event_type) for field in fields}
        relation = self.events.of(event_type, self.span, sorted({*fitting.fields, *columns}))
        if relation is None:
            return
        shown = [*_FIXED, *(f"{as_text(f, event_type)} AS {sql_identifier(f)}" for f in fields)]
        yield (
            f"SELECT {', '.join(shown)} FROM {relation} AS events"
            f" WHERE {fitting.predicate} AND {self._wanted(leaf, event_type)}"
        )

    def _wanted(self, leaf: str, event_type: str) -> str:
        if self.groups is None:
            return "TRUE"
        names = windows.groups(self.rule, self.rules.by_name, leaf)
        own = ", ".join(as_text(str(name), event_type) for name in names)
        theirs = ", ".join(f"g{place}" for place in range(len(names)))
        return f"({own}) IN (SELECT ({theirs}) FROM {self.groups})"
