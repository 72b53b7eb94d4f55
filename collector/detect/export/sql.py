"""Rules as SQL over the archive: one statement each, for DuckDB or for Spark."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from collector.clock import EPOCH
from collector.detect import baseline_sql, correlation_sql, first_seen_sql
from collector.detect.event_schema import EventSchema
from collector.detect.export import ExportedRule
from collector.detect.export.dialect import to_spark
from collector.detect.export.directory_fields import (
    explain_directory_fields,
    forget_shown_fields,
)
from collector.detect.export.member_events import render_learnt_time, select_member_uids
from collector.detect.export.rule_conditions import KNOWN_UNTIL, list_past_comments
from collector.detect.member_sql import is_remembering
from collector.detect.ruleset import RuleSet
from collector.detect.selected_events import RuleRelation
from collector.detect.severity_sql import build_severity_sql
from collector.escaping import collapse_whitespace, quote_identifier, quote_literal
from collector.model import Baseline, Correlation, DerivedType, FirstSeen, Rule, Severity
from collector.model.event_columns import HEADER_COLUMNS

Dialect = Literal["duckdb", "spark"]

ARCHIVE_PLACEHOLDER = "ARCHIVE"
"""The placeholder for the archive's folder in the comments."""

_VIEW_STATEMENTS: Mapping[Dialect, str] = {
    "duckdb": (
        f"CREATE VIEW events AS SELECT * FROM read_parquet('{ARCHIVE_PLACEHOLDER}/**/*.parquet',"
        " union_by_name = true, hive_partitioning = false) WHERE org = 'ORG';"
    ),
    "spark": (
        f"spark.read.option('mergeSchema', 'true').parquet('{ARCHIVE_PLACEHOLDER}')"
        ".where(\"org = 'ORG'\").createOrReplaceTempView('events')"
    ),
}

_WINDOW_COLUMNS = ("metric", "event_count", "window_start", "window_end", "complete")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTable:
    """The event table, the types that are derived from it, and the SQL dialect."""

    schema: EventSchema
    derived_types: Mapping[str, DerivedType]
    dialect: Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class _TypeSet:
    """Some event types, or all others."""

    names: tuple[str, ...]
    is_inclusive: bool = True

    @property
    def condition(self) -> str:
        """The SQL condition of stored events of these types."""
        named = ", ".join(map(quote_literal, self.names)) or "NULL"
        if self.is_inclusive:
            return f"event_type IN ({named})"
        return f"event_type NOT IN ({named})" if self.names else "TRUE"


def export_rules(rules: RuleSet, table: EventTable) -> Iterator[ExportedRule]:
    """Every rule as one SELECT over a view `events`, with comments that say how to create that.

    It returns the events, with their severity, that the rule matches in one org.
    """
    rules = forget_shown_fields(rules)
    for rule in rules.rules:
        if reason := explain_directory_fields(rule, rules):
            yield ExportedRule(rule=rule.name, reason=reason)
            continue
        statement = _build_statement(rule, rules, table)
        if table.dialect == "spark":
            statement = to_spark(statement)
        comments = "".join(
            f"-- {collapse_whitespace(line)}\n" for line in _build_comments(rule, rules, table)
        )
        yield ExportedRule(rule=rule.name, text=f"{comments}{statement}\n;\n")


def _build_comments(rule: Rule, rules: RuleSet, table: EventTable) -> Iterator[str]:
    yield f"rule: {rule.name}"
    yield f"{rule.title} ({rule.level}, {rule.id})"
    if rule.attack:
        yield f"ATT&CK: {', '.join(rule.attack)}"
    yield "reads the view events, which holds one org:"
    yield _VIEW_STATEMENTS[table.dialect]
    yield from list_past_comments(rule)
    natives = sorted(set(_list_read_columns(rule, rules, table)) - table.schema.column_types.keys())
    if natives and table.dialect == "spark":
        yield f"add what no file has yet to the view, as NULL: {', '.join(natives)}"


