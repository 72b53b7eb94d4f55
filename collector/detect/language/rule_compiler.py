"""Compiles valid rule documents into the Rules of event types."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from sigma.conditions import ConditionOR
from sigma.rule import SigmaDetections
from sigma.rule.base import SigmaRuleBase

from collector.detect import title_template
from collector.detect.event_schema import EventSchema
from collector.detect.language import list_expiry, window_columns
from collector.detect.language.aggregation_compiler import build_aggregation
from collector.detect.language.collector_block import (
    DEFAULT_DEDUP_WINDOW,
    SeverityCondition,
)
from collector.detect.language.correlation_compiler import build_case_compiler, build_correlation
from collector.detect.language.rule_drafts import CorrelationDraft, RuleDraft
from collector.detect.language.rule_test_builder import build_rule_tests
from collector.detect.language.severity_conditions import compile_severity_condition
from collector.detect.predicates import condition_sql
from collector.detect.predicates.field_columns import FieldColumns
from collector.model import (
    Aggregation,
    Baseline,
    FirstSeen,
    Rule,
    Severity,
    SeverityCase,
    SeverityStep,
)

FieldRenamer = Callable[[str], str]

_TECHNIQUE_PATTERN = re.compile(r"T\d{4}(\.\d{3})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class _ColumnResolver:
    """Resolves fields to the columns of an event type, and records the requested fields."""

    schema: EventSchema
    event_type: str
    requested_fields: set[str] = field(default_factory=set)

    def __call__(self, name: str) -> str:
        self.requested_fields.add(name)
        return self.schema.resolve_column(name, self.event_type)


def compile_rule(draft: RuleDraft, *, alert: bool) -> tuple[Rule, dict[tuple[str, str], Rule]]:
    """The rule over the first of its event types, and those of other types that differ from it.

    Raises SigmaError for what SQL cannot express.
    """
    schema, event_types = draft.scope.schema, draft.scope.event_types
    first = _ColumnResolver(schema=schema, event_type=event_types[0] if event_types else "")
    rule = _compile_for_type(draft, first, first, alert=alert)
    variants = {}
    for event_type in event_types or schema.list_event_types():
        other = _ColumnResolver(schema=schema, event_type=event_type)
        if any(other(name) != first(name) for name in tuple(first.requested_fields)):
            variants[rule.name, event_type] = _compile_for_type(draft, other, first, alert=alert)
    return rule, variants


def _compile_for_type(
    draft: RuleDraft,
    resolve_column: FieldRenamer,
    resolve_first_column: FieldRenamer,
    *,
    alert: bool,
) -> Rule:
    """The rule where fields are in the columns that `resolve_column` names.

    Severity and title of a baseline are over groups, named by their columns in the first type.
    """
    aggregation = build_aggregation(draft.block, resolve_column)
    columns = replace(draft.scope.build_columns(resolve_column), time_zone=draft.block.time_zone)
    if isinstance(aggregation, Baseline):
        return _compile_baseline(draft, aggregation, columns, resolve_first_column, alert=alert)
    return _compile_over_events(draft, aggregation, columns, alert=alert)


def _compile_baseline(
    draft: RuleDraft,
    baseline: Baseline,
    columns: FieldColumns,
    resolve_first_column: FieldRenamer,
    *,
    alert: bool,
) -> Rule:
    predicate = condition_sql.compile_predicate(_join_conditions(draft.detections), columns)
    asked = {*columns.accessed_columns, *_list_key_columns(baseline)}
    windows = FieldColumns(
        column_types=window_columns.BASELINE_COLUMNS, resolve_column=resolve_first_column
    )
    rule = _build_rule(
        draft,
        baseline,
        predicate,
        partial(compile_severity_condition, draft, windows),
        rename=resolve_first_column,
        alert=alert,
    )
    window_names = {*window_columns.BASELINE_COLUMNS, *window_columns.WINDOW_BOUNDS}
    titled = _parse_title(draft).rename_fields(columns.resolve_column).fields - window_names
    return replace(
        rule,
        fields=frozenset(asked | titled),
        condition_fields=frozenset(asked),
        lists=frozenset(columns.accessed_lists),
    )


def _compile_over_events(
    draft: RuleDraft, aggregation: FirstSeen | None, columns: FieldColumns, *, alert: bool
) -> Rule:
    condition = _join_conditions(draft.detections)
    rename = columns.resolve_column

    def build_rule(predicate: str, read: FieldColumns) -> Rule:
        compile_condition = partial(compile_severity_condition, draft, read)
        return _build_rule(
            draft, aggregation, predicate, compile_condition, rename=rename, alert=alert
        )

    if alert:
        columns = list_expiry.count_expired(columns)
    predicate = condition_sql.compile_predicate(condition, columns)
    asked = {*columns.accessed_columns, *_list_key_columns(aggregation)}
    rule = build_rule(predicate, columns)
    if list_expiry.has_expiring_entries(columns):
        unexpired = list_expiry.count_unexpired(columns, draft.block)
        sql = condition_sql.compile_predicate(condition, unexpired)
        rule = list_expiry.lower_expired(rule, build_rule(sql, unexpired))
    title_fields = _parse_title(draft).rename_fields(rename).fields
    shown = {*columns.accessed_columns, *title_fields, *rule.dedup_key, *rule.dedup_fallback}
    return replace(
        rule,
        fields=frozenset(shown | asked),
        condition_fields=frozenset(asked),
        severity_fields=frozenset(columns.accessed_columns),
        lists=frozenset(columns.accessed_lists),
    )


def compile_correlation(draft: CorrelationDraft, *, alert: bool) -> Rule:
    """The correlation. Raises SigmaError for what SQL cannot express.

    Its fields are the event columns that its title shows, without those of its windows.
    """
    cases = build_case_compiler(draft)
    rule = _build_rule(draft, None, "FALSE", cases.compile_case, rename=_keep_name, alert=alert)
    correlation = build_correlation(draft, cases, (*rule.dedup_key, *rule.dedup_fallback))
    asked = (name for each in correlation.member_conditions for name in each.columns)
    rule = replace(rule, aggregation=correlation, severity_fields=frozenset(asked))
    names = {*window_columns.CORRELATION_COLUMNS, *window_columns.WINDOW_BOUNDS}
    return replace(rule, fields=_parse_title(draft).fields - names - {*correlation.group_by})


def _keep_name(name: str) -> str:
    return name


# ---- aggregations


def _list_key_columns(aggregation: FirstSeen | Baseline | None) -> tuple[str, ...]:
    """The columns by which a rule that remembers tells its events apart, and what it measures."""
    if isinstance(aggregation, FirstSeen):
        return aggregation.key
    if isinstance(aggregation, Baseline):
        measured = () if aggregation.field is None else (aggregation.field,)
        return (*aggregation.group_by, *measured)
    return ()


# ---- all rules


def _build_rule(
    draft: RuleDraft | CorrelationDraft,
    over: Aggregation | None,
    predicate: str,
    compile_condition: Callable[[SeverityCondition], str],
    *,
    rename: FieldRenamer,
    alert: bool,
) -> Rule:
    """The rule, without its fields; `compile_condition` makes SQL of its cases and steps."""
    block, sigma = draft.block, draft.sigma
    key, window = _resolve_dedup(draft)
    return Rule(
        id=str(sigma.id),
        name=str(sigma.name),
        level=Severity.parse(str(sigma.level)),
        event_types=draft.scope.event_types if isinstance(draft, RuleDraft) else (),
        predicate=predicate,
        fields=frozenset(),
        severity_cases=tuple(
            SeverityCase(predicate=compile_condition(case), level=case.level)
            for case in block.severity
        ),
        severity_steps=tuple(
            SeverityStep(
                predicate=compile_condition(step),
                increment=step.add,
                max_severity=step.max_level,
            )
            for step in block.severity_step
        ),
        title=str(_parse_title(draft).rename_fields(rename)),
        dedup_key=tuple(map(rename, key)),
        dedup_fallback=tuple(map(rename, block.dedup.fallback)),
        dedup_window=window,
        raises_alert=alert,
        notified_severity=block.notify,
        description=(sigma.description or "").strip(),
        attack=tuple(_list_techniques(sigma)),
        references=tuple(sigma.references),
        triage=block.triage.strip(),
        tests=tuple(build_rule_tests(draft.document, block)),
        path=draft.document.path,
        aggregation=over,
    )


def _join_conditions(detections: SigmaDetections) -> condition_sql.ConditionNode:
    conditions = [condition.parse() for condition in detections.parsed_condition]
    return conditions[0] if len(conditions) == 1 else ConditionOR(conditions)


def _parse_title(draft: RuleDraft | CorrelationDraft) -> title_template.TitleTemplate:
    text = draft.block.title
    if text is None:
        text = title_template.escape_braces(draft.document.data["title"])
    return title_template.parse_template(text, draft.block_scopes.title.has_field)


def _resolve_dedup(draft: RuleDraft | CorrelationDraft) -> tuple[Sequence[str], timedelta]:
    """The dedup key, by the names that the rule uses, and the dedup window."""
    dedup = draft.block.dedup
    key, window = _choose_default_dedup(draft)
    return (
        dedup.key if "key" in dedup.model_fields_set else key,
        dedup.window if "window" in dedup.model_fields_set else window,
    )


def _choose_default_dedup(draft: RuleDraft | CorrelationDraft) -> tuple[Sequence[str], timedelta]:
    """The default key and window: one episode per group, longer than its windows."""
    block = draft.block
    if isinstance(draft, CorrelationDraft):
        return draft.correlation.group_by, max(DEFAULT_DEDUP_WINDOW, draft.correlation.timespan)
    if block.first_seen:
        return block.first_seen.key, DEFAULT_DEDUP_WINDOW
    if block.baseline:
        return block.baseline.group_by, max(DEFAULT_DEDUP_WINDOW, 2 * block.baseline.window)
    return block.dedup.key, DEFAULT_DEDUP_WINDOW


def _list_techniques(sigma: SigmaRuleBase) -> list[str]:
    names = [tag.name.upper() for tag in sigma.tags if tag.namespace == "attack"]
    return [name for name in names if _TECHNIQUE_PATTERN.fullmatch(name)]
