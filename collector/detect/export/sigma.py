"""Rules as plain Sigma, without the `collector:` block: for tools that read Sigma alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import yaml

from collector.detect.export import Sheet
from collector.detect.export.bands import bands, told_by_level
from collector.detect.export.lists import written_out
from collector.detect.language.block import KEY
from collector.detect.language.document import Document
from collector.detect.predicates.literals import Unsupported
from collector.detect.ruleset import RuleSet
from collector.model import Baseline, Correlation, FirstSeen, Rule

_EVENT_TYPES = "_event_types"
"""The selection for what the block says; `them` does not mean it."""

_NO_WORDS: Mapping[type, str] = {
    FirstSeen: "Sigma has no words for what is seen for the first time",
    Baseline: "Sigma has no words for a measure held against its past",
}

Data = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Book:
    """The rules, and the time at which their lists are read."""

    rules: RuleSet
    at: datetime


def sheets(rules: RuleSet, *, at: datetime) -> Iterator[Sheet]:
    """Every rule as Sigma documents that are valid wherever Sigma is read.

    A severity ladder becomes one rule for each level, of which exactly one holds; what a
    correlation looks at stays whole beside them. Lists are written out, without the entries that
    have expired by `at`.
    """
    book = _Book(rules=rules, at=at)
    for rule in rules.rules:
        reason = _unsaid(rule, book)
        text = "" if reason else _written(_said(rule, book))
        yield Sheet(rule=rule.name, text=text, reason=reason)


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as people do, and what stands there twice, twice."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - yaml asks of every value
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _written(documents: Sequence[Data]) -> str:
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _unsaid(rule: Rule, book: _Book) -> str:
    """Why Sigma cannot say it; nothing where it can."""
    if reason := _NO_WORDS.get(type(rule.over)):
        return reason
    if isinstance(rule.over, Correlation):
        parts = [book.rules.by_name[name] for name in rule.over.rules]
        broken = [part.name for part in parts if _unsaid(part, book)]
        return f"it looks at {broken[0]}, which Sigma has no words for" if broken else ""
    try:
        _detection(book.rules.documents[rule.name], book)
    except Unsupported as error:
        return str(error)
    is_idle = not rule.alert and rule.name not in book.rules.referenced
    return "it tells nobody, and no correlation looks at it" if is_idle else ""


def _said(rule: Rule, book: _Book) -> list[Data]:
    document = book.rules.documents[rule.name]
    if isinstance(rule.over, Correlation):
        return [_correlation(document, rule.over, book)]
    whole = _whole(document, rule, book)
    found = bands(document)
    if not rule.alert or len(found) == 1:
        return [whole]
    return [
        *([whole] if rule.name in book.rules.referenced else []),
        *told_by_level(whole, document, found),
    ]


def _whole(document: Document, rule: Rule, book: _Book) -> Data:
    """The rule without its block; its event types are a selection or, if it is one, the service."""
    data = {key: value for key, value in document.data.items() if key != KEY}
    detection = _detection(document, book)
    condition = detection.pop("condition")
    if isinstance(condition, list):
        condition = " or ".join(f"({each})" for each in condition)
    types = list(rule.event_types)
    if len(types) == 1:
        data["logsource"] = {**data["logsource"], "service": types[0]}
    elif types:
        detection[_EVENT_TYPES] = {"event_type": types}
        condition = f"{_EVENT_TYPES} and ({condition})"
    return {**data, "detection": {**detection, "condition": condition}}


def _detection(document: Document, book: _Book) -> Data:
    """The detection with its lists written out. Raises Unsupported."""
    return {
        name: value if name == "condition" else written_out(value, book.rules.lists, book.at)
        for name, value in document.data["detection"].items()
    }


def _correlation(document: Document, over: Correlation, book: _Book) -> Data:
    """As it is; the rules that it looks at go on telling of their own if they did."""
    data = {key: value for key, value in document.data.items() if key != KEY}
    parts = [book.rules.by_name[name] for name in over.rules]
    tells = any(part.alert and _is_level(part, book) for part in parts)
    return {**data, "correlation": {**data["correlation"], "generate": tells}}


def _is_level(rule: Rule, book: _Book) -> bool:
    """Whether a rule has one severity for all events, so that it is not told level by level."""
    return isinstance(rule.over, Correlation) or len(bands(book.rules.documents[rule.name])) == 1
