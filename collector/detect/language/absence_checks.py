"""Correlations that ask for rules not to match: their problems, and what is absent in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from sigma.correlations import SigmaCorrelationRule

from collector.detect.language.correlation_block import (
    CORRELATION_KEY,
    CorrelationBlock,
    RuleCondition,
)
from collector.detect.language.document_library import normalize_reference
from collector.detect.language.metadata_checks import parse_sigma_rule
from collector.detect.language.rule_expression import parse_rule_expression
from collector.detect.language.yaml_document import YamlDocument
from collector.errors import Problem
from collector.yaml_source.suggestions import suggest_name

_PLACE = (CORRELATION_KEY, "condition")


def find_expression_problems(
    document: YamlDocument, mapping: CorrelationBlock, condition: RuleCondition
) -> Iterator[Problem]:
    """Problems of a condition over the names of rules."""
    if not mapping.is_temporal:
        message = (
            f"{mapping.type} takes a limit such as {{gte: 3}}; a condition over the names of rules"
            " goes with temporal and temporal_ordered"
        )
        yield document.build_problem(_PLACE, message)
        return
    try:
        expression = parse_rule_expression(condition.text)
    except ValueError as error:
        yield document.build_problem(_PLACE, f"'condition' {error}")
        return
    named = (*expression.present, *expression.absent)
    rules = {normalize_reference(each): each for each in mapping.rules}
    for reference in named:
        if reference not in rules:
            hint = suggest_name(reference, rules.values())
            yield document.build_problem(_PLACE, f"{reference!r} is none of the 'rules'{hint}")
    for reference, written in rules.items():
        if reference not in named:
            message = f"{written!r} is among the 'rules' and not in the condition: name it there"
            yield document.build_problem(_PLACE, message)


def find_member_problems(
    document: YamlDocument,
    mapping: CorrelationBlock,
    correlations: Mapping[str, CorrelationBlock],
    resolve_name: Callable[[str], str | None],
) -> Iterator[Problem]:
    """A problem of each member that waits for what does not come."""
    for position, reference in enumerate(mapping.rules):
        inner = correlations.get(resolve_name(reference) or "")
        if inner is not None and list_absent_references(inner):
            message = (
                f"{reference!r} tells that something did not come, which is known later only: no"
                " correlation can look at it"
            )
            yield document.build_problem((CORRELATION_KEY, "rules", position), message)


def list_absent_references(mapping: CorrelationBlock) -> tuple[str, ...]:
    """The rules that must not match, in the form in which references are compared.

    None of a condition with problems.
    """
    if not isinstance(mapping.condition, RuleCondition):
        return ()
    try:
        return parse_rule_expression(mapping.condition.text).absent
    except ValueError:
        return ()


def select_absent_rules(mapping: CorrelationBlock, names: Sequence[str]) -> tuple[str, ...]:
    """Of the names that the references of `rules` lead to, in order, those that must not match."""
    absent = list_absent_references(mapping)
    pairs = zip(map(normalize_reference, mapping.rules), names, strict=True)
    return tuple(dict.fromkeys(name for reference, name in pairs if reference in absent))


def parse_sigma_correlation(document: YamlDocument) -> SigmaCorrelationRule:
    """The document as pySigma parses it, once it has no other problem.

    Without its condition over rules: pySigma reads none whose rules are called with a dash.

    Raises RulesError with every error of pySigma.
    """
    mapping = document.data[CORRELATION_KEY]
    if isinstance(mapping.get("condition"), str):
        others = {key: value for key, value in mapping.items() if key != "condition"}
        document = replace(document, data={**document.data, CORRELATION_KEY: others})
    return parse_sigma_rule(document, SigmaCorrelationRule)
