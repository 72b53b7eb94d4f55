"""Warnings about alerts that a correlation takes away from rules of other files, or cannot."""

from __future__ import annotations

from collections.abc import Iterator

from collector.detect.language.collector_block import COLLECTOR_KEY
from collector.detect.language.correlation_block import CORRELATION_KEY
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.ruleset import RuleSet
from collector.errors import Problem
from collector.model import Rule


def lint_silenced_rules(document: YamlDocument, rule: Rule, rules: RuleSet) -> Iterator[Problem]:
    """Warnings about the `generate: false` of a correlation."""
    if document.data.get(CORRELATION_KEY, {}).get("generate") is not False:
        return
    for name in dict.fromkeys(rule.correlated_rules):
        other = rules.documents[name]
        place = (CORRELATION_KEY, "generate")
        if rule.name in rules.silencers.get(name, ()) and other.path != document.path:
            message = (
                f"{name!r} of {other.path.name} raises no alert of its own any more;"
                " leave 'generate' out to have both"
            )
            yield document.build_problem(place, message)
        elif rules.by_name[name].raises_alert:
            yield document.build_problem(place, _explain_alerting(name, other))


def _explain_alerting(name: str, document: YamlDocument) -> str:
    if (document.data.get(COLLECTOR_KEY) or {}).get("alert"):
        return f"{name!r} alerts all the same: its own 'alert: true' decides"
    return f"{name!r} alerts all the same: another correlation over it says 'generate: true'"
