"""The dedup key of rows as SQL, equal to `detect.dedup.build_dedup_key` of an event."""

from __future__ import annotations

from collections.abc import Collection

from collector.detect.dedup import MAX_VALUE_LENGTH
from collector.escaping import quote_identifier
from collector.model import Rule
from collector.model.event_columns import CANONICAL_COLUMNS

TIME_COLUMNS = frozenset(name for name, kind in CANONICAL_COLUMNS.items() if kind == "TIMESTAMPTZ")
"""The columns of events that hold times."""

_DIGEST_LENGTH = 32


def render_dedup_key(
    rule: Rule, *, time_columns: Collection[str] = TIME_COLUMNS, fallback: str = "event_uid"
) -> str:
    """SQL: the dedup key as a list of text.

    Args:
        rule: the rule, as it is compiled for the rows.
        time_columns: the columns of the rows that hold times.
        fallback: SQL for the key of a row without a value in any of the columns.
    """
    if not rule.dedup_key:
        return "CAST([] AS VARCHAR[])"
    choices = ""
    for fields in (rule.dedup_key, rule.dedup_fallback):
        values = ", ".join(_render_text(name, time_columns) for name in fields)
        choices += f" WHEN concat({values}) <> '' THEN [{values}]" if values else ""
    return f"CASE{choices} ELSE [{fallback}] END"


def _render_text(name: str, time_columns: Collection[str]) -> str:
    column = quote_identifier(name)
    if name in time_columns:
        return f"coalesce({_render_iso_time(column)}, '')"
    text = f"CAST({column} AS VARCHAR)"
    digest = f"left(sha256({text}), {_DIGEST_LENGTH})"
    shortened = f"left({text}, {MAX_VALUE_LENGTH - _DIGEST_LENGTH - 1}) || '~' || {digest}"
    is_long = f"length({text}) > {MAX_VALUE_LENGTH}"
    return f"coalesce(CASE WHEN {is_long} THEN {shortened} ELSE {text} END, '')"


def _render_iso_time(column: str) -> str:
    """SQL: a time as Python's `isoformat` writes it."""
    whole, exact = (f"strftime({column}, '%Y-%m-%dT%H:%M:%S{part}+00:00')" for part in ("", ".%f"))
    return f"CASE WHEN epoch_us({column}) % 1000000 = 0 THEN {whole} ELSE {exact} END"
