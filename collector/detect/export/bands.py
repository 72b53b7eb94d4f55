"""A severity ladder as Sigma, which has one level a rule: one rule for each level, apart."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from collector.detect.language.block import KEY
from collector.detect.language.document import Document
from collector.model import Severity

Bands = Mapping[str, str]
"""By level, the condition under which an event that the rule matches has that level."""

_COMPARISONS = ("gte", "gt", "lte", "lt")


def bands(document: Document) -> Bands:
    """The levels that the events of a rule can have; a single one has no condition."""
    cases, steps = _rungs(document, "severity"), _rungs(document, "severity_step")
    found: list[tuple[str, Severity]] = []
    before: list[str] = []
    for position, case in enumerate(cases):
        text = _text(case, f"_severity_{position}")
        found.append((_all([text, *map(_not, before)]), Severity.parse(case["level"])))
        before.append(text)
    level = Severity.parse(document.data["level"])
    found = _by_level([*found, (_all([*map(_not, before)]), level)])
    for position, step in enumerate(steps):
        text = _text(step, f"_severity_step_{position}")
        found = _by_level(list(_stepped(found, step, text)))
    return {str(level): text for text, level in found}


def told_by_level(
    whole: Mapping[str, Any], document: Document, bands: Bands
) -> list[dict[str, Any]]:
    """A rule for each level, gravest first; ids are made of the rule's and the level."""
    cases, steps = _rungs(document, "severity"), _rungs(document, "severity_step")
    selections = dict(_selections(cases, "_severity")) | dict(_selections(steps, "_severity_step"))
    order = sorted(bands, key=Severity.parse, reverse=True)
    return [_of_level(whole, level, bands[level], selections) for level in order]


def _of_level(
    whole: Mapping[str, Any], level: str, band: str, selections: Mapping[str, Any]
) -> dict[str, Any]:
    detection = dict(whole["detection"])
    condition = detection.pop("condition")
    read = {name: items for name, items in selections.items() if name in band.split()}
    told = band.replace("( ", "(").replace(" )", ")")
    return {
        **whole,
        "title": f"{whole['title']} ({level})",
        "id": str(uuid.uuid5(uuid.UUID(whole["id"]), level)),
        "name": f"{whole['name']}-{level}",
        "related": [*(whole.get("related") or ()), {"id": whole["id"], "type": "derived"}],
        "detection": {**detection, **read, "condition": f"({condition}) and {told}"},
        "level": level,
    }


def _rungs(document: Document, name: str) -> Sequence[Mapping[str, Any]]:
    block = document.data.get(KEY) or {}
    return block.get(name) or ()


# ---- conditions, whose words stand apart from each other


def _text(rung: Mapping[str, Any], name: str) -> str:
    """What a case or a step asks for; its comparison is a selection of that name."""
    parts = [f"( {rung['when']} )"] if "when" in rung else []
    return _all([*parts, *([name] if "field" in rung else [])])


def _selections(rungs: Sequence[Mapping[str, Any]], prefix: str) -> Iterator[tuple[str, Any]]:
    for position, rung in enumerate(rungs):
        if "field" in rung:
            field = rung["field"]
            items = {f"{field}|{key}": rung[key] for key in _COMPARISONS if key in rung}
            yield f"{prefix}_{position}", {**items, **({field: rung["eq"]} if "eq" in rung else {})}


def _stepped(
    found: Sequence[tuple[str, Severity]], step: Mapping[str, Any], text: str
) -> Iterator[tuple[str, Severity]]:
    most = Severity.parse(step.get("max", "critical"))
    for band, level in found:
        raised = max(level, Severity(min(level + step.get("add", 1), most)))
        if raised == level:
            yield band, level
        else:
            yield _all([band, text]), raised
            yield _all([band, _not(text)]), level


def _by_level(found: Sequence[tuple[str, Severity]]) -> list[tuple[str, Severity]]:
    """Each level once; a level that all events have needs no condition."""
    texts: dict[Severity, list[str]] = {}
    for text, level in found:
        texts.setdefault(level, []).append(text)
    if len(texts) == 1:
        return [("", next(iter(texts)))]
    return [(_any(each), level) for level, each in texts.items()]


def _all(parts: Sequence[str]) -> str:
    known = [part for part in parts if part]
    return f"( {' and '.join(known)} )" if len(known) > 1 else "".join(known)


def _any(parts: Sequence[str]) -> str:
    return f"( {' or '.join(parts)} )" if len(parts) > 1 else parts[0]


def _not(text: str) -> str:
    return f"not ( {text} )"
