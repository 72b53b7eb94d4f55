"""Numbers, parts of times and other fields that a field is compared with, as SQL."""

from __future__ import annotations

from sigma.types import (
    CompareOperators,
    SigmaCompareExpression,
    SigmaFieldReference,
    SigmaTimestampPart,
)

from collector.detect.predicates import equality, salesforce_ids
from collector.detect.predicates.field_columns import (
    TEXT_TYPE,
    TIME_TYPE,
    UTC_ZONE,
    FieldColumns,
)
from collector.detect.predicates.members import OTHER_MEMBER, match_any_member
from collector.detect.predicates.sigma_extensions import DayPart, FieldComparison
from collector.detect.predicates.sql_literals import UnsupportedSigmaError
from collector.escaping import quote_literal

_OPERATORS = {
    CompareOperators.LT: "<",
    CompareOperators.LTE: "<=",
    CompareOperators.GT: ">",
    CompareOperators.GTE: ">=",
    CompareOperators.NEQ: "<>",
}
_SQL_PARTS = {DayPart.WEEKDAY.name: "ISODOW"}


def compare_number(name: str, value: SigmaCompareExpression, columns: FieldColumns) -> str:
    """SQL: a number, or a part of a time, is less or greater than a number, or not equal to it."""
    number = value.number
    if isinstance(number, SigmaTimestampPart):
        subject = _extract_time_part(name, number, columns)
    else:
        subject = columns.cast_to_number(name)
    return f"{subject} {_OPERATORS[value.op]} {number.number}"


def match_time_part(name: str, value: SigmaTimestampPart, columns: FieldColumns) -> str:
    """SQL: a part of a time is a number. Raises SigmaError for fields that are no times."""
    return f"{_extract_time_part(name, value, columns)} = {value.number}"


def _extract_time_part(name: str, value: SigmaTimestampPart, columns: FieldColumns) -> str:
    part = value.timestamp_part.name
    if columns.find_type(name) != TIME_TYPE:
        raise UnsupportedSigmaError(
            f"{part.lower()} is served for time and received, not for {name}"
        )
    moment = columns.quote_column(name)
    if columns.time_zone != UTC_ZONE:
        moment = f"{moment} AT TIME ZONE {quote_literal(columns.time_zone)}"
    return f"EXTRACT({_SQL_PARTS.get(part, part)} FROM {moment})"


def compare_fields(name: str, value: FieldComparison, columns: FieldColumns) -> str:
    """SQL: a field is less or greater than another; as times where one is, else as numbers."""

    def compare(columns: FieldColumns) -> str:
        is_time = TIME_TYPE in {columns.find_type(name), columns.find_type(value.field)}
        cast = _cast_to_time if is_time else FieldColumns.cast_to_number
        return f"{cast(columns, name)} {_OPERATORS[value.op]} {cast(columns, value.field)}"

    return match_any_member(value.field, columns, compare, called=OTHER_MEMBER)


def _cast_to_time(columns: FieldColumns, name: str) -> str:
    column = columns.quote_column(name)
    match columns.find_type(name):
        case "TIMESTAMPTZ":
            return column
        case "VARCHAR":
            return f"TRY_CAST({column} AS TIMESTAMPTZ)"
    raise UnsupportedSigmaError(f"{name} is a number, which no time can be compared with")


def match_field(name: str, value: SigmaFieldReference, columns: FieldColumns) -> str:
    """SQL: a field equals, holds, begins or ends with another; of a list, with any member of it."""

    def compare(columns: FieldColumns) -> str:
        return _compare_fields(name, value, columns)

    return match_any_member(value.field, columns, compare, called=OTHER_MEMBER)


def _compare_fields(name: str, value: SigmaFieldReference, columns: FieldColumns) -> str:
    is_whole = not (value.starts_with or value.ends_with)
    if is_whole and TEXT_TYPE not in {columns.find_type(name), columns.find_type(value.field)}:
        return f"{columns.quote_column(name)} = {columns.quote_column(value.field)}"
    is_id = columns.holds_ids(name) or columns.holds_ids(value.field)
    cast = columns.cast_to_text if is_id else columns.fold_case
    left, right = cast(name), cast(value.field)
    match value.starts_with, value.ends_with:
        case True, True:
            return f"POSITION({right} IN {left}) > 0"
        case True, False:
            return f"LEFT({left}, LENGTH({right})) = {right}"
        case False, True:
            return f"RIGHT({left}, LENGTH({right})) = {right}"
    return _compare_ids(left, right) if is_id else f"{left} = {right}"


def _compare_ids(one: str, other: str) -> str:
    short_ids = " = ".join(
        f"substr({each}, 1, {salesforce_ids.SHORT_ID_LENGTH})" for each in (one, other)
    )
    lengths = " AND ".join(equality.has_id_length(each) for each in (one, other))
    return f"({one} = {other} OR ({short_ids} AND {lengths}))"
