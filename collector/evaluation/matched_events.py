"""Events of one type as rules over single events read them: what is asked, what is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from collector.archive import parquet_sql
from collector.directory.display_names import NAMED_FIELDS
from collector.escaping import quote_identifier
from collector.evaluation.event_directory import COMPLETED_NAMES, EventDirectory
from collector.model import Rule
from collector.model.event_columns import CANONICAL_COLUMNS

MAX_EVENT_COLUMNS = 1_000
"""Events with more are matched and shown without what no rule names. The engine holds memory for
each column of what it sorts, and no type that Salesforce documents has half as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedEvents:
    """The events of one type in a FROM item with these columns, for these rules."""

    relation: str
    columns: frozenset[str]
    rules: Sequence[Rule]
    directory: EventDirectory
    event_type: str

    def select_asked(self) -> str:
        """A FROM item, called `events`, with all events and what the rules' predicates read."""
        wanted = {name for rule in self.rules for name in rule.condition_fields}
        return f"{self._add_columns(self.relation, wanted, ())} AS events"

    def select_whole(self, table: str) -> str:
        """The same of the events whose uids are in a table, with all that is shown of them."""
        uids = f'SELECT "event_uid" FROM {table}'
        chosen = f'(SELECT * FROM {self.relation} WHERE "event_uid" IN ({uids}))'
        wanted = {name for rule in self.rules for name in rule.fields}
        return f"{self._add_columns(chosen, wanted, COMPLETED_NAMES)} AS events"

    def _add_columns(
        self, relation: str, wanted: AbstractSet[str], completed_names: Iterable[str]
    ) -> str:
        """The relation with the columns that are wanted, NULL where nobody knows them."""
        completed = self.directory.add_fields(
            relation, self.columns, sorted({*wanted, *completed_names}), self.event_type
        )
        columns = self.columns.union(name for name in wanted if name in NAMED_FIELDS)
        present = {name.lower() for name in columns}
        missing = {name.lower(): name for name in wanted if name.lower() not in present}
        kept = self._drop_excess_columns(completed, columns)
        return parquet_sql.pad_columns(kept, frozenset(), sorted(missing.values()))

    def _drop_excess_columns(self, relation: str, columns: frozenset[str]) -> str:
        """The relation; of one with too many columns, those that every event has and rules name."""
        if len(columns) <= MAX_EVENT_COLUMNS:
            return relation
        named = {name.lower() for rule in self.rules for name in rule.fields}
        wanted = named | CANONICAL_COLUMNS.keys()
        kept = sorted(name for name in columns if name.lower() in wanted)
        return f"(SELECT {', '.join(map(quote_identifier, kept))} FROM {relation})"
