"""Which case and which steps made a severity what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collector.detect.language.block import KEY
from collector.detect.language.document import Document
from collector.detect.severity import severity
from collector.model import Event, Rule, Severity, SeverityCase, SeverityStep

CASES, STEPS = "severity", "severity_step"

_COMPARISONS = {"gte": "≥", "gt": ">", "lte": "≤", "lt": "<", "eq": "="}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """A case or a step: as it is written, what it gives, and what the event has there.

    `decides` says that the severity is what it is because of it: it is the first case that holds,
    or a step that made it graver.
    """

    line: int
    words: str
    gives: str
    found: Mapping[str, Any]
    holds: bool
    decides: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """A severity, with the `level` that it has where no case holds, and every rung."""

    level: Severity
    cases: tuple[Rung, ...]
    steps: tuple[Rung, ...]
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Rungs:
    """The cases and steps of a rule, with what is written of each."""

    rule: Rule
    cases: tuple[Written, ...]
    steps: tuple[Written, ...]

    @property
    def questions(self) -> list[str]:
        """What the engine has to be asked before a `ladder` can be told, as SQL."""
        cases = [case.predicate for case in self.rule.cases]
        return [*cases, *(step.predicate for step in self.rule.steps), severity(self.rule)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A rung as it stands in the file; `column` is what it compares, if anything."""

    line: int
    words: str
    column: str | None


def rungs(rule: Rule, document: Document, physical: Callable[[str], str]) -> Rungs:
    """The cases and steps of a rule as its document has them."""
    return Rungs(
        rule=rule,
        cases=tuple(_written(document, CASES, physical)),
        steps=tuple(_written(document, STEPS, physical)),
    )


def _written(document: Document, name: str, physical: Callable[[str], str]) -> Iterator[Written]:
    block = document.data.get(KEY) or {}
    for position, each in enumerate(block.get(name) or ()):
        field = each.get("field")
        compared = [
            f"{field} {sign} {each[key]}" for key, sign in _COMPARISONS.items() if key in each
        ]
        yield Written(
            line=document.line((KEY, name, position)),
            words=" and ".join([each["when"], *compared] if "when" in each else compared),
            column=None if field is None else physical(field),
        )


def ladder(rungs: Rungs, answers: Mapping[str, Any], event: Event) -> Ladder:
    """The severity of an event, given what the engine has said to the questions."""
    rule = rungs.rule
    first = next((case for case in rule.cases if answers[case.predicate]), None)
    level = first.level if first else rule.level
    steps = []
    for step, written in zip(rule.steps, rungs.steps, strict=True):
        holds = answers[step.predicate]
        raised = _raised(level, step) if holds else level
        steps.append(_rung(written, _more(step), event, holds=holds, decides=raised > level))
        level = raised
    return Ladder(
        level=rule.level,
        cases=tuple(_cases(rule.cases, rungs.cases, first, answers, event)),
        steps=tuple(steps),
        severity=Severity(answers[severity(rule)]),
    )


def _cases(
    cases: Sequence[SeverityCase],
    written: Sequence[Written],
    first: SeverityCase | None,
    answers: Mapping[str, Any],
    event: Event,
) -> Iterator[Rung]:
    for case, words in zip(cases, written, strict=True):
        holds = answers[case.predicate]
        yield _rung(words, str(case.level), event, holds=holds, decides=case is first)


def _rung(written: Written, gives: str, event: Event, *, holds: bool, decides: bool) -> Rung:
    column = written.column
    return Rung(
        line=written.line,
        words=written.words,
        gives=gives,
        found={} if column is None else {column: event.get(column)},
        holds=holds,
        decides=decides,
    )


def _raised(severity: Severity, step: SeverityStep) -> Severity:
    return max(severity, Severity(min(severity + step.add, step.most)))


def _more(step: SeverityStep) -> str:
    levels = "1 level" if step.add == 1 else f"{step.add} levels"
    return f"{levels} graver, {step.most} at most"
