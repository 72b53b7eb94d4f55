"""What fresh events change of the facts: those that they belong to, after them and before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from collector.escaping import quote_identifier
from collector.normalize.fact_pairing import (
    KnownPairs,
    PairingStage,
    build_assignment,
    build_keyed_select,
    build_stage_select,
    list_stages,
)
from collector.normalize.fact_records import build_nearby_events, build_records, has_pairs
from collector.normalize.fact_types import FactType


class TableMaker(Protocol):
    """Runs SQL and keeps what it gives."""

    def create_table(self, select: str) -> str:
        """A FROM item with the rows of a SELECT."""

    def read_values(self, select: str) -> Sequence[Any]:
        """The values of the first column of a SELECT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedChanges:
    """FROM items with the derived records that fresh events change: after them, and before them.

    `before` is None where none of them existed; only few ask for it, so it is made when it is read.
    """

    after: str
    before: str | None


def compute_fact_changes(
    fact: FactType, tables: TableMaker, fresh: str, stored: str
) -> DerivedChanges:
    """The facts that change with fresh events.

    `fresh` is a FROM item with `FactType.fresh_columns`, read several times; `stored` one with
    `FactType.required_columns`, with the fresh events and with what is near them.
    """
    nearby = _keep_tellings(fact, tables, build_nearby_events(fact, fresh, stored))
    changes = _ChangedFacts(nearby=nearby, fresh=fresh)
    return changes.derive_changes() if nearby.may_pair else changes.derive_new_facts("")


def keep_facts(fact: FactType, tables: TableMaker, stored: str) -> str:
    """A FROM item with all facts of stored events, a FROM item with `FactType.required_columns`.

    The same as `fact_records.build_fact_select` has, step by step, so that only as much is paired
    as there is to pair.
    """
    tellings = _keep_tellings(fact, tables, stored)
    assignment = ""
    if tellings.may_pair:
        keyed = tellings.key_events()
        assignment = f"({build_assignment(keyed, tellings.pair_events(keyed))})"
    return tables.create_table(tellings.build_records(assignment))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tellings:
    """Events in a table, and the places of the tellers that there are among them."""

    fact: FactType
    tables: TableMaker
    events: str
    present: Sequence[int]

    @property
    def may_pair(self) -> bool:
        """Whether two of the events may tell of one fact."""
        return has_pairs(self.fact, self.present)

    def key_events(self) -> str:
        """A FROM item with the events, and what pairs are found by."""
        return self.tables.create_table(build_keyed_select(self.fact, self.events, self.present))

    def pair_events(self, keyed: str) -> KnownPairs:
        """FROM items with the pairs, found stage by stage as long as there is something to pair."""
        known: dict[str, PairingStage] = {}
        free = set(self.present)
        for stage in list_stages(self.fact, self.present):
            if stage.other not in free:
                continue
            select = build_stage_select(self.fact, stage, keyed, known)
            known[self.tables.create_table(select)] = stage
            if stage.is_likeness or stage.one != stage.other:
                free = self._list_free_tellers(keyed, known)
        return known

    def build_records(self, assignment: str) -> str:
        """SQL: the facts that the events tell of, as `assignment` has them."""
        return build_records(self.fact, self.events, assignment, self.present)

    def _list_free_tellers(self, keyed: str, known: KnownPairs) -> set[int]:
        """The tellers some of whose events have joined no other."""
        joined = " UNION ALL ".join(f"SELECT other FROM {pairs}" for pairs in known)
        return set(
            self.tables.read_values(
                f"SELECT DISTINCT teller FROM {keyed} WHERE event_uid NOT IN ({joined})"
            )
        )


def _keep_tellings(fact: FactType, tables: TableMaker, relation: str) -> _Tellings:
    columns = ", ".join(map(quote_identifier, fact.required_columns))
    events = tables.create_table(f"SELECT {columns} FROM {relation}")
    types = tables.read_values(f"SELECT DISTINCT event_type FROM {events}")
    present = fact.list_present_tellers(types)
    return _Tellings(fact=fact, tables=tables, events=events, present=present)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChangedFacts:
    """Fresh events, and all that lie around them."""

    nearby: _Tellings
    fresh: str

    def derive_new_facts(self, assignment: str) -> DerivedChanges:
        """The facts of fresh events that belong to no others."""
        events = f"(SELECT * FROM {self.nearby.events} WHERE {self._fresh_condition})"
        select = replace(self.nearby, events=events).build_records(assignment)
        return DerivedChanges(after=self._create_table(select), before=None)

    def derive_changes(self) -> DerivedChanges:
        """The facts that are others than without the fresh events."""
        keyed = self.nearby.key_events()
        pairs = self.nearby.pair_events(keyed)
        assignment = f"({build_assignment(keyed, pairs)})"
        if not self._has_fresh_pairs(pairs):
            # What is in no pair keeps no others from theirs.
            return self.derive_new_facts(assignment)
        rest = f"(SELECT * FROM {keyed} WHERE NOT {self._fresh_condition})"
        earlier = build_assignment(rest, self.nearby.pair_events(rest))
        facts = self._create_table(
            "SELECT later.event_uid, later.fact, earlier.fact AS earlier"
            f" FROM {assignment} AS later LEFT JOIN ({earlier}) AS earlier"
            " ON earlier.event_uid = later.event_uid"
        )
        changed = f"SELECT * FROM {facts} AS facts WHERE fact IS DISTINCT FROM earlier"
        names = f"SELECT fact FROM ({changed}) AS c UNION SELECT earlier FROM ({changed}) AS d"
        touched = self._create_table(
            f"SELECT * FROM {facts} AS facts WHERE fact IN (SELECT fact FROM ({names}) AS n)"
            f" OR earlier IN (SELECT fact FROM ({names}) AS n)"
        )
        earlier_facts = (
            f"(SELECT event_uid, earlier AS fact FROM {touched} AS touched"
            " WHERE earlier IS NOT NULL)"
        )
        later_facts = f"(SELECT event_uid, fact FROM {touched} AS touched)"
        return DerivedChanges(
            after=self._create_table(self.nearby.build_records(later_facts)),
            before=f"({self.nearby.build_records(earlier_facts)})",
        )

    def _create_table(self, select: str) -> str:
        return self.nearby.tables.create_table(select)

    @property
    def _fresh_condition(self) -> str:
        return f"event_uid IN (SELECT event_uid FROM {self.fresh} AS fresh)"

    def _has_fresh_pairs(self, pairs: KnownPairs) -> bool:
        found = " UNION ALL ".join(
            f"SELECT {side} AS event_uid FROM {name}" for name in pairs for side in ("one", "other")
        )
        return bool(
            self.nearby.tables.read_values(
                f"SELECT 1 FROM ({found}) AS paired WHERE {self._fresh_condition} LIMIT 1"
            )
        )
