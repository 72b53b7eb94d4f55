"""What the queries of a segment ask for, each distinct text read once, as a table to join."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import duckdb

from collector.soql import CUT_LENGTH, SoqlOutline, begins_select, outline_query

OUTLINES_TABLE = "temp.query_outlines"
"""Of one connection. It has the text of a query, and OUTLINE_COLUMNS."""

OUTLINE_COLUMNS = {
    "main_object": "VARCHAR",
    "soql_objects": "VARCHAR",
    "soql_fields": "VARCHAR",
    "soql_is_count": "VARCHAR",
    "soql_has_relationship": "VARCHAR",
    "soql_limit": "BIGINT",
    "soql_where": "VARCHAR",
}
"""The columns of the table beside `text`, with their types."""

SOQL_COLUMNS = tuple(name for name in OUTLINE_COLUMNS if name.startswith("soql_"))
"""Those of them that are canonical columns."""

LIST_SEPARATOR = ","
"""Between the names of a list; no name has one."""

_SHARED_COLUMNS = tuple(name for name in OUTLINE_COLUMNS if name != "soql_where")
_FIELD_SEPARATOR = "\x1f"
_MARK = "\ue000"
_MAX_SHAPES = 4_096
_MAX_SHAPE_LENGTH = 2_000
_LITERAL = re.compile(
    r"'(?:[^'\\]|\\.)*'|/\*.*?(?:\*/|\Z)|--[^\n]*"
    r"|(?<![\w.:-])\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?(?![\w.:-])",
    re.DOTALL | re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryFacts:
    """What a query asks for: its condition apart, since alike queries share all the rest.

    `shared` are the values of OUTLINE_COLUMNS but for `soql_where`, empty where there is none.
    """

    shared: str
    where: str


@dataclass(frozen=True, slots=True)
class OutlineReader:
    """Reads queries; of those that differ in their texts and times alone, one."""

    _shapes: dict[str, tuple[SoqlOutline | None, str]] = field(default_factory=dict)

    def read_query(self, text: str) -> QueryFacts:
        """What a query asks for; nothing where the text is none."""
        shape = _LITERAL.sub(_MARK, text)
        is_short = len(text) < CUT_LENGTH and len(shape) <= _MAX_SHAPE_LENGTH
        if _MARK in text or not is_short or not begins_select(text):
            outline = outline_query(text)
            return QueryFacts(shared=_join_shared(outline), where=_cut_where(text, outline))
        outline, shared = self._read_shape(shape)
        return QueryFacts(shared=shared, where=_fill_where(text, shape, outline))

    def _read_shape(self, shape: str) -> tuple[SoqlOutline | None, str]:
        if shape not in self._shapes:
            if len(self._shapes) >= _MAX_SHAPES:
                self._shapes.clear()
            outline = outline_query(shape)
            self._shapes[shape] = outline, _join_shared(outline)
        return self._shapes[shape]


def load_outlines(connection: duckdb.DuckDBPyConnection, queries: Sequence[str]) -> None:
    """Make OUTLINES_TABLE of distinct queries."""
    columns = ", ".join(f"{name} {kind}" for name, kind in OUTLINE_COLUMNS.items())
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {OUTLINES_TABLE} (text VARCHAR, {columns})")
    reader = OutlineReader()
    if not queries:
        return
    facts = list(map(reader.read_query, queries))
    values = ", ".join(
        f"nullif(parts[{place}], '')::{OUTLINE_COLUMNS[name]}"
        for place, name in enumerate(_SHARED_COLUMNS, start=1)
    )
    connection.execute(
        f"INSERT INTO {OUTLINES_TABLE} SELECT text, {values}, nullif(condition, '') FROM"
        f" (SELECT text, string_split(shared, '{_FIELD_SEPARATOR}') AS parts, condition FROM"
        " (SELECT unnest($1::VARCHAR[]) AS text, unnest($2::VARCHAR[]) AS shared,"
        " unnest($3::VARCHAR[]) AS condition))",
        [list(queries), [each.shared for each in facts], [each.where for each in facts]],
    )


def _join_shared(outline: SoqlOutline | None) -> str:
    """The values of the shared columns; empty ones where the text is no query."""
    values = [""] * len(_SHARED_COLUMNS) if outline is None else _list_values(outline)
    return _FIELD_SEPARATOR.join(values)


def _list_values(outline: SoqlOutline) -> Iterator[str]:
    yield outline.main_object or ""
    yield _join_names(outline.objects)
    yield _join_names(outline.fields)
    yield str(outline.is_count).lower()
    yield str(outline.has_relationship).lower()
    yield "" if outline.limit is None else str(outline.limit)


def _join_names(names: Iterable[str]) -> str:
    return LIST_SEPARATOR.join(names)


def _cut_where(text: str, outline: SoqlOutline | None) -> str:
    if outline is None or outline.where_span is None:
        return ""
    start, end = outline.where_span
    return text[start:end]


def _fill_where(text: str, shape: str, outline: SoqlOutline | None) -> str:
    """The condition of a text from that of its shape, whose marks stand for what is in the text."""
    if outline is None or outline.where_span is None:
        return ""
    start, end = outline.where_span
    before, behind = shape.count(_MARK, 0, start), shape.count(_MARK, end)
    if before or behind:
        literals = _LITERAL.findall(text)
        start += sum(map(len, literals[:before])) - before
        behind_length = sum(map(len, literals[len(literals) - behind :])) - behind
        return text[start : len(text) - (len(shape) - end) - behind_length].strip()
    return text[start : len(text) - (len(shape) - end)].strip()
