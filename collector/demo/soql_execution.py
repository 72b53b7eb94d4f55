"""A SOQL query against the store at one moment: checked, filtered, ordered, written as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from collector.demo.api_errors import ApiError
from collector.demo.org_store import OrgStore
from collector.demo.sobjects import (
    FIXED_IDS,
    SObject,
    SObjectKind,
    build_invalid_type,
    find_sobject,
    to_json_value,
)
from collector.demo.soql_aggregates import aggregate_rows
from collector.demo.soql_conditions import SObjectRow, SoqlColumn, build_predicate
from collector.demo.soql_parser import AllFields, FieldPath, OrderKey, SoqlQuery, parse_query
from collector.demo.soql_restrictions import apply_implied_filter, check_query, compute_max_rows

JsonRecord = dict[str, Any]
MAX_PATH_DEPTH = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestView:
    """The view of the org for one request.

    `missing` are objects that this user or licence does not have; without `hourly_files` the
    field Interval does not exist and neither do hourly files. `version` is that of the path.
    """

    store: OrgStore
    now: datetime
    version: str
    missing: frozenset[str] = frozenset()
    hourly_files: bool = True

    def find_sobject(self, name: str) -> SObject:
        """The object in this view. Raises ApiError (INVALID_TYPE)."""
        sobject = find_sobject(name)
        if sobject.name in self.missing:
            raise build_invalid_type(name)
        if sobject.name == "EventLogFile" and not self.hourly_files:
            fields = {key: field for key, field in sobject.fields.items() if key != "interval"}
            return replace(sobject, fields=fields)
        return sobject

    def list_rows(self, sobject: SObject) -> list[SObjectRow]:
        """Its records."""
        rows = self.store.list_rows(sobject.name, self.now)
        if sobject.name == "EventLogFile" and not self.hourly_files:
            return [row for row in rows if row["Sequence"] == 0]
        return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryResult:
    """Records as JSON values, and how many there are: COUNT() has a total and no records."""

    total: int
    records: list[JsonRecord]


def run_query(text: str, view: RequestView) -> QueryResult:
    """The answer to a query. Raises ApiError for one that Salesforce would refuse."""
    query = parse_query(text)
    sobject = view.find_sobject(query.sobject)
    check_query(query, sobject)

    def find_column(path: str) -> SoqlColumn:
        return resolve_column(sobject, path, view)

    rows = apply_implied_filter(query, sobject, view.list_rows(sobject))
    if query.where is not None:
        fits = build_predicate(query.where, find_column, view.now)
        rows = [row for row in rows if fits(row)]
    if query.is_count_only:
        return QueryResult(total=len(rows), records=[])
    if query.is_aggregate:
        records = aggregate_rows(query, rows, find_column)
    else:
        paths = _select_paths(query, sobject)
        writer = _build_writer(sobject, paths, view)
        ordered = _slice_rows(query, _order_rows(query, sobject, rows, find_column))
        records = [writer(row) for row in ordered[: compute_max_rows(sobject)]]
    return QueryResult(total=len(records), records=records)


def resolve_column(sobject: SObject, path: str, view: RequestView) -> SoqlColumn:
    """How to read a field, or a related record's field. Raises ApiError (INVALID_FIELD)."""
    if path.count(".") > MAX_PATH_DEPTH:
        raise ApiError("INVALID_FIELD", f"SOQL relationship path '{path[:80]}' is too long")
    head, _, rest = path.partition(".")
    if not rest:
        field = sobject.find_field(head)
        if field.type == "base64":
            address = f"/services/data/v{view.version}/sobjects/{sobject.name}"
            return SoqlColumn(
                field=field, read_value=lambda row: f"{address}/{row['Id']}/{field.name}"
            )
        if field.type == "id" and sobject.kind in FIXED_IDS:
            return SoqlColumn(field=field, read_value=lambda _: FIXED_IDS[sobject.kind])
        return SoqlColumn(field=field, read_value=lambda row: row.get(field.name))
    reference, target = sobject.find_reference(head)
    inner = resolve_column(target, rest, view)
    by_id = {row["Id"]: row for row in view.store.list_rows(target.name, view.now)}
    return SoqlColumn(
        field=inner.field,
        read_value=lambda row: inner.read_value(by_id.get(row.get(reference.name), {})),
    )


