"""Sigma conditions as SQL predicates over the event table, valid in DuckDB and Spark.

Text is compared as Sigma says: without regard to case, unless `cased`. Ids always mind case, and
one of 15 characters is that of 18 which begins with it. NOT is never NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from functools import partial
from typing import Any, TypeAlias

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionItem,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.types import (
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SigmaType,
)

from collector.detect.predicates import equality
from collector.detect.predicates.field_columns import FieldColumns
from collector.detect.predicates.field_comparisons import (
    compare_fields,
    compare_number,
    match_field,
    match_time_part,
)
from collector.detect.predicates.list_membership import match_list, parse_list_reference
from collector.detect.predicates.list_pairs import match_pair
from collector.detect.predicates.members import match_any_member
from collector.detect.predicates.name_patterns import simplify_pattern
from collector.detect.predicates.sigma_extensions import FieldComparison, ListPair
from collector.detect.predicates.sql_literals import (
    WILDCARD,
    UnsupportedSigmaError,
    extract_text,
    is_plain_text,
    match_wildcards,
    quote_exact,
    quote_regex,
)
from collector.escaping import quote_literal
from collector.model.event_columns import KEYWORD_COLUMNS

ConditionNode: TypeAlias = (
    ConditionItem | ConditionFieldEqualsValueExpression | ConditionValueExpression | None
)


def compile_predicate(condition: ConditionNode, columns: FieldColumns) -> str:
    """The SQL of a postprocessed condition; TRUE or FALSE for every row, never NULL.

    Raises SigmaError for what SQL cannot express.
    """
    return f"COALESCE({_compile_node(condition, columns)}, FALSE)"


def _compile_node(condition: ConditionNode, columns: FieldColumns) -> str:
    match condition:
        case ConditionOR(args=args):
            return _compile_alternatives(args, columns)
        case ConditionAND(args=args):
            parts = [_compile_node(each, columns) for each in args]
            return f"({' AND '.join(parts)})" if len(parts) > 1 else parts[0]
        case ConditionNOT(args=[negated]):
            # What is left out is left out for as long as a list says, and no longer.
            return f"NOT {compile_predicate(negated, columns.refuse_expired())}"
        case ConditionFieldEqualsValueExpression():
            return _compile_field(condition.field, condition.value, columns)
        case ConditionValueExpression():
            return _compile_keyword(condition.value, columns)
    raise UnsupportedSigmaError("the condition is empty")


# ---- values that share one comparison


class _ValueKind(Enum):
    FOLDED_TEXT = auto()
    EXACT_TEXT = auto()
    NUMBER = auto()
    NETWORK = auto()


def _compile_alternatives(conditions: Sequence[ConditionNode], columns: FieldColumns) -> str:
    values_by_field: dict[tuple[str, _ValueKind], list[SigmaType]] = {}
    parts = []
    for condition in conditions:
        match condition:
            case ConditionFieldEqualsValueExpression() if kind := _classify_value(condition.value):
                values_by_field.setdefault((condition.field, kind), []).append(condition.value)
            case _:
                parts.append(_compile_node(condition, columns))
    parts += [
        _match_any_value(name, kind, values, columns)
        for (name, kind), values in values_by_field.items()
    ]
    return equality.join_alternatives(parts)


_VALUE_KINDS: Mapping[type[SigmaType], _ValueKind] = {
    SigmaString: _ValueKind.FOLDED_TEXT,
    SigmaCasedString: _ValueKind.EXACT_TEXT,
    SigmaNumber: _ValueKind.NUMBER,
    SigmaCIDRExpression: _ValueKind.NETWORK,
}


def _classify_value(value: SigmaType) -> _ValueKind | None:
    if isinstance(value, SigmaString) and (
        value.contains_placeholder() or not is_plain_text(value)
    ):
        return None
    return _VALUE_KINDS.get(type(value))


def _match_any_value(
    name: str, kind: _ValueKind, values: Sequence[SigmaType], columns: FieldColumns
) -> str:
    match kind:
        case _ValueKind.NETWORK:
            networks = [each.network for each in values if isinstance(each, SigmaCIDRExpression)]
            return equality.match_networks(name, networks, columns)
        case _ValueKind.NUMBER:
            return match_any_member(
                name,
                columns,
                lambda one: equality.compare_with_literals(
                    one.cast_to_number(name), map(str, values)
                ),
            )
        case _ValueKind.EXACT_TEXT:
            return equality.match_cased_texts(name, list(map(extract_text, values)), columns)
    return equality.match_texts(name, list(map(extract_text, values)), columns)


def _choose_operands(
    name: str, value: SigmaType, columns: FieldColumns
) -> tuple[str, Callable[[str], str]]:
    """The column's SQL, and the function that quotes its literals, with or without case."""
    if isinstance(value, SigmaCasedString):
        return columns.cast_to_text(name), quote_exact
    return equality.choose_operands(name, columns)


