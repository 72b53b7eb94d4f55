"""A batch's events for rules about several: one pass over them, for all of these rules together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import duckdb

from collector import normalize
from collector.detect import RuleSet, correlation_sql
from collector.detect.evaluation_errors import describe_error
from collector.detect.member_sql import is_remembering
from collector.escaping import quote_identifier, quote_literal
from collector.evaluation.event_views import EventViews, TimeSpan
from collector.evaluation.temp_tables import TempTables
from collector.model import Baseline, Correlation, FirstSeen, Rule
from collector.model.event_columns import HEADER_COLUMNS


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedEvents:
    """Events of one type that fit some of the rules.

    Attributes:
        table: what every event has, what the rules read, and for each a flag (`name_flag_column`).
        rules: the names of the rules.
        selecting_rules: those of them that select any of the events.
        is_lost: whether they are derived records which do not look so any more.
    """

    event_type: str
    table: str
    rules: frozenset[str]
    selecting_rules: frozenset[str]
    is_lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchScan:
    """What a batch brings for rules about several events.

    Attributes:
        events: the events, by type.
        failures: the rules that could not be run over them, with the reason.
    """

    events: Sequence[ScannedEvents] = ()
    failures: Mapping[str, str] = field(default_factory=dict)

    def list_selected(self, names: Collection[str]) -> list[ScannedEvents]:
        """The events of those types of which any of these rules selects one."""
        return [each for each in self.events if not each.selecting_rules.isdisjoint(names)]

    def has_news_for(self, name: str) -> bool:
        """Whether a rule selects some of the events, or could not be run over them."""
        return name in self.failures or bool(self.list_selected((name,)))


class BatchScanner:
    """Finds the events of a batch that rules about several look at.

    Those are rules that remember, and the plain ones that correlations look at.
    """

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules
        self._fields_by_leaf = _collect_leaf_fields(rules)
        self._names = self._fields_by_leaf.keys() | {
            rule.name for rule in rules.rules if is_remembering(rule) and rules.is_asked(rule)
        }

    def scan_batch(
        self,
        events: EventViews,
        span: TimeSpan,
        tables: TempTables,
        names: Collection[str] | None = None,
    ) -> BatchScan:
        """What the batch has for rules of these names, and for what lies below them; None: for all.

        `span` holds the times of all its events.
        """
        wanted = self._names if names is None else self._names & self._expand_names(names)
        scanned: list[ScannedEvents] = []
        failures: dict[str, str] = {}
        for event_type in events.list_batch_types():
            rules = [
                rule
                for rule in self._rules.select_by_type(event_type)
                # A rule about every type looks at logged events, not at derived ones.
                if rule.name in wanted
                and (rule.event_types or event_type not in normalize.DERIVED_EVENT_TYPES)
            ]
            if rules:
                scan = _TypeScan(
                    events=events,
                    event_type=event_type,
                    span=span,
                    tables=tables,
                    rules=rules,
                    columns=self._list_columns(rules, event_type),
                )
                scanned += _select_events(scan, failures)
        return BatchScan(events=scanned, failures=failures)

    def _expand_names(self, names: Collection[str]) -> frozenset[str]:
        by_name = self._rules.by_name
        below = (
            correlation_sql.list_plain_rules(by_name[name], by_name)
            for name in names
            if name in by_name
        )
        return frozenset(leaf for leaves in below for leaf in leaves)

    def _list_columns(self, rules: Sequence[Rule], event_type: str) -> list[str]:
        """The columns of the rules' events that are read, beside the header."""
        columns = {
            normalize.find_physical_column(each, event_type)
            for rule in rules
            for each in self._fields_by_leaf.get(rule.name, ())
        }
        columns |= {name for rule in rules for name in _list_remembered_columns(rule)}
        return sorted(columns - set(HEADER_COLUMNS))


