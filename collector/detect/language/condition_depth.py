"""How deep a condition is nested, seen before anything that is recursive reads it."""

from __future__ import annotations

import re

MAX_CONDITION_DEPTH = 50

_WORD_PATTERN = re.compile(r"[()]|[^\s()]+")


def find_depth_problem(condition: object) -> str | None:
    """The message for a condition that is nested too deep; None for all others."""
    if not isinstance(condition, str) or measure_depth(condition) <= MAX_CONDITION_DEPTH:
        return None
    return f"the condition is nested more than {MAX_CONDITION_DEPTH} levels deep"


def measure_depth(condition: str) -> int:
    """The most parentheses and `not` that stand around a word of a condition."""
    outer_levels: list[int] = []
    level = deepest = 0
    for word in _WORD_PATTERN.findall(condition):
        if word == "(":
            outer_levels.append(level)
        if word == "(" or word.lower() == "not":
            level += 1
            deepest = max(deepest, level)
        elif word == ")":
            level = outer_levels.pop() if outer_levels else 0
        if word.lower() in {"and", "or"}:  # what `not` was about has ended
            level = outer_levels[-1] + 1 if outer_levels else 0
    return deepest
