"""All that is wrong or odd about rules, by place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from collector.api.json_values import JsonObject, to_json_object
from collector.detect import EventSchema, RuleSet
from collector.detect.lint import LintWarning, lint_rules
from collector.detect.lint.unknown_fields import lint_unknown_fields
from collector.errors import Problem
from collector.rules.rule_files import EVENT_SCHEMA


@dataclass(frozen=True, slots=True, kw_only=True)
class LintReport:
    """Rules that could be loaded, and what may be meant in them and mostly is not."""

    rules: RuleSet
    warnings: Sequence[LintWarning]


def build_lint_report(
    rules: RuleSet, paths: Sequence[Path] = (), *, schema: EventSchema = EVENT_SCHEMA
) -> LintReport:
    """Rules that could be loaded, with every warning; of lists, those below the paths, if any.

    `schema` is the event table that they were loaded for.
    """
    warnings = [
        warning
        for warning in lint_rules(rules, schema=schema)
        if warning.rule is not None or not paths or _is_below(warning.problem.path, paths)
    ]
    return LintReport(rules=rules, warnings=warnings)


def list_unknown_fields(rules: RuleSet, schema: EventSchema) -> Iterator[Problem]:
    """The fields that rules name although nobody documents them, each at its place."""
    found = (lint_unknown_fields(rule, rules, schema=schema) for rule in rules.own_rules)
    yield from dict.fromkeys(chain.from_iterable(found))


def _is_below(path: Path, folders: Sequence[Path]) -> bool:
    return any(path.resolve().is_relative_to(folder.resolve()) for folder in folders)


def to_warning_json(warning: LintWarning) -> JsonObject:
    """A warning as scripts read it."""
    return {**_to_problem_json("warning", warning.problem), "rule": warning.rule}


def to_error_json(problem: Problem) -> JsonObject:
    """A mistake that keeps rules from being loaded, as scripts read it."""
    return _to_problem_json("error", problem)


def _to_problem_json(kind: str, problem: Problem) -> JsonObject:
    return to_json_object(
        {
            "kind": kind,
            "path": problem.path,
            "line": problem.line,
            "column": problem.column,
            "message": problem.message,
        }
    )
