"""Queries of SOQL and SOSL, as texts that may be cut off or hostile: what they ask for."""

from __future__ import annotations

import re

from collector.soql.outline import SoqlOutline
from collector.soql.search_reader import read_search
from collector.soql.select_reader import read_select
from collector.soql.tokens import CUT_LENGTH

__all__ = ["CUT_LENGTH", "MAX_QUERY_LENGTH", "SoqlOutline", "begins_select", "outline_query"]

MAX_QUERY_LENGTH = 100_000
"""Salesforce accepts no longer one; what is longer is no query that ran."""

_SELECT_WORD = re.compile(r"\s*SELECT\b", re.IGNORECASE | re.ASCII)


def begins_select(text: str) -> bool:
    """Whether a text begins as a query of SOQL does."""
    return _SELECT_WORD.match(text) is not None


def outline_query(text: str) -> SoqlOutline | None:
    """What a query asks for; None for what is none, or too long to be one. Never raises."""
    if len(text) > MAX_QUERY_LENGTH:
        return None
    return read_select(text) if begins_select(text) else read_search(text)
