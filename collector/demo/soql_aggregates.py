"""GROUP BY and the aggregate functions, which return records of type AggregateResult."""

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
    items = _check_selection(query)
    aggregators = [_build_aggregator(item, keys, find_column, unnamed) for item in items]
    rows_by_key: dict[tuple[Any, ...], list[SObjectRow]] = {} if keys else {(): []}
    for row in rows:
        values = tuple(key.read_value(row) for key in keys.values())
        rows_by_key.setdefault(values, []).append(row)
    records = [
        {
            "attributes": {"type": "AggregateResult"},
            **{name: get(group) for name, get in aggregators},
        }
        for _, group in sorted(rows_by_key.items(), key=lambda item: str(item[0]))
    ]
    return records[query.offset :][: query.limit]


def _check_selection(query: SoqlQuery) -> list[FieldPath | AggregateCall]:
    if query.order_by:
        raise build_malformed_query("ORDER BY is not supported here together with GROUP BY")
    items = [item for item in query.selection if isinstance(item, FieldPath | AggregateCall)]
    if len(items) < len(query.selection):
        raise build_malformed_query("FIELDS() cannot be used in a grouped query")
    return items


def _build_aggregator(
    item: FieldPath | AggregateCall,
    keys: dict[str, SoqlColumn],
    find_column: Callable[[str], SoqlColumn],
    unnamed: Iterator[int],
) -> tuple[str, Callable[[list[SObjectRow]], Any]]:
    if isinstance(item, FieldPath):
        if item.name.lower() not in keys:
            raise build_malformed_query(f"Field must be grouped or aggregated: {item.name}")
        key = keys[item.name.lower()]
        return key.field.name, lambda group: to_json_value(key.read_value(group[0]))
    column = find_column(item.path or "Id")
    if item.function in ("SUM", "AVG") and column.field.type not in ("double", "int"):
        raise build_malformed_query(
            f"field {column.field.name} does not support aggregate {item.function}"
        )

    def compute_cell(group: list[SObjectRow]) -> Any:
        values = [value for row in group if (value := column.read_value(row)) is not None]
        return to_json_value(_compute_aggregate(item.function, values))

    return item.alias or f"expr{next(unnamed)}", compute_cell


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
