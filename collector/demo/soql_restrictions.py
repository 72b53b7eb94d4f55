"""The restrictions of single objects on SOQL.

Big objects answer what their index can, SetupAuditTrail only COUNT(), EventLogFile daily files.
"""

from __future__ import annotations

from collector.demo.api_errors import ApiError, build_malformed_query
from collector.demo.sobjects import SObject, SObjectKind
from collector.demo.soql_conditions import SObjectRow
from collector.demo.soql_parser import (
    AllFields,
    FieldPath,
    Junction,
    SoqlComparison,
    SoqlQuery,
    list_comparisons,
)
from collector.demo.soql_tokens import DateLiteral

_INDEXED_FIELDS = ("eventdate", "eventidentifier")
_BIG_OPERATORS = ("=", "<", "<=", ">", ">=", "IN")
_BOTH_INTERVALS = {"interval", "sequence", "id"}
MAX_ALL_FIELDS = 200
MAX_TOKENS = 2500
TOKENS_PER_PAGE = 500


def check_query(query: SoqlQuery, sobject: SObject) -> None:
    """Raises ApiError where the object does not support this query."""
    if any(isinstance(one, AllFields) and one.kind != "STANDARD" for one in query.selection) and (
        query.limit is None or query.limit > MAX_ALL_FIELDS
    ):
        raise build_malformed_query(
            f"The SOQL FIELDS function must have a LIMIT of at most {MAX_ALL_FIELDS}"
        )
    if sobject.kind is SObjectKind.BIG:
        _check_big_object(query)
    if sobject.name == "SetupAuditTrail" and query.is_aggregate and not query.is_count_only:
        raise build_malformed_query(
            "SetupAuditTrail does not support aggregate functions other than COUNT()"
        )


def apply_implied_filter(
    query: SoqlQuery, sobject: SObject, rows: list[SObjectRow]
) -> list[SObjectRow]:
    """The rows that the object offers to the query before its own conditions are applied."""
    if sobject.name != "EventLogFile":
        return rows
    field_names = {comparison.path.lower() for comparison in list_comparisons(query.where)}
    if field_names & _BOTH_INTERVALS:
        return rows
    return [row for row in rows if row["Sequence"] == 0]


def compute_max_rows(sobject: SObject) -> int | None:
    """The most records that a query finds, also in its total; None for no limit."""
    return MAX_TOKENS if sobject.kind is SObjectKind.TOKEN else None


def limit_page_size(sobject: SObject, wanted: int) -> int:
    """The number of records in a page."""
    return min(wanted, TOKENS_PER_PAGE) if sobject.kind is SObjectKind.TOKEN else wanted


def _check_big_object(query: SoqlQuery) -> None:
    if query.is_aggregate:
        raise _build_big_object_error("Aggregate functions not supported")
    if query.offset:
        raise _build_big_object_error("OFFSET is not supported on big objects")
    paths = [item.name for item in query.selection if isinstance(item, FieldPath)]
    related = next((path for path in paths if "." in path), None)
    if related is not None:
        raise _build_big_object_error(f"Relationship field {related} not supported")
    _check_order(query)
    _check_index(_flatten_conjunction(query))


def _check_order(query: SoqlQuery) -> None:
    for key in query.order_by:
        column = key.path.upper()
        if column != "EVENTDATE" or key.nulls or len(query.order_by) > 1:
            raise _build_big_object_error(f"Unsupported order by column: {column}")
        if not key.descending:
            raise _build_big_object_error(
                f"Unsupported order direction on filter column: {column} : ASCENDING"
            )


def _flatten_conjunction(query: SoqlQuery) -> list[SoqlComparison]:
    """The comparisons of a condition that is nothing but ANDs."""
    pending = [] if query.where is None else [query.where]
    comparisons = []
    while pending:
        match pending.pop():
            case SoqlComparison() as comparison:
                comparisons.append(comparison)
            case Junction(word="AND", parts=parts):
                pending.extend(parts)
            case _:
                raise _build_big_object_error("Only conditions joined by AND are supported")
    return comparisons


def _check_index(conditions: list[SoqlComparison]) -> None:
    for comparison in conditions:
        column = comparison.path.upper()
        if column.lower() not in _INDEXED_FIELDS:
            raise _build_big_object_error(
                f"Filter on column {column} not supported: it is not indexed"
            )
        if comparison.operator not in _BIG_OPERATORS:
            raise _build_big_object_error(
                f"Unsupported operator {comparison.operator} on filter column {column}"
            )
    dates = [each for each in conditions if each.path.lower() == "eventdate"]
    identifiers = [each for each in conditions if each.path.lower() == "eventidentifier"]
    if not identifiers:
        return
    if not dates:
        raise _build_big_object_error(
            "Filter on EVENTIDENTIFIER without EVENTDATE leaves a gap in the index"
        )
    if any(each.operator != "=" or isinstance(each.value, DateLiteral) for each in dates):
        raise _build_big_object_error("A range is only supported on the last column of the filter")


def _build_big_object_error(message: str) -> ApiError:
    return ApiError("BIG_OBJECT_UNSUPPORTED_OPERATION", message)