@dataclass(frozen=True, slots=True, kw_only=True)
class _TypeScan:
    """The events of one type that a batch brings or changes, for rules that read `columns`."""

    events: EventViews
    event_type: str
    span: TimeSpan
    tables: TempTables
    rules: Sequence[Rule]
    columns: Sequence[str]

    def select_events(self) -> list[ScannedEvents]:
        """Those that some of the rules select, and those that are lost. Raises duckdb.Error."""
        conditions = (name for rule in self.rules for name in rule.condition_fields)
        needs = sorted({*HEADER_COLUMNS, *self.columns, *conditions})
        relation = self.events.select_batch_events(self.event_type, self.span, needs)
        if relation is None:
            return []
        fitting = self._keep_events(self._render_select(HEADER_COLUMNS, relation))
        replaced = self.events.select_replaced_events(self.event_type, self.span, needs)
        lost = replaced and self._keep_lost_events(replaced, fitting)
        return [fitting, lost] if lost and lost.selecting_rules else [fitting]

    def _render_select(self, header: Sequence[str], source: str) -> str:
        """SQL: the events that some of the rules select, and which of them do."""
        flags = (f"{rule.predicate} AS {name_flag_column(rule.name)}" for rule in self.rules)
        listed = ", ".join([*header, *map(quote_identifier, self.columns), *flags])
        condition = " OR ".join(dict.fromkeys(rule.predicate for rule in self.rules))
        return f"SELECT {listed} FROM {source} AS events WHERE {condition}"

    def _keep_lost_events(self, replaced: str, fitting: ScannedEvents) -> ScannedEvents:
        """Those of the replaced events that differ now in anything that a rule reads."""
        header = ("event_uid", '"time"')
        flags = (name_flag_column(rule.name) for rule in self.rules)
        compared = ", ".join([*header, *map(quote_identifier, self.columns), *flags])
        lost = self._keep_events(
            f"SELECT *, {quote_literal(self.event_type)} AS event_type,"
            f" NULL::TIMESTAMPTZ AS received FROM ({self._render_select(header, replaced)}"
            f" EXCEPT SELECT {compared} FROM {fitting.table}) AS lost"
        )
        return replace(lost, is_lost=True)

    def _keep_events(self, select: str) -> ScannedEvents:
        table = self.tables.create_table(select)
        names = [rule.name for rule in self.rules]
        answers = ", ".join(f"bool_or({name_flag_column(name)})" for name in names)
        row = self.events.connection.execute(f"SELECT {answers} FROM {table}").fetchone() or ()
        return ScannedEvents(
            event_type=self.event_type,
            table=table,
            rules=frozenset(names),
            selecting_rules=frozenset(
                name for name, selects in zip(names, row, strict=True) if selects
            ),
        )


def _select_events(scan: _TypeScan, failures: dict[str, str]) -> list[ScannedEvents]:
    """The events of a type; where a rule fails, that is noted, and the others do not suffer."""
    try:
        return scan.select_events()
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        if len(scan.rules) == 1:
            failures[scan.rules[0].name] = describe_error(error)
            return []
    alone = (replace(scan, rules=[rule]) for rule in scan.rules)
    return [each for one in alone for each in _select_events(one, failures)]


def name_flag_column(name: str) -> str:
    """The column that says whether an event fits a rule."""
    return quote_identifier(f"is:{name}")  # no column of an event can have such a name


def _collect_leaf_fields(rules: RuleSet) -> dict[str, frozenset[str]]:
    """By plain rule that a correlation looks at, the fields of its events that any of them reads.

    Of rules that compare with the past it is not the batch's events that say what they match.
    """
    by_name = rules.by_name
    found: dict[str, set[str]] = {}
    for rule in rules.rules:
        if not isinstance(rule.aggregation, Correlation) or not rule.raises_alert:
            continue
        for leaf in correlation_sql.list_leaves(rule, by_name):
            if not is_remembering(by_name[leaf]):
                groups = correlation_sql.list_group_fields(rule, by_name, leaf)
                fields = found.setdefault(leaf, set())
                fields.update(name for name in groups if name)
                fields.update(correlation_sql.list_leaf_fields(rule, by_name, leaf))
    return {leaf: frozenset(fields) for leaf, fields in found.items()}


def _list_remembered_columns(rule: Rule) -> Iterator[str]:
    """The columns of its events that a rule remembers something of."""
    match rule.aggregation:
        case FirstSeen(key=key):
            yield from key
        case Baseline(group_by=group_by, field=measured):
            yield from group_by
            if measured:
                yield measured
