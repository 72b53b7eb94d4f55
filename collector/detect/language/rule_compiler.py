"""Compiles valid rule documents into the Rules of event types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from sigma.conditions import ConditionAND, ConditionOR, SigmaCondition
from sigma.rule import SigmaDetections
from sigma.rule.base import SigmaRuleBase

from collector.detect import title_template
from collector.detect.event_schema import EventSchema
from collector.detect.language import window_columns
from collector.detect.language.collector_block import (
    COLLECTOR_KEY,
    DEFAULT_DEDUP_WINDOW,
    CollectorBlock,
    SeverityCondition,
)
from collector.detect.language.detection_checks import parse_item
from collector.detect.language.rule_drafts import CorrelationDraft, RuleDraft
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.predicates import condition_sql
from collector.detect.predicates.field_columns import FieldColumns
from collector.model import (
    Aggregation,
    Baseline,
    Correlation,
    FirstSeen,
    Rule,
    RuleTest,
    Severity,
    SeverityCase,
    SeverityStep,
)

FieldRenamer = Callable[[str], str]


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
    aggregation = _build_aggregation(draft.block, resolve_column)
    columns = draft.scope.build_columns(resolve_column)
    predicate = condition_sql.compile_predicate(_join_conditions(draft.detections), columns)
    if isinstance(aggregation, Baseline):
        windows = FieldColumns(
            column_types=window_columns.BASELINE_COLUMNS, resolve_column=resolve_first_column
        )
        rule = _build_rule(
            draft, aggregation, predicate, windows, rename=resolve_first_column, alert=alert
        )
        measured = {aggregation.field} if aggregation.field else set()
        fields = {*columns.accessed_columns, *aggregation.group_by, *measured}
        return replace(rule, fields=frozenset(fields), lists=frozenset(columns.accessed_lists))
    rule = _build_rule(draft, aggregation, predicate, columns, rename=resolve_column, alert=alert)
    title_fields = _parse_title(draft).rename_fields(resolve_column).fields
    key = aggregation.key if isinstance(aggregation, FirstSeen) else ()
    fields = {*columns.accessed_columns, *title_fields, *rule.dedup_key, *rule.dedup_fallback, *key}
    return replace(rule, fields=frozenset(fields), lists=frozenset(columns.accessed_lists))


def compile_correlation(draft: CorrelationDraft, *, alert: bool) -> Rule:
    """The correlation. Raises SigmaError for what SQL cannot express.

    Its fields are the event columns that its title shows, without those of its windows.
    """
    correlation = _build_correlation(draft)
    windows = FieldColumns(
        column_types=window_columns.CORRELATION_COLUMNS, resolve_column=_keep_name
    )
    rule = _build_rule(draft, correlation, "FALSE", windows, rename=_keep_name, alert=alert)
    names = {*window_columns.CORRELATION_COLUMNS, *window_columns.WINDOW_BOUNDS}
    return replace(rule, fields=_parse_title(draft).fields - names - {*correlation.group_by})


def _keep_name(name: str) -> str:
    return name


# ---- aggregations


def _build_aggregation(
    block: CollectorBlock, resolve_column: FieldRenamer
) -> FirstSeen | Baseline | None:
    if first_seen := block.first_seen:
        key = tuple(map(resolve_column, first_seen.key))
        return FirstSeen(key=key, learn=first_seen.learn, forget=first_seen.forget)
    if baseline := block.baseline:
        return Baseline(
            metric=baseline.metric,
            field=None if baseline.field is None else resolve_column(baseline.field),
            group_by=tuple(map(resolve_column, baseline.group_by)),
            window=baseline.window,
            history=baseline.history,
            deviations=baseline.deviations,
            floor=baseline.floor,
            minimum=baseline.minimum,
            cold_start=baseline.cold_start,
        )
    return None


def _build_correlation(draft: CorrelationDraft) -> Correlation:
    mapping = draft.correlation
    condition = mapping.condition
    limits = [] if condition is None or mapping.is_temporal else list(condition.limits.items())
    operator, limit = limits[0] if limits else (None, None)
    return Correlation(
        type=mapping.type,
        rules=draft.rules,
        group_by=tuple(mapping.group_by),
        timespan=mapping.timespan,
        aliases=draft.aliases,
        field=condition.field if condition else None,
        percentile=condition.percentile if condition else None,
        operator=operator,
        limit=limit,
    )


# ---- all rules


def _build_rule(
    draft: RuleDraft | CorrelationDraft,
    over: Aggregation | None,
    predicate: str,
    severity_columns: FieldColumns,
    *,
    rename: FieldRenamer,
    alert: bool,
) -> Rule:
    """The rule, without its fields. Cases and steps read `severity_columns`."""
    block, sigma = draft.block, draft.sigma
    key, window = _resolve_dedup(draft)
    compile_condition = partial(_compile_severity_condition, draft, severity_columns)
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
        description=(sigma.description or "").strip(),
        attack=tuple(_list_techniques(sigma)),
        references=tuple(sigma.references),
        triage=block.triage.strip(),
        tests=tuple(_build_tests(draft.document, block)),
        path=draft.document.path,
        aggregation=over,
    )


def _join_conditions(detections: SigmaDetections) -> condition_sql.ConditionNode:
    conditions = [condition.parse() for condition in detections.parsed_condition]
    return conditions[0] if len(conditions) == 1 else ConditionOR(conditions)


def _compile_severity_condition(
    draft: RuleDraft | CorrelationDraft, columns: FieldColumns, each: SeverityCondition
) -> str:
    """The condition of a case or step as SQL; it may name selections of the rule's own file."""
    conditions = [parse_item(key, value) for key, value in each.detection_items.items()]
    if each.when is not None and isinstance(draft, RuleDraft):
        conditions.insert(0, SigmaCondition(each.when, draft.sigma.detection).parse())
    return condition_sql.compile_predicate(ConditionAND(conditions), columns)


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
    return [name for name in names if name.startswith("T") and name[1:2].isdigit()]


def _build_tests(document: YamlDocument, block: CollectorBlock) -> list[RuleTest]:
    return [
        RuleTest(
            name=example.name,
            events=tuple(example.events),
            alert_count=example.expect.alerts,
            event_type=example.event_type,
            severity=example.expect.severity,
            title=example.expect.title,
            dedup_key=None if example.expect.dedup is None else tuple(example.expect.dedup),
            line=document.find_line((COLLECTOR_KEY, "tests", position)),
        )
        for position, example in enumerate(block.tests)
    ]
