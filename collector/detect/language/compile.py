"""Rule documents in which nothing is wrong, as the Rules of event types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sigma.conditions import ConditionAND, ConditionOR, SigmaCondition
from sigma.rule import SigmaDetections
from sigma.rule.base import SigmaRuleBase

from collector.detect import title
from collector.detect.language import computed
from collector.detect.language.block import DEFAULT_WINDOW, KEY, Block, Comparison
from collector.detect.language.check_detection import item
from collector.detect.language.document import Document
from collector.detect.language.draft import CorrelationDraft, Draft
from collector.detect.predicates import sql
from collector.detect.predicates.columns import Columns
from collector.detect.schema import Schema
from collector.model import (
    Baseline,
    Correlation,
    FirstSeen,
    Over,
    Rule,
    RuleTest,
    Severity,
    SeverityCase,
    SeverityStep,
)

Rename = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Physical:
    """The columns that hold fields in an event type; `asked` are the fields that were asked for."""

    schema: Schema
    event_type: str
    asked: set[str] = field(default_factory=set)

    def __call__(self, name: str) -> str:
        self.asked.add(name)
        return self.schema.physical(name, self.event_type)


def compile_rule(draft: Draft, *, alert: bool) -> tuple[Rule, dict[tuple[str, str], Rule]]:
    """The rule over the first of its event types, and those of other types that differ from it.

    Raises SigmaError for what SQL cannot say.
    """
    schema, event_types = draft.scope.schema, draft.scope.event_types
    first = _Physical(schema=schema, event_type=event_types[0] if event_types else "")
    rule = _over_type(draft, first, first, alert=alert)
    variants = {}
    for event_type in event_types or schema.event_types():
        other = _Physical(schema=schema, event_type=event_type)
        if any(other(name) != first(name) for name in tuple(first.asked)):
            variants[rule.name, event_type] = _over_type(draft, other, first, alert=alert)
    return rule, variants


def _over_type(draft: Draft, physical: Rename, first: Rename, *, alert: bool) -> Rule:
    """The rule where fields are in the columns that `physical` names.

    What a baseline says of its windows is over groups, which go by their columns in the first type.
    """
    over = _over(draft.block, physical)
    columns = draft.scope.columns_by(physical)
    predicate = sql.predicate(_condition(draft.detections), columns)
    if isinstance(over, Baseline):
        windows = Columns(types=computed.OF_BASELINE, physical=first)
        rule = _rule(draft, over, predicate, judging=windows, rename=first, alert=alert)
        read = {*columns.read, *over.group_by, *([over.field] if over.field else [])}
        return replace(rule, fields=frozenset(read), lists=frozenset(columns.used))
    rule = _rule(draft, over, predicate, judging=columns, rename=physical, alert=alert)
    shown = _template(draft).renamed(physical).fields
    key = over.key if isinstance(over, FirstSeen) else ()
    read = {*columns.read, *shown, *rule.dedup_key, *rule.dedup_fallback, *key}
    return replace(rule, fields=frozenset(read), lists=frozenset(columns.used))


def compile_correlation(draft: CorrelationDraft, *, alert: bool) -> Rule:
    """The correlation. Raises SigmaError for what SQL cannot say.

    Its fields are the columns of an event that its title shows beside what its windows compute.
    """
    over = _correlation(draft)
    windows = Columns(types=computed.OF_CORRELATION, physical=_same)
    rule = _rule(draft, over, "FALSE", judging=windows, rename=_same, alert=alert)
    of_window = {*computed.OF_CORRELATION, *computed.MOMENTS, *over.group_by}
    return replace(rule, fields=_template(draft).fields - of_window)


def _same(name: str) -> str:
    return name


# ---- beyond one event


def _over(block: Block, physical: Rename) -> FirstSeen | Baseline | None:
    if seen := block.first_seen:
        key = tuple(map(physical, seen.key))
        return FirstSeen(key=key, learn=seen.learn, forget=seen.forget)
    if usual := block.baseline:
        return Baseline(
            metric=usual.metric,
            field=None if usual.field is None else physical(usual.field),
            group_by=tuple(map(physical, usual.group_by)),
            window=usual.window,
            history=usual.history,
            deviations=usual.deviations,
            floor=usual.floor,
            minimum=usual.minimum,
            cold_start=usual.cold_start,
        )
    return None


def _correlation(draft: CorrelationDraft) -> Correlation:
    mapping = draft.mapping
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


# ---- what all rules have


def _rule(
    draft: Draft | CorrelationDraft,
    over: Over | None,
    predicate: str,
    *,
    judging: Columns,
    rename: Rename,
    alert: bool,
) -> Rule:
    """The rule, without its fields. `judging` are the columns of cases and steps."""
    block, sigma = draft.block, draft.sigma
    key, window = _episode(draft)
    return Rule(
        id=str(sigma.id),
        name=str(sigma.name),
        level=Severity.parse(str(sigma.level)),
        event_types=draft.scope.event_types if isinstance(draft, Draft) else (),
        predicate=predicate,
        fields=frozenset(),
        cases=tuple(
            SeverityCase(predicate=_asked(draft, each, judging), level=each.level)
            for each in block.severity
        ),
        steps=tuple(
            SeverityStep(predicate=_asked(draft, each, judging), add=each.add, most=each.most)
            for each in block.severity_step
        ),
        title=str(_template(draft).renamed(rename)),
        dedup_key=tuple(map(rename, key)),
        dedup_fallback=tuple(map(rename, block.dedup.fallback)),
        dedup_window=window,
        alert=alert,
        description=(sigma.description or "").strip(),
        attack=tuple(_techniques(sigma)),
        references=tuple(sigma.references),
        triage=block.triage.strip(),
        tests=tuple(_tests(draft.document, block)),
        path=draft.document.path,
        over=over,
    )


def _condition(detections: SigmaDetections) -> sql.Condition:
    conditions = [condition.parse() for condition in detections.parsed_condition]
    return conditions[0] if len(conditions) == 1 else ConditionOR(conditions)


def _asked(draft: Draft | CorrelationDraft, each: Comparison, columns: Columns) -> str:
    """What a case or step asks, as SQL; of selections those that the rule's own file holds."""
    conditions = [item(key, value) for key, value in each.comparisons.items()]
    if each.when is not None and isinstance(draft, Draft):
        conditions.insert(0, SigmaCondition(each.when, draft.sigma.detection).parse())
    return sql.predicate(ConditionAND(conditions), columns)


