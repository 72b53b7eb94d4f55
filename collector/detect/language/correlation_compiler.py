"""The correlation of a draft, and what compiles its severity cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from collector.detect.language.absence_checks import select_absent_rules
from collector.detect.language.correlation_block import CorrelationBlock, RuleCondition
from collector.detect.language.document_library import normalize_reference
from collector.detect.language.member_cases import MemberCaseCompiler
from collector.detect.language.rule_drafts import CorrelationDraft
from collector.detect.language.temporal_checks import find_needed_rules
from collector.model import Correlation, MemberLink


def build_case_compiler(draft: CorrelationDraft) -> MemberCaseCompiler:
    """The compiler of its cases and steps, which has compiled none."""
    references = map(normalize_reference, draft.correlation.rules)
    return MemberCaseCompiler(
        schema=draft.schema,
        group_by=tuple(draft.correlation.group_by),
        rule_names={
            **dict(zip(references, draft.rules, strict=True)),
            **{normalize_reference(each): name for each, name in draft.optional_rules.items()},
        },
    )


def build_correlation(
    draft: CorrelationDraft, cases: MemberCaseCompiler, dedup_fields: Sequence[str]
) -> Correlation:
    """The correlation, once its cases are compiled; its rows carry what dedup keys are made of."""
    mapping = draft.correlation
    condition = mapping.condition
    operator, limit = _find_limit(mapping)
    optional = [
        name for name in dict.fromkeys(draft.optional_rules.values()) if name not in draft.rules
    ]
    return Correlation(
        type=mapping.type,
        rules=(*draft.rules, *optional),
        group_by=tuple(mapping.group_by),
        timespan=mapping.timespan,
        aliases=draft.aliases,
        field=condition.field if condition else None,
        percentile=condition.percentile if condition else None,
        operator=operator,
        limit=limit,
        member_conditions=tuple(cases.member_conditions),
        absent=select_absent_rules(mapping, draft.rules),
        carried=tuple(name for name in dedup_fields if name not in mapping.group_by),
        optional=frozenset(optional),
        link=_build_link(draft, cases.rule_names),
    )


def _build_link(draft: CorrelationDraft, rule_names: Mapping[str, str]) -> MemberLink | None:
    link = draft.block.link
    if link is None:
        return None
    return MemberLink(
        rule=rule_names[normalize_reference(link.rule)],
        by=link.by,
        fills=tuple(link.fill),
        within=link.within,
    )


def _find_limit(mapping: CorrelationBlock) -> tuple[str, float] | tuple[None, None]:
    """The condition; none of temporal types that ask for every rule, or for rules by name."""
    if isinstance(mapping.condition, RuleCondition):
        return None, None
    if mapping.is_temporal:
        count = len(set(mapping.rules))
        needed = find_needed_rules(mapping.condition, count)
        return (None, None) if needed is None or needed == count else ("gte", needed)
    limits = mapping.condition.limits if mapping.condition else {}
    return next(iter(limits.items()), (None, None))
