"""The dedup key of rows, as SQL; `detect.dedup.key` says the same of an event."""

from __future__ import annotations

from collections.abc import Collection

from collector.detect.dedup import LONGEST
from collector.model import Rule
from collector.text import sql_identifier

MOMENTS = frozenset({"time", "received"})
"""The columns of events that hold times."""

_DIGEST = 32


def key(rule: Rule, *, moments: Collection[str] = MOMENTS, own: str = "event_uid") -> str:
    """SQL: the dedup key as a list of text.

    Args:
        rule: the rule, as it is compiled for the rows.
        moments: the columns of the rows that hold times.
        own: what a row goes by that has a value in none of the columns.
    """
    if not rule.dedup_key:
        return "CAST([] AS VARCHAR[])"
    choices = ""
    for fields in (rule.dedup_key, rule.dedup_fallback):
        values = ", ".join(_text(name, moments) for name in fields)
        choices += f" WHEN concat({values}) <> '' THEN [{values}]" if values else ""
    return f"CASE{choices} ELSE [{own}] END"


def _text(name: str, moments: Collection[str]) -> str:
    column = sql_identifier(name)
    if name in moments:
        return f"coalesce({_iso(column)}, '')"
    text = f"CAST({column} AS VARCHAR)"
    short = f"left({text}, {LONGEST - _DIGEST - 1}) || '~' || left(sha256({text}), {_DIGEST})"
    return f"coalesce(CASE WHEN length({text}) > {LONGEST} THEN {short} ELSE {text} END, '')"


def _iso(column: str) -> str:
    """As Python writes it: parts of a second only where there are any."""
    whole, exact = (f"strftime({column}, '%Y-%m-%dT%H:%M:%S{part}+00:00')" for part in ("", ".%f"))
    return f"CASE WHEN epoch_us({column}) % 1000000 = 0 THEN {whole} ELSE {exact} END"
