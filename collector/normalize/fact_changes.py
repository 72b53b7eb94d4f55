"""What fresh events change of the facts: those that they belong to, after them and before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    columns = ", ".join(map(quote_identifier, fact.required_columns))
    nearby = tables.create_table(
        f"SELECT {columns} FROM {build_nearby_events(fact, fresh, stored)}"
    )
    types = tables.read_values(f"SELECT DISTINCT event_type FROM {nearby}")
    present = fact.list_present_tellers(types)
    changes = _ChangedFacts(fact=fact, tables=tables, nearby=nearby, present=present, fresh=fresh)
    if not has_pairs(fact, present):
        return changes.derive_new_facts("")
    return changes.derive_changes()


def keep_facts(fact: FactType, tables: TableMaker, stored: str) -> str:
    """A FROM item with all facts of stored events, a FROM item with `FactType.required_columns`.

    The same as `fact_records.build_fact_select` has, step by step, so that only as much is paired
    as there is to pair.
    """
    columns = ", ".join(map(quote_identifier, fact.required_columns))
    events = tables.create_table(f"SELECT {columns} FROM {stored}")
    types = tables.read_values(f"SELECT DISTINCT event_type FROM {events}")
    present = fact.list_present_tellers(types)
    assignment = ""
    if has_pairs(fact, present):
        pairing = _FactPairing(fact=fact, tables=tables, present=present)
        keyed = tables.create_table(build_keyed_select(fact, events, present))
        assignment = f"({build_assignment(keyed, pairing.pair_events(keyed))})"
    return tables.create_table(build_records(fact, events, assignment, present))


@dataclass(frozen=True, slots=True, kw_only=True)
class _FactPairing:
    """Which events of the present tellers tell of one fact."""

    fact: FactType
    tables: TableMaker
    present: Sequence[int]

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

    def _list_free_tellers(self, keyed: str, known: KnownPairs) -> set[int]:
        """The tellers some of whose events have joined no other."""
        joined = " UNION ALL ".join(f"SELECT other FROM {pairs}" for pairs in known)
        return set(
            self.tables.read_values(
                f"SELECT DISTINCT teller FROM {keyed} WHERE event_uid NOT IN ({joined})"
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChangedFacts:
    """The events around fresh ones, and those of the present tellers among them."""

    fact: FactType
    tables: TableMaker
    nearby: str
    present: Sequence[int]
    fresh: str

    def derive_new_facts(self, assignment: str) -> DerivedChanges:
        """The facts of fresh events that belong to no others."""
        events = f"(SELECT * FROM {self.nearby} WHERE {self._fresh_condition})"
        select = build_records(self.fact, events, assignment, self.present)
        return DerivedChanges(after=self.tables.create_table(select), before=None)

    def derive_changes(self) -> DerivedChanges:
        """The facts that are others than without the fresh events."""
        keyed = self.tables.create_table(build_keyed_select(self.fact, self.nearby, self.present))
        pairs = self._pair_events(keyed)
        assignment = f"({build_assignment(keyed, pairs)})"
        if not self._has_fresh_pairs(pairs):
            # What is in no pair keeps no others from theirs.
            return self.derive_new_facts(assignment)
        rest = f"(SELECT * FROM {keyed} WHERE NOT {self._fresh_condition})"
        earlier = build_assignment(rest, self._pair_events(rest))
        facts = self.tables.create_table(
            "SELECT later.event_uid, later.fact, earlier.fact AS earlier"
            f" FROM {assignment} AS later LEFT JOIN ({earlier}) AS earlier"
            " ON earlier.event_uid = later.event_uid"
        )
        changed = f"SELECT * FROM {facts} AS facts WHERE fact IS DISTINCT FROM earlier"
        names = f"SELECT fact FROM ({changed}) AS c UNION SELECT earlier FROM ({changed}) AS d"
        touched = self.tables.create_table(
            f"SELECT * FROM {facts} AS facts WHERE fact IN (SELECT fact FROM ({names}) AS n)"
            f" OR earlier IN (SELECT fact FROM ({names}) AS n)"
        )
        earlier_facts = (
            f"(SELECT event_uid, earlier AS fact FROM {touched} AS touched"
            " WHERE earlier IS NOT NULL)"
        )
        return DerivedChanges(
            after=self.tables.create_table(
                self._build_records(f"(SELECT event_uid, fact FROM {touched} AS touched)")
            ),
            before=f"({self._build_records(earlier_facts)})",
        )

    @property
    def _fresh_condition(self) -> str:
        return f"event_uid IN (SELECT event_uid FROM {self.fresh} AS fresh)"

    def _build_records(self, assignment: str) -> str:
        return build_records(self.fact, self.nearby, assignment, self.present)

    def _pair_events(self, keyed: str) -> KnownPairs:
        pairing = _FactPairing(fact=self.fact, tables=self.tables, present=self.present)
        return pairing.pair_events(keyed)

    def _has_fresh_pairs(self, pairs: KnownPairs) -> bool:
        found = " UNION ALL ".join(
            f"SELECT {side} AS event_uid FROM {name}" for name in pairs for side in ("one", "other")
        )
        return bool(
            self.tables.read_values(
                f"SELECT 1 FROM ({found}) AS paired WHERE {self._fresh_condition} LIMIT 1"
            )
        )