# ---- one field, one value


def _compile_field(name: str, value: SigmaType, columns: FieldColumns) -> str:
    if kind := _classify_value(value):
        return _match_any_value(name, kind, [value], columns)
    if convert := _MEMBER_COMPILERS.get(type(value)):
        return match_any_member(name, columns, partial(convert, name, value))
    if convert := _FIELD_COMPILERS.get(type(value)):
        return convert(name, value, columns)
    raise UnsupportedSigmaError(f"values of type {type(value).__name__} are not served")


def _compile_text(name: str, value: SigmaString, columns: FieldColumns) -> str:
    """Empty text, text with wildcards, or the name of a list."""
    if value.contains_placeholder():
        return match_list(name, parse_list_reference(value), columns)
    if not value.s or value.s == [""]:
        return f"({columns.quote_column(name)} IS NULL OR {columns.cast_to_text(name)} = '')"
    if all(part is WILDCARD for part in value.s):
        return f"{columns.quote_column(name)} IS NOT NULL"
    return match_any_member(name, columns, partial(_match_pattern, name, value))


def _match_pattern(name: str, value: SigmaString, columns: FieldColumns) -> str:
    subject, literal = _choose_operands(name, value, columns)
    plain = simplify_pattern(value) if columns.holds_names(name) else value
    return match_wildcards(subject, plain, literal)


def _compile_boolean(name: str, value: SigmaBool, columns: FieldColumns) -> str:
    words = ("true", "1") if value.boolean else ("false", "0")
    return equality.compare_with_literals(columns.fold_case(name), map(quote_literal, words))


def _compile_null(name: str, _: SigmaNull, columns: FieldColumns) -> str:
    return f"{columns.quote_column(name)} IS NULL"


def _compile_exists(name: str, value: SigmaExists, columns: FieldColumns) -> str:
    return f"{columns.quote_column(name)} IS {'NOT ' if value.exists else ''}NULL"


def _compile_regex(name: str, value: SigmaRegularExpression, columns: FieldColumns) -> str:
    return f"regexp_matches({columns.cast_to_text(name)}, {quote_regex(value)})"


def _compile_expansion(name: str, value: SigmaExpansion, columns: FieldColumns) -> str:
    alternatives = [ConditionFieldEqualsValueExpression(name, each) for each in value.values]
    return _compile_alternatives(alternatives, columns)


_FIELD_COMPILERS: Mapping[type[SigmaType], Callable[[str, Any, FieldColumns], str]] = {
    SigmaString: _compile_text,
    SigmaCasedString: _compile_text,
    SigmaNull: _compile_null,
    SigmaExists: _compile_exists,
    SigmaTimestampPart: match_time_part,
    ListPair: match_pair,
    SigmaExpansion: _compile_expansion,
}
"""By type of value, what compiles a comparison with it."""

_MEMBER_COMPILERS: Mapping[type[SigmaType], Callable[[str, Any, FieldColumns], str]] = {
    SigmaBool: _compile_boolean,
    SigmaRegularExpression: _compile_regex,
    SigmaCompareExpression: compare_number,
    SigmaFieldReference: match_field,
    FieldComparison: compare_fields,
}
"""The same where, of a field that is a list, each member is compared."""


# ---- values without a field


def _compile_keyword(value: SigmaType, columns: FieldColumns) -> str:
    match value:
        case SigmaString() if value.contains_placeholder():
            raise UnsupportedSigmaError("a list needs a field to be compared with")
        case SigmaString():
            parts = [_match_anywhere(name, value, columns) for name in KEYWORD_COLUMNS]
        case SigmaNumber():
            parts = [
                _match_anywhere(name, SigmaString(str(value)), columns) for name in KEYWORD_COLUMNS
            ]
        case SigmaRegularExpression():
            parts = [_compile_regex(name, value, columns) for name in KEYWORD_COLUMNS]
        case SigmaExpansion():
            parts = [_compile_keyword(each, columns) for each in value.values]
        case _:
            raise UnsupportedSigmaError(
                "without a field, a value is text, a number or a regular expression"
            )
    return equality.join_alternatives(parts)


def _match_anywhere(name: str, value: SigmaString, columns: FieldColumns) -> str:
    return _match_pattern(name, _surround_with_wildcards(value), columns)


def _surround_with_wildcards(value: SigmaString) -> SigmaString:
    if not extract_text(value):
        raise UnsupportedSigmaError("a keyword must hold some text")
    prefixed = value if value.startswith(WILDCARD) else WILDCARD + value
    return prefixed if prefixed.endswith(WILDCARD) else prefixed + WILDCARD
