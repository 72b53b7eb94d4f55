"""Which rules each Sigma filter is added to, and which it leaves alone for want of a field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from collector.detect.language.detection_checks import list_named_fields
from collector.detect.language.document_library import (
    DocumentLibrary,
    determine_kind,
    normalize_reference,
    read_name,
)
from collector.detect.language.rule_drafts import RuleDraft
from collector.detect.language.rule_filters import FILTER_KEY, RuleFilter, add_filters
from collector.errors import Problem

MAX_LISTED_RULES = 4
"""So many of the rules that a filter leaves alone are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilteredDrafts:
    """Rules over events with filters added.

    Attributes:
        drafts: every rule, by name.
        correlation_filters: filters that name correlations, each with the name of one.
        problems: what is wrong with filters among these rules.
        warnings: where filters do nothing.
    """

    drafts: Mapping[str, RuleDraft]
    correlation_filters: tuple[tuple[RuleFilter, str], ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Targets:
    """What the references of a filter lead to: names of rules over events, and correlations."""

    rules: Sequence[str]
    correlations: Sequence[str] = ()
    problems: Sequence[Problem] = ()


@dataclass(slots=True, kw_only=True)
class FilterGaps:
    """The rules that a filter leaves alone, by the fields that their events lack."""

    rules_by_fields: dict[tuple[str, ...], list[str]] = field(default_factory=dict)

    def add_rule(self, name: str, missing_fields: tuple[str, ...]) -> None:
        """Remember that the events of that rule lack these fields."""
        self.rules_by_fields.setdefault(missing_fields, []).append(name)

    def list_warnings(self, rule_filter: RuleFilter) -> Iterator[Problem]:
        """A sentence for each combination of fields, at the references of the filter."""
        for fields, names in self.rules_by_fields.items():
            verb = "have" if len(names) > 1 else "has"
            lack = f"{verb} no {' and no '.join(fields)}"
            message = f"it leaves alone what {lack}: {_join_names(names)}"
            yield rule_filter.document.build_problem((FILTER_KEY, "rules"), message)


def apply_filters(
    filters: Sequence[RuleFilter], drafts: Mapping[str, RuleDraft], library: DocumentLibrary
) -> FilteredDrafts:
    """The rules with filters added where their events have the filters' fields."""
    problems: list[Problem] = []
    warnings: list[Problem] = []
    filters_by_rule: dict[str, list[RuleFilter]] = {}
    correlation_filters: list[tuple[RuleFilter, str]] = []
    for rule_filter in filters:
        targets = _resolve_targets(rule_filter, library)
        problems += targets.problems
        correlation_filters += [(rule_filter, name) for name in targets.correlations]
        named = [drafts[name] for name in targets.rules if name in drafts]
        applicable = [draft for draft in named if rule_filter.applies_to(draft)]
        gaps = FilterGaps()
        for draft in applicable:
            if missing := list_missing_fields(rule_filter, draft):
                gaps.add_rule(draft.name, missing)
            else:
                filters_by_rule.setdefault(draft.name, []).append(rule_filter)
        warnings += gaps.list_warnings(rule_filter)
        if rule_filter.references and named and not applicable and not targets.correlations:
            problems.append(_build_idle_problem(rule_filter))
    return FilteredDrafts(
        drafts={
            name: add_filters(draft, filters_by_rule.get(name, ()))
            for name, draft in drafts.items()
        },
        correlation_filters=tuple(correlation_filters),
        problems=tuple(problems),
        warnings=tuple(warnings),
    )


def list_missing_fields(rule_filter: RuleFilter, draft: RuleDraft) -> tuple[str, ...]:
    """The fields of a filter that the events of a rule never have, in the order of the filter."""
    fields = list_named_fields(rule_filter.detection_document.data["detection"])
    return tuple(name for name in dict.fromkeys(fields) if not draft.scope.has_field(name))


def _join_names(names: Sequence[str]) -> str:
    listed = ", ".join(names[:MAX_LISTED_RULES])
    more = len(names) - MAX_LISTED_RULES
    return f"{listed} and {more} more" if more > 0 else listed


def _build_idle_problem(rule_filter: RuleFilter) -> Problem:
    message = f"none of these rules is about {rule_filter.service} alone, so it filters nothing"
    return rule_filter.document.build_problem((FILTER_KEY, "rules"), message)


def _resolve_targets(rule_filter: RuleFilter, library: DocumentLibrary) -> _Targets:
    """What the references of a filter lead to; without any it is for all rules over events."""
    rules = [read_name(document) for document in library.select_by_kind("rule")]
    if rule_filter.references is None:
        return _Targets(rules=rules)
    correlations = [read_name(document) for document in library.select_by_kind("correlation")]
    documents = library.index_by_reference()
    names: list[str] = []
    problems = []
    for position, reference in enumerate(rule_filter.references):
        found = documents.get(normalize_reference(reference))
        matching = [name for name in (*rules, *correlations) if fnmatchcase(name, reference)]
        names += matching if found is None else [read_name(found)]
        if found is None and not matching and not library.has_disabled(reference):
            place = (FILTER_KEY, "rules", position)
            message = library.explain_missing(reference)
            problems.append(rule_filter.document.build_problem(place, message))
    kinds = {name: determine_kind(documents[normalize_reference(name)]) for name in names}
    return _Targets(
        rules=[name for name, kind in kinds.items() if kind == "rule"],
        correlations=[name for name, kind in kinds.items() if kind == "correlation"],
        problems=problems,
    )
