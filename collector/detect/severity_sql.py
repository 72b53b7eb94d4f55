"""The severity of an event or a window as SQL: the first case that holds, then every step."""

from __future__ import annotations

from collections.abc import Sequence

from collector.model import Rule, Severity, SeverityCase, SeverityStep


def build_severity_sql(rule: Rule) -> str:
    """The severity of a row, 0 to 4, by the cases and then the steps of a rule."""
    severity = build_level_sql(rule)
    for step in rule.severity_steps:
        severity = _apply_step(severity, step)
    return severity


def build_level_sql(rule: Rule) -> str:
    """The same by the cases alone.

    A case that only expired entries make hold is one level lower, and makes nothing less grave than
    it is without it.
    """
    cases = [(case.predicate, _render_level(case, rule)) for case in rule.severity_cases]
    level = _lower_expired(rule.level, rule.unexpired)
    found = _render_ladder(cases, level)
    if all(case.unexpired in {None, case.predicate} for case in rule.severity_cases):
        return found
    unexpired = [
        (str(case.unexpired), _lower_expired(case.level, rule.unexpired))
        for case in rule.severity_cases
    ]
    return f"GREATEST({found}, {_render_ladder(unexpired, level)})"


def _render_level(case: SeverityCase, rule: Rule) -> str:
    """The level of a case that holds."""
    conditions = [rule.unexpired] if rule.unexpired else []
    conditions += [case.unexpired] if case.unexpired not in {None, case.predicate} else []
    return _lower_expired(case.level, " AND ".join(map(str, conditions)))


def _render_ladder(cases: Sequence[tuple[str, str]], level: str) -> str:
    whens = "".join(f" WHEN {predicate} THEN {result}" for predicate, result in cases)
    return f"CASE{whens} ELSE {level} END" if cases else level


def _lower_expired(level: Severity, unexpired: str | None) -> str:
    if not unexpired:
        return str(int(level))
    return f"CASE WHEN {unexpired} THEN {int(level)} ELSE {int(level.lower_by_one())} END"


def _apply_step(severity: str, step: SeverityStep) -> str:
    # One WHEN per level, so that the text of the severity does not double with every step.
    levels = " ".join(
        f"WHEN {int(level)} THEN CASE WHEN {step.predicate} THEN {_raise_level(level, step)}"
        f" ELSE {int(level)} END"
        for level in Severity
    )
    return f"CASE {severity} {levels} END"


def _raise_level(level: Severity, step: SeverityStep) -> int:
    return int(level.raise_by(step.increment, maximum=step.max_severity))
