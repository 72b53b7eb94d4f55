"""Filters on correlations: what such a correlation looks at is filtered for it alone.

The rules below it are copied, the copies filtered, and the correlation looks at these. The rules
themselves, and other correlations over them, stay as they are.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from sigma.rule import SigmaRule

from collector.detect.language.absence_checks import parse_sigma_correlation
from collector.detect.language.collector_block import CollectorBlock
from collector.detect.language.correlation_block import CORRELATION_KEY
from collector.detect.language.filter_targets import FilterGaps, list_missing_fields
from collector.detect.language.metadata_checks import parse_sigma_rule
from collector.detect.language.rule_drafts import CorrelationDraft, RuleDraft
from collector.detect.language.rule_filters import FILTER_KEY, RuleFilter, add_filters
from collector.detect.language.yaml_document import YamlDocument
from collector.errors import Problem
from collector.model.rules import COPY_MARK


class MemberFilter(Protocol):
    """What is asked of the events that a correlation looks at."""

    @property
    def correlation(self) -> str: ...  # noqa: D102 - the name of the correlation

    def filter_rule(self, draft: RuleDraft) -> RuleDraft | None:
        """A rule with it added; None where it is left alone."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SigmaMemberFilter:
    """A Sigma filter that names a correlation; `gaps` are the rules that it leaves alone."""

    correlation: str
    rule_filter: RuleFilter
    gaps: FilterGaps = field(default_factory=FilterGaps)

    def filter_rule(self, draft: RuleDraft) -> RuleDraft | None:
        """`MemberFilter.filter_rule`."""
        is_filtered = any(each is self.rule_filter.document for each in draft.filters)
        if is_filtered or not self.rule_filter.applies_to(draft):
            return None
        if missing := list_missing_fields(self.rule_filter, draft):
            self.gaps.add_rule(draft.name, missing)
            return None
        return add_filters(draft, [self.rule_filter])

    def list_warnings(self, *, is_applied: bool) -> Iterator[Problem]:
        """Where it does nothing, given whether it was added to any rule."""
        yield from self.gaps.list_warnings(self.rule_filter)
        service = self.rule_filter.service
        if not is_applied and not self.gaps.rules_by_fields and service is not None:
            message = f"no rule below {self.correlation!r} is about {service} alone"
            yield self.rule_filter.document.build_problem((FILTER_KEY, "rules"), message)


@dataclass(slots=True, kw_only=True)
class CorrelationFiltering:
    """Rules and correlations, to which filters on correlations are added one by one.

    Attributes:
        drafts: the rules over events by name, copies for single correlations among them.
        correlations: each after all that it looks at.
        warnings: where filters do nothing.
    """

    drafts: dict[str, RuleDraft]
    correlations: list[CorrelationDraft]
    warnings: list[Problem] = field(default_factory=list)

    def add_filter(self, member_filter: MemberFilter) -> bool | None:
        """Filter what a correlation looks at, for it alone.

        Returns whether any rule is filtered; None where the correlation has problems of its own.
        """
        name = member_filter.correlation
        outer = next((each for each in self.correlations if each.name == name), None)
        if outer is None:
            return None
        copies = self._filter_members(outer, member_filter)
        if copies:
            self.correlations[:] = [
                _look_at(outer, copies) if each is outer else each for each in self.correlations
            ]
        return bool(copies)

    def _filter_members(
        self, outer: CorrelationDraft, member_filter: MemberFilter
    ) -> dict[str, str]:
        """By rule that a correlation looks at, its filtered copy; without those left alone."""
        copies: dict[str, str] = {}
        for name in dict.fromkeys((*outer.rules, *outer.optional_rules.values())):
            if name in self.drafts:
                copy = self._filter_rule(self.drafts[name], member_filter)
            else:
                copy = self._filter_correlation(name, member_filter)
            if copy is not None:
                copies[name] = copy
        return copies

    def _filter_rule(self, draft: RuleDraft, member_filter: MemberFilter) -> str | None:
        """The name of the filtered copy of a rule over events; None where it is left alone."""
        filtered = member_filter.filter_rule(draft)
        if filtered is None:
            return None
        name = _name_copy(draft.name, member_filter.correlation)
        self.drafts[name] = filtered if name == draft.name else _copy_rule(filtered, name)
        return name

    def _filter_correlation(self, name: str, member_filter: MemberFilter) -> str | None:
        """The name of the copy of a correlation over filtered rules; None where none is."""
        inner = next(each for each in self.correlations if each.name == name)
        copies = self._filter_members(inner, member_filter)
        if not copies:
            return None
        copy_name = _name_copy(name, member_filter.correlation)
        copied = inner if copy_name == name else _copy_correlation(inner, copy_name)
        others = [each for each in self.correlations if each.name != copy_name]
        position = next(
            n for n, each in enumerate(others) if each.name == member_filter.correlation
        )
        self.correlations[:] = [*others[:position], _look_at(copied, copies), *others[position:]]
        return copy_name


