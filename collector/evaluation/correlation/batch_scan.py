"""A batch's events for correlations: one pass over them, for all correlations together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from collector import normalize
from collector.detect import RuleSet, correlation_sql
from collector.detect.evaluation_errors import describe_error
from collector.detect.member_sql import is_remembering
from collector.escaping import quote_identifier
from collector.evaluation.event_views import EventViews, TimeSpan
from collector.evaluation.temp_tables import TempTables
from collector.model import Correlation, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedEvents:
    """Events of one type that fit some of the rules that correlations look at.

    In `table`, beside their columns, a flag for each of `leaves`: whether it fits. `is_lost` says
    that they are derived records which do not look so any more.
    """

    event_type: str
    table: str
    leaves: frozenset[str]
    is_lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchScan:
    """Finds the events of a batch that correlations look at.

    Attributes:
        rules: all rules.
        leaves_by_rule: by correlation, the plain rules below it.
        failures: plain rules that could not be run, with the reason.
    """

    rules: RuleSet
    leaves_by_rule: Mapping[str, Sequence[str]]
    failures: dict[str, str] = field(default_factory=dict)

    def scan_batch(
        self, events: EventViews, span: TimeSpan, tables: TempTables
    ) -> list[ScannedEvents]:
        """The batch's events by type; `span` holds the times of all its events.

        Of rules that compare with the past it is not the batch's events that say what they match.
        """
        leaf_names = frozenset(
            leaf
            for leaves in self.leaves_by_rule.values()
            for leaf in leaves
            if not is_remembering(self.rules.by_name[leaf])
        )
        scanned: list[ScannedEvents] = []
        for event_type in events.list_batch_types():
            leaves = [
                rule
                for rule in self.rules.select_by_type(event_type)
                # A rule about every type looks at logged events, not at derived ones.
                if rule.name in leaf_names
                and (rule.event_types or event_type not in normalize.DERIVED_EVENT_TYPES)
            ]
            if leaves:
                scanned += self._scan_type(events, event_type, leaves, span, tables)
        return scanned

    def select_groups(self, rule: Rule, scanned: Sequence[ScannedEvents]) -> str:
        """SQL: the time and the groups (`g0`, `g1`, …) of a correlation's scanned events."""
        return " UNION ALL ".join(
            f"SELECT {', '.join(['time', *self._render_groups(rule, leaf, each.event_type)])}"
            f" FROM {each.table} WHERE {_name_flag_column(leaf)}"
            for each in scanned
            for leaf in self.leaves_by_rule[rule.name]
            if leaf in each.leaves
        )

    def has_independent_groups(self, rule: Rule) -> bool:
        """Whether the groups that a batch touches can be evaluated without the others."""
        fields = (
            field
            for leaf in self.leaves_by_rule[rule.name]
            for field in correlation_sql.list_group_fields(rule, self.rules.by_name, leaf)
        )
        correlation = rule.aggregation
        if not isinstance(correlation, Correlation) or not correlation.group_by:
            return False
        if correlation_sql.has_list_group(correlation) or self.list_remembering_leaves(rule):
            return False
        if correlation_sql.has_link(rule, self.rules.by_name):
            return False
        return correlation.is_monotonic and all(fields)

    def list_remembering_leaves(self, rule: Rule) -> list[str]:
        """The rules below a correlation that compare with the past."""
        leaves = self.leaves_by_rule[rule.name]
        return [leaf for leaf in leaves if is_remembering(self.rules.by_name[leaf])]

    def _scan_type(
        self,
        events: EventViews,
        event_type: str,
        leaves: Sequence[Rule],
        span: TimeSpan,
        tables: TempTables,
    ) -> Iterator[ScannedEvents]:
        columns = self._list_group_columns([rule.name for rule in leaves], event_type)
        read_columns = self._list_read_columns([rule.name for rule in leaves], event_type)
        needs = {
            *columns,
            *read_columns,
            *(name for rule in leaves for name in rule.condition_fields),
        }
        flags = [f"{rule.predicate} AS {_name_flag_column(rule.name)}" for rule in leaves]
        selected = ", ".join(["time", *map(quote_identifier, columns), *flags])
        # A record that differs in anything that a correlation reads is lost as it was.
        read = map(quote_identifier, sorted({*columns, *read_columns}))
        compared = ", ".join(["event_uid", "time", *read, *flags])
        condition = " OR ".join(rule.predicate for rule in leaves)
        select_fitting = f"SELECT {{}} FROM {{}} AS events WHERE {condition}"
        try:
            relation = events.select_batch_events(event_type, span, sorted(needs))
            if relation is None:
                return
            table = tables.create_table(select_fitting.format(selected, relation))
            replaced = events.select_replaced_events(event_type, span, sorted(needs))
            lost = replaced and tables.create_table(
                f"{select_fitting.format(compared, replaced)}"
                f" EXCEPT {select_fitting.format(compared, relation)}"
            )
        except duckdb.Error as error:
            if len(leaves) == 1:
                self.failures[leaves[0].name] = describe_error(error)
                return
            for rule in leaves:  # one of them fails: the others are not to suffer for it
                yield from self._scan_type(events, event_type, [rule], span, tables)
            return
        names = frozenset(rule.name for rule in leaves)
        yield ScannedEvents(event_type=event_type, table=table, leaves=names)
        if lost and events.connection.execute(f"SELECT 1 FROM {lost} LIMIT 1").fetchone():
            yield ScannedEvents(event_type=event_type, table=lost, leaves=names, is_lost=True)

    def _list_group_columns(self, leaves: Sequence[str], event_type: str) -> list[str]:
        """The columns in which the groups of the leaves' events stand."""
        fields = {
            field
            for name, leaf_names in self.leaves_by_rule.items()
            for leaf in set(leaves) & set(leaf_names)
            for field in correlation_sql.list_group_fields(
                self.rules.by_name[name], self.rules.by_name, leaf
            )
            if field and field != "time"
        }
        return sorted({normalize.find_physical_column(each, event_type) for each in fields})

    def _list_read_columns(self, leaves: Sequence[str], event_type: str) -> set[str]:
        """The columns of the leaves' events that correlations read, beside the header."""
        return {
            normalize.find_physical_column(field, event_type)
            for name, leaf_names in self.leaves_by_rule.items()
            for leaf in set(leaves) & set(leaf_names)
            for field in correlation_sql.list_leaf_fields(
                self.rules.by_name[name], self.rules.by_name, leaf
            )
        } - {"time"}

    def _render_groups(self, rule: Rule, leaf: str, event_type: str) -> list[str]:
        fields = correlation_sql.list_group_fields(rule, self.rules.by_name, leaf)
        return [
            f"{render_as_text(field, event_type) if field else 'NULL'} AS g{place}"
            for place, field in enumerate(fields)
        ]


def render_as_text(field: str, event_type: str) -> str:
    """SQL: a field of events of a type, as text."""
    return f"CAST({quote_identifier(normalize.find_physical_column(field, event_type))} AS VARCHAR)"


def _name_flag_column(leaf: str) -> str:
    return quote_identifier(f"is:{leaf}")  # no column of an event can have such a name
