"""The cases and steps that decided a severity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collector.detect.language.collector_block import COLLECTOR_KEY
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.severity_sql import build_severity_sql
from collector.model import Event, Rule, Severity, SeverityCase, SeverityStep

CASES_KEY, STEPS_KEY = "severity", "severity_step"

_COMPARISONS = {"gte": "≥", "gt": ">", "lte": "≤", "lt": "<", "eq": "="}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityRung:
    """A case or a step: its text, its effect, and the values of the event.

    `is_decisive` says that it made the severity what it is: it is the first case that holds, or a
    step that raised it.
    """

    line: int
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
    """The cases and steps of a rule, as its document defines them."""

    rule: Rule
    cases: tuple[RungDefinition, ...]
    steps: tuple[RungDefinition, ...]

    @property
    def questions(self) -> list[str]:
        """The SQL expressions whose answers `evaluate_ladder` needs."""
        cases = [case.predicate for case in self.rule.severity_cases]
        return [
            *cases,
            *(step.predicate for step in self.rule.severity_steps),
            build_severity_sql(self.rule),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class RungDefinition:
    """A rung as the file defines it; `column` is what it compares, if anything."""

    line: int
    text: str
    column: str | None


def parse_ladder(
    rule: Rule, document: YamlDocument, physical: Callable[[str], str]
) -> LadderDefinition:
    """The cases and steps of a rule as its document defines them."""
    return LadderDefinition(
        rule=rule,
        cases=tuple(_parse_rungs(document, CASES_KEY, physical)),
        steps=tuple(_parse_rungs(document, STEPS_KEY, physical)),
    )


def _parse_rungs(
    document: YamlDocument, name: str, physical: Callable[[str], str]
) -> Iterator[RungDefinition]:
    block = document.data.get(COLLECTOR_KEY) or {}
    for position, rung in enumerate(block.get(name) or ()):
        field = rung.get("field")
        comparisons = [
            f"{field} {sign} {rung[key]}" for key, sign in _COMPARISONS.items() if key in rung
        ]
        yield RungDefinition(
            line=document.find_line((COLLECTOR_KEY, name, position)),
            text=" and ".join([rung["when"], *comparisons] if "when" in rung else comparisons),
            column=None if field is None else physical(field),
        )


def evaluate_ladder(
    definition: LadderDefinition, answers: Mapping[str, Any], event: Event
) -> SeverityLadder:
    """The ladder of an event, given the engine's answers to the questions."""
    rule = definition.rule
    first = next((case for case in rule.severity_cases if answers[case.predicate]), None)
    level = first.level if first else rule.level
    steps = []
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
        text=rung.text,
        effect=effect,
        event_values={} if column is None else {column: event.get(column)},
        holds=holds,
        is_decisive=is_decisive,
    )


def _describe_step(step: SeverityStep) -> str:
    levels = "1 level" if step.increment == 1 else f"{step.increment} levels"
    return f"{levels} graver, {step.max_severity} at most"
