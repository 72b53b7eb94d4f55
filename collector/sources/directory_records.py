"""Reads the apps, reports and objects of an org as entries of its directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from collector.errors import NotAvailableError
from collector.model import EntryReading
from collector.salesforce.soql import check_identifier, parse_datetime, render_literal
from collector.sources.contract import SourceContext
from collector.sources.directory_columns import (
    STAMP,
    ColumnChoice,
    EntryColumn,
    clean_value,
    list_identified,
    read_time,
    read_values,
)
from collector.sources.directory_reading import MAX_CHANGED, SPAN_SIZE, EntryScope, EntrySpan

IDS_PER_QUERY = 100
"""So that the query's address stays shorter than what servers and proxies take."""

CONNECTED_KIND, EXTERNAL_KIND = "connected", "external client"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordReader:
    """Reads the records of an object, each an entry.

    Attributes:
        constants: values that all of them have.
        has_changes: whether the org is asked for changes; else only passes tell of any.
    """

    object_name: str
    kind: str
    columns: ColumnChoice
    constants: Mapping[str, Any] = field(default_factory=dict)
    has_changes: bool = True

    @property
    def scope(self) -> EntryScope:
        """All records of the object."""
        return EntryScope(kind=self.kind, having=self.constants)

    def find_changed(self, context: SourceContext, since: datetime) -> Sequence[str] | None:
        """The ids of the records whose SystemModstamp is later; None where they are too many."""
        if not self.has_changes or not self.columns.shows(context, STAMP):
            return ()
        soql = build_changes_query(self.object_name, "Id", since)
        ids = [record["Id"] for record in list_identified(_query(context, soql))]
        return ids if len(ids) <= MAX_CHANGED else None

    def read_entries(self, context: SourceContext, ids: Sequence[str]) -> Sequence[EntryReading]:
        """The entries with these ids."""
        return [
            reading
            for chunk in split_ids(ids)
            for reading in self._read(context, f"WHERE Id IN ({render_ids(chunk)})").readings
        ]

    def read_span(self, context: SourceContext, after: str) -> EntrySpan:
        """The next entries after an id."""
        return self._read(context, build_span_clause("", after))

    def list_hidden(self, context: SourceContext) -> list[EntryColumn]:
        """What the org does not show of the records."""
        return self.columns.list_hidden(context)

    def _read(self, context: SourceContext, clause: str) -> EntrySpan:
        while True:
            columns = self.columns.list_readable(context)
            paths = list(dict.fromkeys(["Id", *(column.path for column in columns)]))
            soql = f"SELECT {', '.join(paths)} FROM {check_identifier(self.object_name)} {clause}"
            try:
                records = list(_query(context, soql))
            except NotAvailableError as error:
                if not self.columns.refuse_named(error):
                    raise
                continue
            readings = [self._build_reading(record, columns) for record in list_identified(records)]
            return build_span(readings, record_count=len(records))

    def _build_reading(
        self, record: Mapping[str, Any], columns: Sequence[EntryColumn]
    ) -> EntryReading:
        values = read_values(record, columns)
        stamp = values.pop(STAMP, None)
        if "created" in values:
            values["created"] = read_time(values["created"])
        return EntryReading(
            kind=self.kind,
            id=str(record["Id"]),
            values={**values, **self.constants},
            changed=read_moment(stamp),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SobjectsReader:
    """Reads what the org's list of objects says: one call, for all of them."""

    @property
    def scope(self) -> EntryScope:
        """All objects."""
        return EntryScope(kind="object")

    def find_changed(self, _: SourceContext, __: datetime) -> Sequence[str]:
        """None: nothing tells when an object was changed."""
        return ()

    def read_entries(self, _: SourceContext, __: Sequence[str]) -> Sequence[EntryReading]:
        """None."""
        return ()

    def read_span(self, context: SourceContext, _: str) -> EntrySpan:
        """All of them."""
        described = context.client.get_resource("sobjects").get("sobjects")
        objects = described if isinstance(described, list) else []
        return EntrySpan(readings=tuple(_list_objects(objects)), until="")

    def list_hidden(self, _: SourceContext) -> list[EntryColumn]:
        """Nothing."""
        return []


def _list_objects(objects: Sequence[Any]) -> Iterator[EntryReading]:
    for item in objects:
        name = clean_value(item.get("name")) if isinstance(item, Mapping) else None
        if not isinstance(name, str):
            continue
        values = {
            "label": clean_value(item.get("label")),
            "key_prefix": clean_value(item.get("keyPrefix")),
            "is_custom": item.get("custom") if isinstance(item.get("custom"), bool) else None,
        }
        yield EntryReading(kind="object", id=name, values=values)


def build_changes_query(object_name: str, column: str, since: datetime, *, extra: str = "") -> str:
    """SOQL for what has changed since a time, of one more than is read so."""
    columns = ", ".join(dict.fromkeys(["Id", column]))
    return (
        f"SELECT {columns} FROM {check_identifier(object_name)}"
        f" WHERE {STAMP} > {render_literal(since)}{extra}"
        f" ORDER BY {STAMP} ASC, Id ASC LIMIT {MAX_CHANGED + 1}"
    )


def build_span_clause(condition: str, after: str) -> str:
    """The end of a query for the next records after an id, of those that fulfil a condition."""
    conditions = [condition] if condition else []
    conditions += [f"Id > {render_literal(after)}"] if after else []
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    return f"{where}ORDER BY Id ASC LIMIT {SPAN_SIZE}"


def build_span(readings: Sequence[EntryReading], *, record_count: int) -> EntrySpan:
    """The span of what such a query has made of so many records."""
    until = readings[-1].id if readings and record_count >= SPAN_SIZE else ""
    return EntrySpan(readings=tuple(readings), until=until)


def split_ids(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """The ids, as many at a time as one query names."""
    return (ids[start : start + IDS_PER_QUERY] for start in range(0, len(ids), IDS_PER_QUERY))


def render_ids(ids: Sequence[str]) -> str:
    """Ids as SOQL, with commas."""
    return ", ".join(map(render_literal, ids))


def read_moment(value: Any) -> datetime | None:
    """A time as Salesforce writes it; None for what is none."""
    try:
        return parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _query(context: SourceContext, soql: str) -> Iterator[Mapping[str, Any]]:
    for page in context.client.query(soql):
        yield from page
