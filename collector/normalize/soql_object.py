"""SQL that finds the object which a SOQL query is about."""

from __future__ import annotations

from collector.escaping import quote_literal

MAX_QUERY_BYTES = 100_000
"""Salesforce accepts no longer one; what is longer is no query that ran."""

_OBJECT_PATTERN = "([A-Za-z][A-Za-z0-9_]*)"
# No parenthesis, literal or comment before FROM: nearly every query.
_PLAIN_QUERY_PATTERN = r"^(?i)\s*SELECT\s[^()'/-]*\sFROM\s+[A-Za-z]"
_FIRST_FROM_PATTERN = rf"(?i)\sFROM\s+{_OBJECT_PATTERN}"
_OPAQUE_TEXT_PATTERN = r"(?s)'(?:[^'\\]|\\.)*(?:'|\\?\z)|/\*.*?(?:\*/|\z)|--[^\n]*"
_LANDMARK_PATTERN = rf"(?i)[()]|\bFROM {_OBJECT_PATTERN}"


def extract_main_object(query: str) -> str:
    """The object behind the outermost FROM of the SOQL query in the SQL expression `query`.

    Sub-queries in the SELECT list, semi-joins, string literals and comments do not count. NULL
    where there is no such object: no SOQL, or cut off before it.
    """
    return (
        f"CASE WHEN {_is_soql(query)} THEN"
        f" CASE WHEN regexp_matches({query}, {quote_literal(_PLAIN_QUERY_PATTERN)})"
        f" THEN regexp_extract({query}, {quote_literal(_FIRST_FROM_PATTERN)}, 1)"
        f" ELSE {_extract_outermost_object(query)} END END"
    )


def _is_soql(query: str) -> str:
    return (
        rf"(regexp_matches({query}, '^(?i)\s*SELECT\s') AND strlen({query}) <= {MAX_QUERY_BYTES})"
    )


def _extract_outermost_object(query: str) -> str:
    """The first FROM outside all parentheses: a walk over parentheses and FROMs with the depth."""
    visible = f"regexp_replace({query}, {quote_literal(_OPAQUE_TEXT_PATTERN)}, '''', 'g')"
    spaced = f"regexp_replace({visible}, '\\s+', ' ', 'g')"
    landmarks = f"regexp_extract_all({spaced}, {quote_literal(_LANDMARK_PATTERN)})"
    steps = (
        f"list_transform({landmarks}, lambda mark: {{"
        "'depth': CASE mark WHEN '(' THEN 1 WHEN ')' THEN -1 ELSE 0 END, "
        "'object': CASE WHEN strlen(mark) > 1 THEN mark[6:] END})"
    )
    walk = (
        "lambda past, here: {'depth': past.depth + here.depth, 'object': coalesce("
        "past.object, CASE WHEN past.depth = 0 THEN here.object END)}"
    )
    return f"list_reduce({steps}, {walk}, {{'depth': 0, 'object': NULL::VARCHAR}}).object"