def _template(draft: Draft | CorrelationDraft) -> title.Template:
    text = draft.block.title
    if text is None:
        text = title.escaped(draft.document.data["title"])
    return title.parse(text, draft.naming.title.knows)


def _episode(draft: Draft | CorrelationDraft) -> tuple[Sequence[str], timedelta]:
    """The dedup key, by the names that the rule uses, and the dedup window."""
    dedup = draft.block.dedup
    key, window = _episode_by_default(draft)
    return (
        dedup.key if "key" in dedup.model_fields_set else key,
        dedup.window if "window" in dedup.model_fields_set else window,
    )


def _episode_by_default(draft: Draft | CorrelationDraft) -> tuple[Sequence[str], timedelta]:
    """One episode a group, which outlasts the windows that it is made of."""
    block = draft.block
    if isinstance(draft, CorrelationDraft):
        return draft.mapping.group_by, max(DEFAULT_WINDOW, draft.mapping.timespan)
    if block.first_seen:
        return block.first_seen.key, DEFAULT_WINDOW
    if block.baseline:
        return block.baseline.group_by, max(DEFAULT_WINDOW, 2 * block.baseline.window)
    return block.dedup.key, DEFAULT_WINDOW


def _techniques(sigma: SigmaRuleBase) -> list[str]:
    names = [tag.name.upper() for tag in sigma.tags if tag.namespace == "attack"]
    return [name for name in names if name.startswith("T") and name[1:2].isdigit()]


def _tests(document: Document, block: Block) -> list[RuleTest]:
    return [
        RuleTest(
            name=example.name,
            events=tuple(example.events),
            alerts=example.expect.alerts,
            event_type=example.event_type,
            severity=example.expect.severity,
            title=example.expect.title,
            dedup=None if example.expect.dedup is None else tuple(example.expect.dedup),
            line=document.line((KEY, "tests", position)),
        )
        for position, example in enumerate(block.tests)
    ]