def render_record(sobject: SObject, row: SObjectRow, view: RequestView) -> JsonRecord:
    """One whole record as JSON."""
    return _build_writer(sobject, [field.name for field in sobject.fields.values()], view)(row)


def _select_paths(query: SoqlQuery, sobject: SObject) -> list[str]:
    paths: list[str] = []
    for item in query.selection:
        if isinstance(item, FieldPath):
            paths.append(item.name)
        elif isinstance(item, AllFields) and item.kind != "CUSTOM":
            paths += [field.name for field in sobject.fields.values()]
    lowered = [path.lower() for path in paths]
    if len(set(lowered)) < len(lowered):
        duplicate = next(path for path in lowered if lowered.count(path) > 1)
        raise ApiError("INVALID_FIELD", f"duplicate field selected: {duplicate}")
    return paths


# ---- order and window


def _order_rows(
    query: SoqlQuery,
    sobject: SObject,
    rows: list[SObjectRow],
    find_column: Callable[[str], SoqlColumn],
) -> list[SObjectRow]:
    keys = query.order_by
    if sobject.kind is SObjectKind.BIG:
        keys = (OrderKey(path="EventDate", descending=True, nulls=""),)
    elif not keys:
        keys = (OrderKey(path="Id", descending=False, nulls=""),)
    for key in reversed(keys):
        rows = _sort_rows(rows, key, find_column(key.path))
    return rows


def _sort_rows(rows: list[SObjectRow], key: OrderKey, column: SoqlColumn) -> list[SObjectRow]:
    if not column.field.sortable:
        raise ApiError(
            "INVALID_FIELD", f"field '{column.field.name}' can not be sorted in a query call"
        )
    keyed = [(column.read_value(row), row) for row in rows]
    nulls = [row for value, row in keyed if value is None]
    values = [(value, row) for value, row in keyed if value is not None]
    values.sort(key=lambda pair: pair[0], reverse=key.descending)
    present = [row for _, row in values]
    return present + nulls if key.nulls == "LAST" else nulls + present


def _slice_rows(query: SoqlQuery, rows: list[SObjectRow]) -> list[SObjectRow]:
    end = None if query.limit is None else query.offset + query.limit
    return rows[query.offset : end]


# ---- writing


def _build_writer(
    sobject: SObject, paths: Iterable[str], view: RequestView
) -> Callable[[SObjectRow], JsonRecord]:
    """A function that writes these fields of a record, related ones as objects of their own."""
    address = f"/services/data/v{view.version}/sobjects/{sobject.name}/"
    columns: list[tuple[str, Callable[[SObjectRow], Any]]] = []
    related: dict[str, list[str]] = {}
    for path in paths:
        head, _, rest = path.partition(".")
        if rest:
            resolve_column(sobject, path, view)
            related.setdefault(head.lower(), []).append(rest)
        else:
            column = resolve_column(sobject, head, view)
            columns.append((column.field.name, column.read_value))
    parts = [_build_related_writer(sobject, head, inner, view) for head, inner in related.items()]

    def write_record(row: SObjectRow) -> JsonRecord:
        record_id = FIXED_IDS[sobject.kind] if sobject.kind in FIXED_IDS else row["Id"]
        record: JsonRecord = {"attributes": {"type": sobject.name, "url": f"{address}{record_id}"}}
        for name, read_value in columns:
            record[name] = to_json_value(read_value(row))
        for name, read_value in parts:
            record[name] = read_value(row)
        return record

    return write_record


def _build_related_writer(
    sobject: SObject, head: str, paths: list[str], view: RequestView
) -> tuple[str, Callable[[SObjectRow], JsonRecord | None]]:
    reference, target = sobject.find_reference(head)
    write = _build_writer(target, paths, view)
    by_id = {row["Id"]: row for row in view.store.list_rows(target.name, view.now)}

    def write_related(row: SObjectRow) -> JsonRecord | None:
        other = by_id.get(row.get(reference.name))
        return None if other is None else write(other)

    return reference.name.removesuffix("Id"), write_related
