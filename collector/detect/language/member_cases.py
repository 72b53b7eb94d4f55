"""Severity cases of correlations that ask for the events of a window: checked and compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from sigma.conditions import ConditionAND

from collector.detect.event_schema import EventSchema
from collector.detect.language import window_columns
from collector.detect.language.asked_rules import AskedRule
from collector.detect.language.collector_block import SeverityCondition
from collector.detect.language.detection_checks import parse_item
from collector.detect.language.document_library import normalize_reference
from collector.detect.language.field_scope import FieldScope
from collector.detect.language.list_conditions import ListCondition
from collector.detect.language.window_columns import add_group_columns
from collector.detect.predicates import condition_sql
from collector.detect.predicates.field_columns import TEXT_TYPE, FieldColumns
from collector.escaping import quote_identifier
from collector.model import MemberCondition
from collector.model.event_columns import NON_NULL_COLUMNS
from collector.yaml_source.suggestions import suggest_name


def build_member_scope(
    schema: EventSchema, event_types: Iterable[str], columns: Mapping[str, str]
) -> FieldScope:
    """The fields of events of these types, none for every type, and columns of their windows."""

    def resolve_column(name: str, event_type: str) -> str:
        return name if name in columns else schema.resolve_column(name, event_type)

    return FieldScope(
        schema=replace(
            schema,
            column_types={**schema.field_types, **columns},
            resolve_column=resolve_column,
        ),
        event_types=tuple(sorted(event_types)),
        common_fields=NON_NULL_COLUMNS | columns.keys(),
    )


def find_member_problem(
    each: SeverityCondition, rule_names: frozenset[str] | None, groups: Iterable[str]
) -> tuple[str, str] | None:
    """The key of a case that does not go with windows of events, and why; None where all do.

    `rule_names` are the references of a correlation to its rules; None of rules of other kinds.
    """
    if rule_names is None:
        if each.members is not None:
            return "members", "'members' is about the events of a window, which correlations have"
        return None
    if isinstance(each.when, ListCondition):
        return "when", "'when' about a list goes with rules about events, not with a correlation"
    if isinstance(each.when, str) and normalize_reference(each.when) not in rule_names:
        hint = suggest_name(each.when, rule_names)
        return "when", f"'when' of a correlation is the name of one of its rules{hint}"
    if each.members is not None and (each.field is None or _is_of_window(each.field, groups)):
        return "members", "'members' goes with a 'field' of events, not with one of the window"
    return _find_mixed_problem(each, groups)


def _find_mixed_problem(each: SeverityCondition, groups: Iterable[str]) -> tuple[str, str] | None:
    for name in ("gte", "gt", "lte", "lt"):
        bound = getattr(each, name)
        if (
            each.field is not None
            and isinstance(bound, str)
            and _is_of_window(bound, groups) != _is_of_window(each.field, groups)
        ):
            message = f"{each.field!r} and {bound!r}: one is of events, the other of their window"
            return name, message
    return None


def _is_of_window(field_name: str, groups: Iterable[str]) -> bool:
    return field_name in {*window_columns.CORRELATION_COLUMNS, *groups}


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberCaseCompiler:
    """Compiles the cases and steps of one correlation.

    Attributes:
        schema: the event table.
        group_by: the group-by names.
        rule_names: the names of the rules that it looks at, by every reference to them.
        member_conditions: those that the cases compiled so far ask for.
    """

    schema: EventSchema
    group_by: tuple[str, ...]
    rule_names: Mapping[str, str]
    member_conditions: list[MemberCondition] = field(default_factory=list)

    def compile_case(self, each: SeverityCondition) -> str:
        """The condition of a case or step as SQL over the row of a window."""
        is_of_window = each.field is None or _is_of_window(each.field, self.group_by)
        predicates = []
        if each.when is not None or not is_of_window:
            predicates.append(self._ask_members(each, is_compared=not is_of_window))
        if each.field is not None and is_of_window:
            columns = add_group_columns(window_columns.CORRELATION_COLUMNS, self.group_by)
            predicates.append(_compile_items(each, self._build_columns(columns)))
        return " AND ".join(f"({predicate})" for predicate in predicates)

    def _ask_members(self, each: SeverityCondition, *, is_compared: bool) -> str:
        columns = self._build_columns(self.schema.field_types)
        predicate = _compile_items(each, columns) if is_compared else "TRUE"
        asked = each.when.rule if isinstance(each.when, AskedRule) else each.when
        is_about_rule = isinstance(asked, str)
        rule = self.rule_names[normalize_reference(str(asked))] if is_about_rule else None
        self.member_conditions.append(
            MemberCondition(
                predicate=predicate,
                columns={
                    name: self.schema.field_types.get(name, TEXT_TYPE)
                    for name in sorted(columns.accessed_columns)
                },
                rule=rule,
                is_about_all=each.members == "all",
            )
        )
        answer = MemberCondition.name_answer(len(self.member_conditions) - 1)
        return f"COALESCE({quote_identifier(answer)} = 1, FALSE)"

    def _build_columns(self, column_types: Mapping[str, str]) -> FieldColumns:
        return FieldColumns(column_types=column_types, resolve_column=_keep_name)


def _compile_items(each: SeverityCondition, columns: FieldColumns) -> str:
    items = [parse_item(key, value) for key, value in each.detection_items.items()]
    return condition_sql.compile_predicate(ConditionAND(items), columns)


_keep_name: Callable[[str], str] = str
