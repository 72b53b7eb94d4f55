"""What single objects do to SOQL.

Big objects answer what their index can, SetupAuditTrail only COUNT(), EventLogFile daily files.
"""

from __future__ import annotations

from collector.demo.evaluate import Row
from collector.demo.objects import Kind, SObject
from collector.demo.refusal import ApiError, malformed
from collector.demo.soql import AllFields, Comparison, Junction, Path, Query, comparisons
from collector.demo.soql_tokens import DateWord

_INDEX = ("eventdate", "eventidentifier")
_BIG_OPERATORS = ("=", "<", "<=", ">", ">=", "IN")
_BOTH_INTERVALS = {"interval", "sequence", "id"}
MAX_ALL_FIELDS = 200
MAX_TOKENS = 2500
TOKENS_PER_PAGE = 500


def check(query: Query, sobject: SObject) -> None:
    """Raises ApiError where the object does not take this query."""
    if any(isinstance(one, AllFields) and one.kind != "STANDARD" for one in query.selection) and (
        query.limit is None or query.limit > MAX_ALL_FIELDS
    ):
        raise malformed(f"The SOQL FIELDS function must have a LIMIT of at most {MAX_ALL_FIELDS}")
    if sobject.kind is Kind.BIG:
        _check_big(query)
    if sobject.name == "SetupAuditTrail" and query.aggregates and not query.only_counts:
        raise malformed("SetupAuditTrail does not support aggregate functions other than COUNT()")


def implied(query: Query, sobject: SObject, rows: list[Row]) -> list[Row]:
    """The rows that the object offers to the query before its own conditions are applied."""
    if sobject.name != "EventLogFile":
        return rows
    named = {one.path.lower() for one in comparisons(query.where)}
    if named & _BOTH_INTERVALS:
        return rows
    return [row for row in rows if row["Sequence"] == 0]


def most(sobject: SObject) -> int | None:
    """How many records a query finds at most; what is beyond is not even counted."""
    return MAX_TOKENS if sobject.kind is Kind.TOKEN else None


def page_size(sobject: SObject, wanted: int) -> int:
    """How many records are served at a time."""
    return min(wanted, TOKENS_PER_PAGE) if sobject.kind is Kind.TOKEN else wanted


def _check_big(query: Query) -> None:
    if query.aggregates:
        raise _big("Aggregate functions not supported")
    if query.offset:
        raise _big("OFFSET is not supported on big objects")
    paths = [one.name for one in query.selection if isinstance(one, Path)]
    related = next((path for path in paths if "." in path), None)
    if related is not None:
        raise _big(f"Relationship field {related} not supported")
    _check_order(query)
    _check_index(_conjunction(query))


def _check_order(query: Query) -> None:
    for key in query.order_by:
        column = key.path.upper()
        if column != "EVENTDATE" or key.nulls or len(query.order_by) > 1:
            raise _big(f"Unsupported order by column: {column}")
        if not key.descending:
            raise _big(f"Unsupported order direction on filter column: {column} : ASCENDING")


def _conjunction(query: Query) -> list[Comparison]:
    """The comparisons of a condition that is nothing but ANDs."""
    pending = [] if query.where is None else [query.where]
    found = []
    while pending:
        match pending.pop():
            case Comparison() as comparison:
                found.append(comparison)
            case Junction(word="AND", parts=parts):
                pending.extend(parts)
            case _:
                raise _big("Only conditions joined by AND are supported")
    return found


def _check_index(conditions: list[Comparison]) -> None:
    for one in conditions:
        if one.path.lower() not in _INDEX:
            raise _big(f"Filter on column {one.path.upper()} not supported: it is not indexed")
        if one.operator not in _BIG_OPERATORS:
            raise _big(f"Unsupported operator {one.operator} on filter column {one.path.upper()}")
    dates = [one for one in conditions if one.path.lower() == "eventdate"]
    identifiers = [one for one in conditions if one.path.lower() == "eventidentifier"]
    if not identifiers:
        return
    if not dates:
        raise _big("Filter on EVENTIDENTIFIER without EVENTDATE leaves a gap in the index")
    if any(one.operator != "=" or isinstance(one.value, DateWord) for one in dates):
        raise _big("A range is only supported on the last column of the filter")


def _big(message: str) -> ApiError:
    return ApiError("BIG_OBJECT_UNSUPPORTED_OPERATION", message)
