"""Fields that only the state knows: an archive's files do not say what the directory said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from collector.detect.ruleset import RuleSet
from collector.directory.display_names import NAMED_FIELDS
from collector.model import Correlation, Rule


def explain_directory_fields(rule: Rule, rules: RuleSet) -> str:
    """Why a rule cannot be SQL over an archive; empty where nothing of it needs the directory."""
    names = sorted(set(_list_needed_fields(rule, rules)) & NAMED_FIELDS.keys())
    if not names:
        return ""
    verb = "is" if len(names) == 1 else "are"
    return f"{', '.join(names)} {verb} of the directory, which is in the state, not in the archive"


def forget_shown_fields(rules: RuleSet) -> RuleSet:
    """The rules without the fields of the directory that they only show."""
    return replace(
        rules,
        rules=tuple(map(_forget_fields, rules.rules)),
        variants={key: _forget_fields(rule) for key, rule in rules.variants.items()},
    )


def _forget_fields(rule: Rule) -> Rule:
    return replace(rule, fields=rule.fields - NAMED_FIELDS.keys())


def _list_needed_fields(rule: Rule, rules: RuleSet) -> Iterator[str]:
    """What decides which events a rule matches, and how grave they are; names as it uses them."""
    yield from (*rule.condition_fields, *rule.severity_fields)
    correlation = rule.aggregation
    if isinstance(correlation, Correlation):
        yield from (*correlation.group_by, *filter(None, (correlation.field,)))
        yield from correlation.carried
        if correlation.link is not None:
            yield from (correlation.link.by, *correlation.link.fills)
        for fields in correlation.aliases.values():
            yield from fields.values()
        for name in correlation.rules:
            yield from _list_needed_fields(rules.by_name[name], rules)