def _name_copy(name: str, for_name: str) -> str:
    """The name of a rule's copy for a correlation: its own where it is that already."""
    suffix = f"{COPY_MARK}{for_name}"
    return name if name.endswith(suffix) else f"{name}{suffix}"


def _look_at(draft: CorrelationDraft, copies: Mapping[str, str]) -> CorrelationDraft:
    """The correlation, looking at copies instead of the rules that they are of."""
    rules = tuple(copies.get(name, name) for name in draft.rules)
    aliases = {
        alias: {copies.get(name, name): each for name, each in fields.items()}
        for alias, fields in draft.aliases.items()
    }
    optional = {each: copies.get(name, name) for each, name in draft.optional_rules.items()}
    mapping = {**draft.document.data[CORRELATION_KEY], "rules": list(rules)}
    if aliases:
        mapping["aliases"] = aliases
    document = _change_data(draft.document, {CORRELATION_KEY: mapping})
    return replace(draft, document=document, rules=rules, optional_rules=optional, aliases=aliases)


def _copy_rule(draft: RuleDraft, name: str) -> RuleDraft:
    changes = _build_identity(draft.document, name)
    document = _change_data(draft.document, changes)
    return replace(
        draft,
        document=document,
        filtered_document=_change_data(draft.filtered_document, changes),
        block=_silence_block(draft.block),
        sigma=parse_sigma_rule(document, SigmaRule),
    )


def _copy_correlation(draft: CorrelationDraft, name: str) -> CorrelationDraft:
    document = _change_data(draft.document, _build_identity(draft.document, name))
    return replace(
        draft,
        document=document,
        block=_silence_block(draft.block),
        sigma=parse_sigma_correlation(document),
    )


def _silence_block(block: CollectorBlock) -> CollectorBlock:
    """The block of a rule that only a correlation looks at."""
    return block.model_copy(update={"alert": False, "tests": []})


def _build_identity(document: YamlDocument, name: str) -> dict[str, Any]:
    """The name and the id of a copy: the same whenever it is made."""
    namespace = uuid.UUID(str(document.data["id"]))
    return {"name": name, "id": str(uuid.uuid5(namespace, name))}


def _change_data(document: YamlDocument, changes: Mapping[str, Any]) -> YamlDocument:
    return replace(document, data={**document.data, **changes})


def filter_correlations(
    correlation_filters: Sequence[tuple[RuleFilter, str]],
    drafts: Mapping[str, RuleDraft],
    correlations: Sequence[CorrelationDraft],
    further: Sequence[MemberFilter] = (),
) -> CorrelationFiltering:
    """The rules and correlations with all filters on correlations added, and further ones."""
    filtering = CorrelationFiltering(drafts=dict(drafts), correlations=list(correlations))
    for rule_filter, name in correlation_filters:
        sigma_filter = SigmaMemberFilter(correlation=name, rule_filter=rule_filter)
        is_applied = filtering.add_filter(sigma_filter)
        if is_applied is not None:
            filtering.warnings += sigma_filter.list_warnings(is_applied=is_applied)
    for each in further:
        filtering.add_filter(each)
    return filtering
