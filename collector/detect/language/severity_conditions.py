"""The conditions of severity cases and steps as SQL."""

from __future__ import annotations

from sigma.conditions import ConditionAND, SigmaCondition

from collector.detect.language.collector_block import SeverityCondition
from collector.detect.language.detection_checks import parse_item
from collector.detect.language.list_conditions import ListCondition, compile_list_condition
from collector.detect.language.rule_drafts import CorrelationDraft, RuleDraft
from collector.detect.predicates import condition_sql
from collector.detect.predicates.field_columns import FieldColumns


def compile_severity_condition(
    draft: RuleDraft | CorrelationDraft, columns: FieldColumns, each: SeverityCondition
) -> str:
    """The condition of a case or step; it may name selections of the rule's own file.

    Raises SigmaError for what SQL cannot express.
    """
    conditions = [parse_item(key, value) for key, value in each.detection_items.items()]
    if isinstance(each.when, str) and isinstance(draft, RuleDraft):
        conditions.insert(0, SigmaCondition(each.when, draft.sigma.detection).parse())
    if isinstance(each.when, ListCondition):
        entry = compile_list_condition(draft.document, each.when, columns)
        if not conditions:
            return entry
        return f"({entry} AND {condition_sql.compile_predicate(ConditionAND(conditions), columns)})"
    return condition_sql.compile_predicate(ConditionAND(conditions), columns)
