"""SQL that finds the object which a SOQL query is about."""

from __future__ import annotations

from collector.text import sql_literal

LONGEST_QUERY = 100_000
"""Salesforce accepts no longer one; what is longer is no query that ran."""

_OBJECT = "([A-Za-z][A-Za-z0-9_]*)"
# No parenthesis, literal or comment before FROM: nearly every query.
_IS_PLAIN = r"^(?i)\s*SELECT\s[^()'/-]*\sFROM\s+[A-Za-z]"
_FIRST = rf"(?i)\sFROM\s+{_OBJECT}"
_OPAQUE = r"(?s)'(?:[^'\\]|\\.)*(?:'|\\?\z)|/\*.*?(?:\*/|\z)|--[^\n]*"
_LANDMARK = rf"(?i)[()]|\bFROM {_OBJECT}"


def main_object(query: str) -> str:
    """The object behind the outermost FROM of the SOQL query in the SQL expression `query`.

    Sub-queries in the SELECT list, semi-joins, string literals and comments do not count. NULL
    where there is no such object: no SOQL, or cut off before it.
    """
    return (
        f"CASE WHEN {_is_soql(query)} THEN"
        f" CASE WHEN regexp_matches({query}, {sql_literal(_IS_PLAIN)})"
        f" THEN regexp_extract({query}, {sql_literal(_FIRST)}, 1)"
        f" ELSE {_outermost(query)} END END"
    )


def _is_soql(query: str) -> str:
    return rf"(regexp_matches({query}, '^(?i)\s*SELECT\s') AND strlen({query}) <= {LONGEST_QUERY})"


def _outermost(query: str) -> str:
    """The first FROM outside all parentheses: a walk over parentheses and FROMs with the depth."""
    visible = f"regexp_replace({query}, {sql_literal(_OPAQUE)}, '''', 'g')"
    spaced = f"regexp_replace({visible}, '\\s+', ' ', 'g')"
    landmarks = f"regexp_extract_all({spaced}, {sql_literal(_LANDMARK)})"
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
