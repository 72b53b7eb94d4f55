"""A SOQL query against the store at one moment: checked, filtered, ordered, written as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.demo.aggregate import groups
from collector.demo.evaluate import Column, Row, predicate
from collector.demo.objects import FIXED_IDS, Kind, SObject, json_value, sobject, unsupported
from collector.demo.refusal import ApiError
from collector.demo.restrictions import check, implied, most
from collector.demo.soql import AllFields, OrderKey, Path, Query, parse
from collector.demo.store import Store

Record = dict[str, Any]
MAX_PATH = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The org as one request sees it.

    `missing` are objects that this user or licence does not have; without `hourly_files` the
    field Interval does not exist and neither do hourly files. `version` is that of the path.
    """

    store: Store
    now: datetime
    version: str
    missing: frozenset[str] = frozenset()
    hourly_files: bool = True

    def sobject(self, name: str) -> SObject:
        """The object as it is here. Raises ApiError (INVALID_TYPE)."""
        found = sobject(name)
        if found.name in self.missing:
            raise unsupported(name)
        if found.name == "EventLogFile" and not self.hourly_files:
            fields = {key: one for key, one in found.fields.items() if key != "interval"}
            return SObject(name=found.name, kind=found.kind, prefix=found.prefix, fields=fields)
        return found

    def rows(self, found: SObject) -> list[Row]:
        """Its records."""
        rows = self.store.rows(found.name, self.now)
        if found.name == "EventLogFile" and not self.hourly_files:
            return [row for row in rows if row["Sequence"] == 0]
        return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Records as JSON values, and how many there are: COUNT() has a total and no records."""

    total: int
    records: list[Record]


def run(text: str, view: View) -> Result:
    """The answer to a query. Raises ApiError for one that Salesforce would refuse."""
    query = parse(text)
    found = view.sobject(query.sobject)
    check(query, found)

    def column(path: str) -> Column:
        return resolve(found, path, view)

    rows = implied(query, found, view.rows(found))
    if query.where is not None:
        fits = predicate(query.where, column, view.now)
        rows = [row for row in rows if fits(row)]
    if query.only_counts:
        return Result(total=len(rows), records=[])
    if query.aggregates:
        records = groups(query, rows, column)
    else:
        paths = _paths(query, found)
        writer = _writer(found, paths, view)
        ordered = _window(query, _ordered(query, found, rows, column))
        records = [writer(row) for row in ordered[: most(found)]]
    return Result(total=len(records), records=records)


def resolve(found: SObject, path: str, view: View) -> Column:
    """How to read a field, or a related record's field. Raises ApiError (INVALID_FIELD)."""
    if path.count(".") > MAX_PATH:
        raise ApiError("INVALID_FIELD", f"SOQL relationship path '{path[:80]}' is too long")
    head, _, rest = path.partition(".")
    if not rest:
        field = found.field(head)
        if field.type == "base64":
            address = f"/services/data/v{view.version}/sobjects/{found.name}"
            return Column(field=field, get=lambda row: f"{address}/{row['Id']}/{field.name}")
        if field.type == "id" and found.kind in FIXED_IDS:
            return Column(field=field, get=lambda _: FIXED_IDS[found.kind])
        return Column(field=field, get=lambda row: row.get(field.name))
    reference, target = found.reference(head)
    inner = resolve(target, rest, view)
    by_id = {row["Id"]: row for row in view.store.rows(target.name, view.now)}
    return Column(
        field=inner.field, get=lambda row: inner.get(by_id.get(row.get(reference.name), {}))
    )


def read(found: SObject, row: Row, view: View) -> Record:
    """One whole record as JSON."""
    return _writer(found, [field.name for field in found.fields.values()], view)(row)


def _paths(query: Query, found: SObject) -> list[str]:
    paths: list[str] = []
    for one in query.selection:
        if isinstance(one, Path):
            paths.append(one.name)
        elif isinstance(one, AllFields) and one.kind != "CUSTOM":
            paths += [field.name for field in found.fields.values()]
    lowered = [path.lower() for path in paths]
    if len(set(lowered)) < len(lowered):
        again = next(path for path in lowered if lowered.count(path) > 1)
        raise ApiError("INVALID_FIELD", f"duplicate field selected: {again}")
    return paths


# ---- order and window


def _ordered(
    query: Query, found: SObject, rows: list[Row], column: Callable[[str], Column]
) -> list[Row]:
    keys = query.order_by
    if found.kind is Kind.BIG:
        keys = (OrderKey(path="EventDate", descending=True, nulls=""),)
    elif not keys:
        keys = (OrderKey(path="Id", descending=False, nulls=""),)
    for key in reversed(keys):
        rows = _sorted(rows, key, column(key.path))
    return rows


def _sorted(rows: list[Row], key: OrderKey, column: Column) -> list[Row]:
    if not column.field.sortable:
        raise ApiError(
            "INVALID_FIELD", f"field '{column.field.name}' can not be sorted in a query call"
        )
    keyed = [(column.get(row), row) for row in rows]
    nulls = [row for value, row in keyed if value is None]
    values = [(value, row) for value, row in keyed if value is not None]
    values.sort(key=lambda pair: pair[0], reverse=key.descending)
    present = [row for _, row in values]
    return present + nulls if key.nulls == "LAST" else nulls + present


def _window(query: Query, rows: list[Row]) -> list[Row]:
    end = None if query.limit is None else query.offset + query.limit
    return rows[query.offset : end]


# ---- writing


def _writer(found: SObject, paths: Iterable[str], view: View) -> Callable[[Row], Record]:
    """A function that writes these fields of a record, related ones as objects of their own."""
    address = f"/services/data/v{view.version}/sobjects/{found.name}/"
    columns: list[tuple[str, Callable[[Row], Any]]] = []
    related: dict[str, list[str]] = {}
    for path in paths:
        head, _, rest = path.partition(".")
        if rest:
            resolve(found, path, view)
            related.setdefault(head.lower(), []).append(rest)
        else:
            column = resolve(found, head, view)
            columns.append((column.field.name, column.get))
    parts = [_related(found, head, inner, view) for head, inner in related.items()]

    def write(row: Row) -> Record:
        record_id = FIXED_IDS[found.kind] if found.kind in FIXED_IDS else row["Id"]
        record: Record = {"attributes": {"type": found.name, "url": f"{address}{record_id}"}}
        for name, get in columns:
            record[name] = json_value(get(row))
        for name, get in parts:
            record[name] = get(row)
        return record

    return write


def _related(
    found: SObject, head: str, paths: list[str], view: View
) -> tuple[str, Callable[[Row], Record | None]]:
    reference, target = found.reference(head)
    write = _writer(target, paths, view)
    by_id = {row["Id"]: row for row in view.store.rows(target.name, view.now)}

    def get(row: Row) -> Record | None:
        other = by_id.get(row.get(reference.name))
        return None if other is None else write(other)

    return reference.name.removesuffix("Id"), get