def _list_read_columns(rule: Rule, rules: RuleSet, table: EventTable) -> Iterator[str]:
    """The columns of the view that a statement reads."""
    if isinstance(rule.aggregation, Correlation):
        for leaf in correlation_sql.list_leaves(rule, rules.by_name):
            yield from _list_read_columns(rules.by_name[leaf], rules, table)
            for types, _ in _group_variants(rules.by_name[leaf], rules):
                fields = correlation_sql.list_leaf_fields(rule, rules.by_name, leaf)
                yield from _map_columns(fields, types, table).values()
    for types, variant in _group_variants(rule, rules):
        yield from variant.fields
        for name in types.names:
            yield from (
                table.derived_types[name].required_columns if name in table.derived_types else ()
            )


def _map_columns(fields: Sequence[str], types: _TypeSet, table: EventTable) -> dict[str, str]:
    """The columns of fields, by the names that a rule uses."""
    event_type = types.names[0] if types.is_inclusive else ""
    return {name: table.schema.resolve_column(name, event_type) for name in fields}


def _build_statement(rule: Rule, rules: RuleSet, table: EventTable) -> str:
    if isinstance(rule.aggregation, Correlation):
        return _select_correlation(rule, rule.aggregation, rules, table)
    parts = _list_parts(rule, rules, table)
    if isinstance(rule.aggregation, FirstSeen):
        return _select_first_seen(rule.aggregation, parts, table)
    return (
        _select_baseline(rule, parts)
        if isinstance(rule.aggregation, Baseline)
        else _select_events(parts, table)
    )


def _list_parts(rule: Rule, rules: RuleSet, table: EventTable) -> list[RuleRelation]:
    return [
        RuleRelation(rule=variant, relation=_select_types(types, variant.fields, table))
        for types, variant in _group_variants(rule, rules)
    ]


def _group_variants(rule: Rule, rules: RuleSet) -> list[tuple[_TypeSet, Rule]]:
    """The rule's variants, each with the event types that it is compiled for."""
    variants = {
        name: each for (rule_name, name), each in rules.variants.items() if rule_name == rule.name
    }
    if not rule.event_types:
        others = [(_TypeSet(names=(name,)), each) for name, each in sorted(variants.items())]
        return [(_TypeSet(names=tuple(sorted(variants)), is_inclusive=False), rule), *others]
    groups: dict[int, tuple[list[str], Rule]] = {}
    for name in rule.event_types:
        variant = variants.get(name, rule)
        groups.setdefault(id(variant), ([], variant))[0].append(name)
    return [(_TypeSet(names=tuple(names)), variant) for names, variant in groups.values()]


# ---- events


def _select_events(parts: Sequence[RuleRelation], table: EventTable) -> str:
    """The events that a rule matches, each with its severity."""
    natives = sorted(
        {name for part in parts for name in part.rule.fields} - table.schema.column_types.keys()
    )
    return "\nUNION ALL\n".join(_select_matches(part, natives, table) for part in parts)


def _select_matches(part: RuleRelation, natives: Sequence[str], table: EventTable) -> str:
    columns = [quote_identifier(name) for name in table.schema.column_types]
    columns += [
        quote_identifier(name)
        if name in part.rule.fields
        else f"CAST(NULL AS VARCHAR) AS {quote_identifier(name)}"
        for name in natives
    ]
    return (
        f"SELECT {_render_severity(part.rule)} AS severity, {', '.join(columns)}\n"
        f"FROM {part.relation} AS events\nWHERE {part.rule.predicate}"
    )


def _render_severity(rule: Rule) -> str:
    """The severity of a row, by its name."""
    if not rule.severity_cases and not rule.severity_steps and rule.unexpired is None:
        return quote_literal(str(rule.level))
    return _render_level_name(build_severity_sql(rule))


def _render_level_name(number: str) -> str:
    names = " ".join(f"WHEN {int(each)} THEN {quote_literal(str(each))}" for each in Severity)
    return f"CASE {number} {names} END"


def _select_types(types: _TypeSet, columns: Collection[str], table: EventTable) -> str:
    """A FROM item with the events of some types, in which these columns exist."""
    derived = [table.derived_types[name] for name in types.names if name in table.derived_types]
    stored = [name for name in types.names if name not in table.derived_types]
    selects = [
        f"SELECT {_render_columns(columns, table, each.columns)}"
        f" FROM ({_select_derived(each, table)}) AS events"
        for each in derived
    ]
    if not derived or not types.is_inclusive:
        return _select_stored(types, columns, table)
    if stored:
        selected = _render_columns(columns, table, columns)
        others = _select_stored(_TypeSet(names=tuple(stored)), columns, table)
        selects.append(f"SELECT {selected} FROM {others} AS events")
    return f"({' UNION ALL '.join(selects)})"


