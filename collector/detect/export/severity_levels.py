"""A severity ladder as Sigma, which has one level per rule: one rule for each level."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from collector.detect.language.collector_block import COLLECTOR_KEY
from collector.detect.language.yaml_document import YamlDocument
from collector.model import Severity

ConditionsByLevel = Mapping[str, str]
"""By level, the condition under which an event that the rule matches has that level."""

_COMPARISONS = ("gte", "gt", "lte", "lt")


def split_by_level(document: YamlDocument) -> ConditionsByLevel:
    """The condition of each level that events of a rule can have; a single one has none."""
    cases, steps = _list_rungs(document, "severity"), _list_rungs(document, "severity_step")
    bands: list[tuple[str, Severity]] = []
    earlier: list[str] = []
    for position, case in enumerate(cases):
        text = _render_condition(case, f"_severity_{position}")
        condition = _join_with_and([text, *map(_negate_condition, earlier)])
        bands.append((condition, Severity.parse(case["level"])))
        earlier.append(text)
    level = Severity.parse(document.data["level"])
    bands = _merge_levels([*bands, (_join_with_and([*map(_negate_condition, earlier)]), level)])
    for position, step in enumerate(steps):
        text = _render_condition(step, f"_severity_step_{position}")
        bands = _merge_levels(list(_apply_step(bands, step, text)))
    return {str(level): text for text, level in bands}


def build_level_rules(
    whole: Mapping[str, Any], document: YamlDocument, conditions: ConditionsByLevel
) -> list[dict[str, Any]]:
    """A rule for each level, highest first; ids are derived from the rule's and the level."""
    cases, steps = _list_rungs(document, "severity"), _list_rungs(document, "severity_step")
    selections = dict(_build_selections(cases, "_severity")) | dict(
        _build_selections(steps, "_severity_step")
    )
    order = sorted(conditions, key=Severity.parse, reverse=True)
    return [_build_level_rule(whole, level, conditions[level], selections) for level in order]


def _build_level_rule(
    whole: Mapping[str, Any], level: str, level_condition: str, selections: Mapping[str, Any]
) -> dict[str, Any]:
    detection = dict(whole["detection"])
    condition = detection.pop("condition")
    used = {name: items for name, items in selections.items() if name in level_condition.split()}
    condition_text = level_condition.replace("( ", "(").replace(" )", ")")
    return {
        **whole,
        "title": f"{whole['title']} ({level})",
        "id": str(uuid.uuid5(uuid.UUID(whole["id"]), level)),
        "name": f"{whole['name']}-{level}",
        "related": [*(whole.get("related") or ()), {"id": whole["id"], "type": "derived"}],
        "detection": {**detection, **used, "condition": f"({condition}) and {condition_text}"},
        "level": level,
    }


def _list_rungs(document: YamlDocument, name: str) -> Sequence[Mapping[str, Any]]:
    block = document.data.get(COLLECTOR_KEY) or {}
    return block.get(name) or ()


# ---- conditions, whose tokens are separated by spaces


def _render_condition(rung: Mapping[str, Any], name: str) -> str:
    """The condition of a case or a step; its comparison is a selection of that name."""
    parts = [f"( {rung['when']} )"] if "when" in rung else []
    return _join_with_and([*parts, *([name] if "field" in rung else [])])


def _build_selections(rungs: Sequence[Mapping[str, Any]], prefix: str) -> Iterator[tuple[str, Any]]:
    for position, rung in enumerate(rungs):
        if "field" in rung:
            field = rung["field"]
            items = {f"{field}|{key}": rung[key] for key in _COMPARISONS if key in rung}
            yield f"{prefix}_{position}", {**items, **({field: rung["eq"]} if "eq" in rung else {})}


def _apply_step(
    bands: Sequence[tuple[str, Severity]], step: Mapping[str, Any], text: str
) -> Iterator[tuple[str, Severity]]:
    max_level = Severity.parse(step.get("max", "critical"))
    for condition, level in bands:
        raised_level = level.raise_by(step.get("add", 1), maximum=max_level)
        if raised_level == level:
            yield condition, level
        else:
            yield _join_with_and([condition, text]), raised_level
            yield _join_with_and([condition, _negate_condition(text)]), level


def _merge_levels(bands: Sequence[tuple[str, Severity]]) -> list[tuple[str, Severity]]:
    """Each level once; the level of all events needs no condition."""
    texts: dict[Severity, list[str]] = {}
    for text, level in bands:
        texts.setdefault(level, []).append(text)
    if len(texts) == 1:
        return [("", next(iter(texts)))]
    return [(_join_with_or(each), level) for level, each in texts.items()]


def _join_with_and(parts: Sequence[str]) -> str:
    conditions = [part for part in parts if part]
    return f"( {' and '.join(conditions)} )" if len(conditions) > 1 else "".join(conditions)


def _join_with_or(parts: Sequence[str]) -> str:
    return f"( {' or '.join(parts)} )" if len(parts) > 1 else parts[0]


def _negate_condition(text: str) -> str:
    return f"not ( {text} )"
