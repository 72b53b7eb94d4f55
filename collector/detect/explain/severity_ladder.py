"""The cases and steps that decided a severity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collector.detect.language.asked_rules import AskedRule
from collector.detect.language.collector_block import COLLECTOR_KEY
from collector.detect.language.list_conditions import ListCondition
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.severity_sql import build_level_sql, build_severity_sql
from collector.model import Event, Rule, Severity, SeverityCase, SeverityStep

CASES_KEY, STEPS_KEY = "severity", "severity_step"

_COMPARISONS = {"gte": "≥", "gt": ">", "lte": "≤", "lt": "<", "eq": "="}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityRung:
    """A case or a step: its text, its effect, and the values of the event.

    `is_decisive` says that it made the severity what it is: it is the first case that holds, or a
    step that raised it. Where tuning wrote it, there is no `line`, but an `origin` as path:line.
    """

    line: int | None
    origin: str
    text: str
    effect: str
    event_values: Mapping[str, Any]
    holds: bool
    is_decisive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityLadder:
    """A severity, the `level` that applies where no case holds, and every rung."""

    level: Severity
    cases: tuple[SeverityRung, ...]
    steps: tuple[SeverityRung, ...]
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderDefinition:
    """The cases and steps of a rule, as its document defines them; `line` is its detection's."""

    rule: Rule
    line: int
    cases: tuple[RungDefinition, ...]
    steps: tuple[RungDefinition, ...]

    @property
    def questions(self) -> list[str]:
        """The SQL expressions whose answers `evaluate_ladder` needs."""
        cases = [case.predicate for case in self.rule.severity_cases]
        return [
            *cases,
            build_level_sql(self.rule),
            *(step.predicate for step in self.rule.severity_steps),
            build_severity_sql(self.rule),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class RungDefinition:
    """A rung as it is defined; `column` is what it compares, if anything."""

    line: int | None
    origin: str
    text: str
    column: str | None


def parse_ladder(
    rule: Rule, document: YamlDocument, physical: Callable[[str], str]
) -> LadderDefinition:
    """The cases and steps of a rule as its document defines them."""
    return LadderDefinition(
        rule=rule,
        line=document.find_line(("detection",)),
        cases=tuple(_parse_rungs(document, CASES_KEY, physical)),
        steps=tuple(_parse_rungs(document, STEPS_KEY, physical)),
    )


def _parse_rungs(
    document: YamlDocument, name: str, physical: Callable[[str], str]
) -> Iterator[RungDefinition]:
    block = document.data.get(COLLECTOR_KEY) or {}
    for position, rung in enumerate(block.get(name) or ()):
        field = rung.get("field")
        compared = f"{field} of every event" if rung.get("members") == "all" else field
        comparisons = [
            f"{compared} {sign} {rung[key]}" for key, sign in _COMPARISONS.items() if key in rung
        ]
        origin = document.describe_origin((COLLECTOR_KEY, name, position))
        yield RungDefinition(
            line=None if origin else document.find_line((COLLECTOR_KEY, name, position)),
            origin=origin,
            text=" and ".join([*_render_when(rung), *comparisons]),
            column=None if field is None else physical(field),
        )


def _render_when(rung: Mapping[str, Any]) -> list[str]:
    when = rung.get("when")
    if isinstance(when, Mapping) and "rule" in when:
        return [AskedRule.model_validate(when).describe()]
    if isinstance(when, Mapping):
        return [ListCondition.model_validate(when).describe()]
    return [] if when is None else [when]


def evaluate_ladder(
    definition: LadderDefinition, answers: Mapping[str, Any], event: Event
) -> SeverityLadder:
    """The ladder of an event, given the engine's answers to the questions."""
    rule = definition.rule
    first = next((case for case in rule.severity_cases if answers[case.predicate]), None)
    level = Severity(answers[build_level_sql(rule)])
    steps = _explain_expiry(definition, first.level if first else rule.level, level)
    for step, rung in zip(rule.severity_steps, definition.steps, strict=True):
        holds = answers[step.predicate]
        raised_level = level.raise_by(step.increment, maximum=step.max_severity) if holds else level
        steps.append(
            _build_rung(
                rung, _describe_step(step), event, holds=holds, is_decisive=raised_level > level
            )
        )
        level = raised_level
    return SeverityLadder(
        level=rule.level,
        cases=tuple(_evaluate_cases(rule.severity_cases, definition.cases, first, answers, event)),
        steps=tuple(steps),
        severity=Severity(answers[build_severity_sql(rule)]),
    )


def _explain_expiry(
    definition: LadderDefinition, stated: Severity, level: Severity
) -> list[SeverityRung]:
    """Why the level is another than the case states: what has expired of a list."""
    if level == stated:
        return []
    effect = "1 level lower" if level < stated else f"{level}, as it excuses nothing"
    return [
        SeverityRung(
            line=definition.line,
            origin="",
            text="the entry of the list has expired",
            effect=effect,
            event_values={},
            holds=True,
            is_decisive=True,
        )
    ]


def _evaluate_cases(
    cases: Sequence[SeverityCase],
    definitions: Sequence[RungDefinition],
    first: SeverityCase | None,
    answers: Mapping[str, Any],
    event: Event,
) -> Iterator[SeverityRung]:
    for case, rung in zip(cases, definitions, strict=True):
        holds = answers[case.predicate]
        yield _build_rung(rung, str(case.level), event, holds=holds, is_decisive=case is first)


def _build_rung(
    rung: RungDefinition, effect: str, event: Event, *, holds: bool, is_decisive: bool
) -> SeverityRung:
    column = rung.column
    return SeverityRung(
        line=rung.line,
        origin=rung.origin,
        text=rung.text,
        effect=effect,
        event_values={} if column is None else {column: event.get(column)},
        holds=holds,
        is_decisive=is_decisive,
    )


def _describe_step(step: SeverityStep) -> str:
    levels = "1 level" if step.increment == 1 else f"{step.increment} levels"
    return f"{levels} graver, {step.max_severity} at most"
