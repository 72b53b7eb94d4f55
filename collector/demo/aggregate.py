"""GROUP BY and the aggregate functions, as records of type AggregateResult."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from collector.demo.evaluate import Column, Row
from collector.demo.objects import json_value
from collector.demo.refusal import malformed
from collector.demo.soql import Aggregate, Path, Query


def groups(query: Query, rows: list[Row], column: Callable[[str], Column]) -> list[dict[str, Any]]:
    """One record per group. Raises ApiError for a selection that has no value per group."""
    keys = {path.lower(): column(path) for path in query.group_by}
    for key in keys.values():
        if not key.field.filterable:
            raise malformed(f"field '{key.field.name}' can not be grouped in a query call")
    unnamed = itertools.count()
    makers = [_maker(one, keys, column, unnamed) for one in _selection(query)]
    gathered: dict[tuple[Any, ...], list[Row]] = {} if keys else {(): []}
    for row in rows:
        values = tuple(key.get(row) for key in keys.values())
        gathered.setdefault(values, []).append(row)
    found = [
        {"attributes": {"type": "AggregateResult"}, **{name: make(own) for name, make in makers}}
        for _, own in sorted(gathered.items(), key=lambda item: str(item[0]))
    ]
    return found[query.offset :][: query.limit]


def _selection(query: Query) -> list[Path | Aggregate]:
    if query.order_by:
        raise malformed("ORDER BY is not supported here together with GROUP BY")
    found = [one for one in query.selection if isinstance(one, Path | Aggregate)]
    if len(found) < len(query.selection):
        raise malformed("FIELDS() cannot be used in a grouped query")
    return found


def _maker(
    one: Path | Aggregate,
    keys: dict[str, Column],
    column: Callable[[str], Column],
    unnamed: Iterator[int],
) -> tuple[str, Callable[[list[Row]], Any]]:
    if isinstance(one, Path):
        if one.name.lower() not in keys:
            raise malformed(f"Field must be grouped or aggregated: {one.name}")
        key = keys[one.name.lower()]
        return key.field.name, lambda own: json_value(key.get(own[0]))
    inner = column(one.path or "Id")
    if one.function in ("SUM", "AVG") and inner.field.type not in ("double", "int"):
        raise malformed(f"field {inner.field.name} does not support aggregate {one.function}")

    def make(own: list[Row]) -> Any:
        values = [value for row in own if (value := inner.get(row)) is not None]
        return json_value(_value(one.function, values))

    return one.alias or f"expr{next(unnamed)}", make


def _value(function: str, values: list[Any]) -> Any:
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
