"""GROUP BY and the aggregate functions, as records of type AggregateResult."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from collector.demo.api_errors import build_malformed_query
from collector.demo.sobjects import to_json_value
from collector.demo.soql_conditions import SObjectRow, SoqlColumn
from collector.demo.soql_parser import AggregateCall, FieldPath, SoqlQuery


def aggregate_rows(
    query: SoqlQuery, rows: list[SObjectRow], find_column: Callable[[str], SoqlColumn]
) -> list[dict[str, Any]]:
    """One record per group. Raises ApiError for a selection that has no value per group."""
    keys = {path.lower(): find_column(path) for path in query.group_by}
    for key in keys.values():
        if not key.field.filterable:
            raise build_malformed_query(
                f"field '{key.field.name}' can not be grouped in a query call"
            )
    unnamed = itertools.count()
    makers = [_build_aggregator(one, keys, find_column, unnamed) for one in _check_selection(query)]
    gathered: dict[tuple[Any, ...], list[SObjectRow]] = {} if keys else {(): []}
    for row in rows:
        values = tuple(key.read_value(row) for key in keys.values())
        gathered.setdefault(values, []).append(row)
    found = [
        {"attributes": {"type": "AggregateResult"}, **{name: make(own) for name, make in makers}}
        for _, own in sorted(gathered.items(), key=lambda item: str(item[0]))
    ]
    return found[query.offset :][: query.limit]


def _check_selection(query: SoqlQuery) -> list[FieldPath | AggregateCall]:
    if query.order_by:
        raise build_malformed_query("ORDER BY is not supported here together with GROUP BY")
    found = [one for one in query.selection if isinstance(one, FieldPath | AggregateCall)]
    if len(found) < len(query.selection):
        raise build_malformed_query("FIELDS() cannot be used in a grouped query")
    return found


def _build_aggregator(
    one: FieldPath | AggregateCall,
    keys: dict[str, SoqlColumn],
    find_column: Callable[[str], SoqlColumn],
    unnamed: Iterator[int],
) -> tuple[str, Callable[[list[SObjectRow]], Any]]:
    if isinstance(one, FieldPath):
        if one.name.lower() not in keys:
            raise build_malformed_query(f"Field must be grouped or aggregated: {one.name}")
        key = keys[one.name.lower()]
        return key.field.name, lambda own: to_json_value(key.read_value(own[0]))
    inner = find_column(one.path or "Id")
    if one.function in ("SUM", "AVG") and inner.field.type not in ("double", "int"):
        raise build_malformed_query(
            f"field {inner.field.name} does not support aggregate {one.function}"
        )

    def compute_cell(own: list[SObjectRow]) -> Any:
        values = [value for row in own if (value := inner.read_value(row)) is not None]
        return to_json_value(_compute_aggregate(one.function, values))

    return one.alias or f"expr{next(unnamed)}", compute_cell


def _compute_aggregate(function: str, values: list[Any]) -> Any:
    match function:
        case "COUNT":
            return len(values)
        case "COUNT_DISTINCT":
            return len(set(values))
        case "MIN":
            return min(values, default=None)
        case "MAX":
            return max(values, default=None)
        case "SUM":
            return sum(values)
    return sum(values) / len(values) if values else None
