"""Warnings about severity cases that no event can reach."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from collector.detect.language.collector_block import COLLECTOR_KEY
from collector.detect.language.yaml_document import YamlDocument
from collector.errors import Problem

CaseMapping = Mapping[str, Any]

_BOUND_OPERATORS = ("gte", "gt", "lte", "lt")


def lint_severity(document: YamlDocument) -> Iterator[Problem]:
    """Warnings about cases that an earlier one covers, that cannot hold, or that equal `level`."""
    block = document.data.get(COLLECTOR_KEY) or {}
    cases: Sequence[CaseMapping] = block.get("severity") or ()
    last = _find_last_relevant(cases, document.data.get("level"))
    for position, case in enumerate(cases):
        place = (COLLECTOR_KEY, "severity", position)
        covering = next((n for n in range(position) if _covers_case(cases[n], case)), None)
        if is_empty_range(case):
            yield document.build_problem(place, f"no number is in this range of {case['field']}")
        elif covering is not None:
            line = document.find_line((COLLECTOR_KEY, "severity", covering))
            yield document.build_problem(
                place, f"the case in line {line} always fits before this one"
            )
        elif position > last:
            message = f"without this case the severity is {case['level']} as well: it is the level"
            yield document.build_problem(place, message)


def is_empty_range(bounds: Mapping[str, Any]) -> bool:
    """Whether no number lies within `gte`, `gt`, `lte` and `lt`."""
    if _names_fields(bounds):
        return False
    low, high = _find_lower_bound(bounds), _find_upper_bound(bounds)
    return low > high


def _names_fields(bounds: Mapping[str, Any]) -> bool:
    """Whether a bound is another field."""
    return any(isinstance(bounds.get(name), str) for name in _BOUND_OPERATORS)


def _find_last_relevant(cases: Sequence[CaseMapping], level: object) -> int:
    """The position of the last case with another level than the rule; -1 where there is none."""
    others = [n for n, case in enumerate(cases) if case.get("level") != level]
    return max(others, default=-1)


def _covers_case(wider: CaseMapping, case: CaseMapping) -> bool:
    """Whether `wider` surely holds wherever `case` does."""
    if "when" in wider and _split_words(wider) != _split_words(case):
        return False
    if "field" not in wider:
        return True
    if wider["field"] != case.get("field"):
        return False
    if _names_fields(wider) or _names_fields(case):  # whose values nobody knows
        return {**wider, "level": ""} == {**case, "level": ""}
    if "eq" in wider or "eq" in case:
        return wider.get("eq") == case.get("eq") and not any(
            key in wider for key in _BOUND_OPERATORS
        )
    covers_low = _find_lower_bound(wider) <= _find_lower_bound(case)
    return covers_low and _find_upper_bound(case) <= _find_upper_bound(wider)


def _split_words(case: CaseMapping) -> list[str]:
    return str(case.get("when", "")).split()


def _find_lower_bound(bounds: Mapping[str, Any]) -> tuple[float, int]:
    """Where a range begins; of two that begin at a number, the one without it begins later."""
    lows = [(float(bounds["gte"]), 0)] if "gte" in bounds else []
    lows += [(float(bounds["gt"]), 1)] if "gt" in bounds else []
    return max(lows, default=(-math.inf, 0))


def _find_upper_bound(bounds: Mapping[str, Any]) -> tuple[float, int]:
    """Where a range ends; of two that end at a number, the one without it ends earlier."""
    highs = [(float(bounds["lte"]), 0)] if "lte" in bounds else []
    highs += [(float(bounds["lt"]), -1)] if "lt" in bounds else []
    return min(highs, default=(math.inf, 0))
