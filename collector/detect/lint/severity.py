"""Rungs of a severity ladder that no event ever stands on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from collector.detect.language.block import KEY
from collector.detect.language.document import Document
from collector.errors import Problem

Case = Mapping[str, Any]

_BOUNDS = ("gte", "gt", "lte", "lt")


def severity_remarks(document: Document) -> Iterator[Problem]:
    """Cases that one before them always takes, that cannot hold, or that say what `level` says."""
    block = document.data.get(KEY) or {}
    cases: Sequence[Case] = block.get("severity") or ()
    last = _last_that_matters(cases, document.data.get("level"))
    for position, case in enumerate(cases):
        place = (KEY, "severity", position)
        wider = next((n for n in range(position) if _covers(cases[n], case)), None)
        if is_empty(case):
            yield document.problem(place, f"no number is in this range of {case['field']}")
        elif wider is not None:
            line = document.line((KEY, "severity", wider))
            yield document.problem(place, f"the case in line {line} always fits before this one")
        elif position > last:
            message = f"without this case the severity is {case['level']} as well: it is the level"
            yield document.problem(place, message)


def is_empty(bounds: Mapping[str, Any]) -> bool:
    """Whether no number lies within `gte`, `gt`, `lte` and `lt`."""
    low, high = _low(bounds), _high(bounds)
    return low > high


def _last_that_matters(cases: Sequence[Case], level: object) -> int:
    """The position of the last case with another level than the rule; -1 where there is none."""
    others = [n for n, case in enumerate(cases) if case.get("level") != level]
    return max(others, default=-1)


def _covers(wider: Case, case: Case) -> bool:
    """Whether the one surely holds wherever the other does."""
    if "when" in wider and _words(wider) != _words(case):
        return False
    if "field" not in wider:
        return True
    if wider["field"] != case.get("field"):
        return False
    if "eq" in wider or "eq" in case:
        return wider.get("eq") == case.get("eq") and not any(key in wider for key in _BOUNDS)
    return _low(wider) <= _low(case) and _high(case) <= _high(wider)


def _words(case: Case) -> list[str]:
    return str(case.get("when", "")).split()


def _low(bounds: Mapping[str, Any]) -> tuple[float, int]:
    """Where a range begins; of two that begin at a number, the one without it begins later."""
    lows = [(float(bounds["gte"]), 0)] if "gte" in bounds else []
    lows += [(float(bounds["gt"]), 1)] if "gt" in bounds else []
    return max(lows, default=(-math.inf, 0))


def _high(bounds: Mapping[str, Any]) -> tuple[float, int]:
    """Where a range ends; of two that end at a number, the one without it ends earlier."""
    highs = [(float(bounds["lte"]), 0)] if "lte" in bounds else []
    highs += [(float(bounds["lt"]), -1)] if "lt" in bounds else []
    return min(highs, default=(math.inf, 0))
