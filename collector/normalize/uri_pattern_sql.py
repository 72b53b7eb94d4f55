"""The normal form of a URI as SQL: what was asked for, without version, ids and query string."""

from __future__ import annotations

from collector.escaping import quote_literal

ID_PLACEHOLDER = "{id}"
"""What stands for an id. It has no sign that is a wildcard in rules."""

_VERSION_PATTERN = r"/v?[0-9]+\.[0-9]+\b"
"""`/v66.0` of REST and `/58.0` of SOAP and Bulk API."""

# A record's id begins with the three characters of its object's key prefix, one a digit at least.
_KEY_PREFIX = "(?:[0-9][0-9A-Za-z]{2}|[A-Za-z][0-9][0-9A-Za-z]|[A-Za-z]{2}[0-9])"
_RECORD_ID = f"{_KEY_PREFIX}[0-9A-Za-z]{{12}}(?:[0-9A-Za-z]{{3}})?"
_UUID = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_ID_PATTERN = rf"/(?:{_RECORD_ID}|{_UUID}|[0-9]+)\b"
_ID_HINT = r"/(?:[0-9A-Za-z]{15}|[0-9]+(?:[^0-9A-Za-z.]|$)|[0-9A-Fa-f]{8}-)"
"""What every id has, found in a fraction of the time that it takes to replace one."""

_QUERY_STRING = r"\?[^#]*"


def build_uri_pattern(uri: str) -> str:
    """SQL: `/services/data/sobjects/Account/{id}` of `/services/data/v66.0/sobjects/Account/001…`.

    The host stays, and so does what follows `#`, where Lightning keeps its routes. Ids are those of
    records, UUIDs and numbers.
    """
    path = _replace_where(f"contains({uri}, '?')", uri, _QUERY_STRING, "")
    path = f"regexp_replace({path}, {quote_literal(_VERSION_PATTERN)}, '')"
    path = _replace_where(_match(uri, _ID_HINT), path, _ID_PATTERN, f"/{ID_PLACEHOLDER}")
    has_slash = f"ends_with({uri}, '/') OR contains({uri}, '/?')"
    # `nullif` would compute the path twice.
    return (
        f"CASE WHEN strlen({uri}) = 1 THEN {uri} WHEN starts_with({uri}, '?') THEN NULL"
        f" WHEN {has_slash} THEN coalesce(nullif(rtrim({path}, '/'), ''), '/') ELSE {path} END"
    )


def _match(text: str, pattern: str) -> str:
    return f"regexp_matches({text}, {quote_literal(pattern)})"


def _replace_where(condition: str, text: str, pattern: str, replacement: str) -> str:
    """SQL: a pattern replaced where a condition holds, which costs less than to replace nothing."""
    replaced = (
        f"regexp_replace({text}, {quote_literal(pattern)}, {quote_literal(replacement)}, 'g')"
    )
    return f"CASE WHEN {condition} THEN {replaced} ELSE {text} END"