def _select_derived(derived: DerivedType, table: EventTable) -> str:
    sources = _TypeSet(names=tuple(derived.source_types))
    return derived.build_select(_select_stored(sources, derived.required_columns, table))


def _render_columns(columns: Iterable[str], table: EventTable, present: Collection[str]) -> str:
    """SQL of the canonical columns and of others, NULL where they are not among the present."""
    canonical = table.schema.column_types
    names = [quote_identifier(name) for name in canonical]
    for name in sorted(set(columns) - canonical.keys()):
        column = quote_identifier(name)
        names.append(column if name in present else f"CAST(NULL AS VARCHAR) AS {column}")
    return ", ".join(names)


def _select_stored(types: _TypeSet, columns: Iterable[str], table: EventTable) -> str:
    return f"(SELECT * FROM {_pad_view(columns, table)} AS events WHERE {types.condition})"


def _pad_view(columns: Iterable[str], table: EventTable) -> str:
    """A FROM item of the view with these columns, even where no file has them."""
    others = sorted(set(columns) - table.schema.column_types.keys())
    if not others or table.dialect == "spark":
        return "events"
    nulls = ", ".join(f"CAST(NULL AS VARCHAR) AS {quote_identifier(name)}" for name in others)
    return f"(SELECT * FROM events UNION ALL BY NAME SELECT {nulls} WHERE FALSE)"


# ---- several events


def _select_correlation(
    rule: Rule, correlation: Correlation, rules: RuleSet, table: EventTable
) -> str:
    def select_leaf(name: str, fields: Sequence[str]) -> str:
        leaf = rules.by_name[name]
        events = " UNION ALL ".join(
            _select_leaf_events(variant, types, fields, table)
            for types, variant in _group_variants(leaf, rules)
        )
        if not is_remembering(leaf):
            return events
        uids = select_member_uids(_list_parts(leaf, rules, table))
        return f"SELECT * FROM ({events}) AS events WHERE event_uid IN ({uids})"

    members = correlation_sql.select_firing_events(
        rule, rules.by_name, select_leaf, known_until=KNOWN_UNTIL
    )
    columns = dict.fromkeys([*HEADER_COLUMNS, *correlation.group_by, *_WINDOW_COLUMNS])
    selected = [f"{_render_level_name('severity')} AS severity", *map(quote_identifier, columns)]
    return f"SELECT {', '.join(selected)}\nFROM ({members}) AS members"


def _select_leaf_events(
    rule: Rule, types: _TypeSet, fields: Sequence[str], table: EventTable
) -> str:
    columns = _map_columns(fields, types, table)
    relation = _select_types(types, {*columns.values(), *rule.fields}, table)
    selected = [
        *HEADER_COLUMNS,
        *(
            f"CAST({quote_identifier(column)} AS VARCHAR) AS {quote_identifier(name)}"
            for name, column in columns.items()
        ),
    ]
    return f"SELECT {', '.join(selected)} FROM {relation} AS events WHERE {rule.predicate}"


def _select_first_seen(
    first_seen: FirstSeen, parts: Sequence[RuleRelation], table: EventTable
) -> str:
    matches = first_seen_sql.select_matches(parts, since=EPOCH)
    return (
        f"SELECT events.*, seen.last_seen\nFROM ({_select_events(parts, table)}) AS events\n"
        f"JOIN ({matches}) AS seen ON events.event_uid = seen.event_uid\n"
        f"WHERE events.time >= {render_learnt_time(first_seen, parts)}"
    )


def _select_baseline(rule: Rule, parts: Sequence[RuleRelation]) -> str:
    deviations = "CASE WHEN stddev > 0 THEN (metric - mean) / stddev END AS deviations"
    windows = f"({baseline_sql.select_scored_windows(parts)}) AS windows"
    times_mean = "metric / nullif(mean, 0) AS times_mean"
    scored = f"SELECT *, {deviations}, {times_mean} FROM {windows} WHERE fires"
    return f"SELECT {_render_severity(rule)} AS severity, windows.*\nFROM ({scored}) AS windows"
