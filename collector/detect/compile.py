"""A rule document in which nothing is wrong, as the Rule of one event type."""

from __future__ import annotations

from dataclasses import dataclass

from sigma.conditions import ConditionAND, ConditionOR
from sigma.rule import SigmaDetections, SigmaRule

from collector.detect import sql, title
from collector.detect.block import KEY, Block, Case
from collector.detect.check_detection import item
from collector.detect.columns import Columns
from collector.detect.document import Document
from collector.detect.scope import Scope
from collector.detect.title import Template
from collector.model import Rule, RuleTest, Severity, SeverityCase


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A rule document with all that was read out of it."""

    document: Document
    block: Block
    scope: Scope


def compile_rule(draft: Draft, event_type: str) -> Rule:
    """The rule over events of that type. Raises SigmaError for what SQL cannot say."""
    schema, block = draft.scope.schema, draft.block
    sigma = SigmaRule.from_dict(draft.document.data)

    def physical(field: str) -> str:
        return schema.physical(field, event_type)

    columns = Columns(types=schema.canonical, physical=physical)
    template = _template(draft).renamed(physical)
    key = tuple(map(physical, block.dedup.key))
    fallback = tuple(map(physical, block.dedup.fallback))
    predicate = sql.predicate(_condition(sigma.detection), columns)
    cases = tuple(_case(draft, case, columns) for case in block.severity)
    return Rule(
        id=str(sigma.id),
        name=str(sigma.name),
        level=Severity.parse(str(sigma.level)),
        event_types=draft.scope.event_types,
        predicate=predicate,
        fields=frozenset({*columns.read, *template.fields, *key, *fallback}),
        cases=cases,
        title=str(template),
        dedup_key=key,
        dedup_fallback=fallback,
        dedup_window=block.dedup.window,
        alert=block.alert,
        description=(sigma.description or "").strip(),
        attack=tuple(_techniques(sigma)),
        references=tuple(sigma.references),
        triage=block.triage.strip(),
        tests=tuple(_tests(draft)),
        path=draft.document.path,
    )


def fields(draft: Draft) -> frozenset[str]:
    """The fields that a rule names, by the names that it uses."""
    named: set[str] = set()

    def remember(field: str) -> str:
        named.add(field)
        return field

    columns = Columns(types=draft.scope.schema.canonical, physical=remember)
    detection = SigmaDetections.from_dict(draft.document.data["detection"])
    sql.predicate(_condition(detection), columns)
    for case in draft.block.severity:
        _case(draft, case, columns)
    dedup = draft.block.dedup
    return frozenset({*named, *_template(draft).fields, *dedup.key, *dedup.fallback})


def _condition(detections: SigmaDetections) -> sql.Condition:
    conditions = [condition.parse() for condition in detections.parsed_condition]
    return conditions[0] if len(conditions) == 1 else ConditionOR(conditions)


def _case(draft: Draft, case: Case, columns: Columns) -> SeverityCase:
    conditions = [item(key, value) for key, value in case.comparisons.items()]
    if case.when is not None:
        detection = {**draft.document.data["detection"], "condition": case.when}
        conditions.insert(0, _condition(SigmaDetections.from_dict(detection)))
    return SeverityCase(
        predicate=sql.predicate(ConditionAND(conditions), columns), level=case.level
    )


def _template(draft: Draft) -> Template:
    text = draft.block.title
    if text is None:
        text = title.escaped(draft.document.data["title"])
    return title.parse(text, draft.scope.knows)


def _techniques(sigma: SigmaRule) -> list[str]:
    names = [tag.name.upper() for tag in sigma.tags if tag.namespace == "attack"]
    return [name for name in names if name.startswith("T") and name[1:2].isdigit()]


def _tests(draft: Draft) -> list[RuleTest]:
    return [
        RuleTest(
            name=example.name,
            events=tuple(example.events),
            alerts=example.expect.alerts,
            event_type=example.event_type,
            severity=example.expect.severity,
            title=example.expect.title,
            line=draft.document.line((KEY, "tests", position)),
        )
        for position, example in enumerate(draft.block.tests)
    ]
