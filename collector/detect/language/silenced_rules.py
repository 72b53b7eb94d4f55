"""Which rules raise no alert of their own because a correlation speaks for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from collector.detect.language.correlation_block import CorrelationBlock
from collector.detect.language.rule_drafts import CorrelationDraft, RuleDraft


def find_silencers(
    rules: Iterable[RuleDraft], correlations: Sequence[CorrelationDraft]
) -> Mapping[str, tuple[str, ...]]:
    """By the name of a rule that would alert, the correlations that take its alert away.

    What is looked at and is not among the rules has problems of its own.

    Sigma's `generate` says whether what a correlation looks at alerts by itself. It is false where
    nobody says so, which here goes for rules of the correlation's own file alone: a rule that
    stands elsewhere goes on alerting until somebody writes `generate: false`. One correlation that
    says `generate: true` outweighs others, and what the rule itself says (`alert`) all of them.
    """
    by_name: dict[str, RuleDraft | CorrelationDraft] = {each.name: each for each in rules}
    by_name |= {each.name: each for each in correlations}
    kept = {name for each in correlations if each.correlation.generate for name in each.rules}
    silencers: dict[str, list[str]] = {}
    for each in correlations:
        for name in _list_silenced(each, by_name):
            if name not in kept and "alert" not in by_name[name].block.model_fields_set:
                silencers.setdefault(name, []).append(each.name)
    return {name: tuple(found) for name, found in silencers.items()}


def is_silenced_outright(mapping: CorrelationBlock) -> bool:
    """Whether a correlation says `generate: false`, so that also rules of other files are meant."""
    return "generate" in mapping.model_fields_set and not mapping.generate


def _list_silenced(
    correlation: CorrelationDraft, by_name: Mapping[str, RuleDraft | CorrelationDraft]
) -> Iterator[str]:
    """The rules that a correlation speaks for, as far as it is asked."""
    for name in (each for each in dict.fromkeys(correlation.rules) if each in by_name):
        is_neighbour = by_name[name].document.path == correlation.document.path
        if not correlation.correlation.generate and (
            is_neighbour or is_silenced_outright(correlation.correlation)
        ):
            yield name
