"""Why a rule could not be run, in words that quote nothing of the events."""

from __future__ import annotations

import re

import duckdb

from collector.text import cut, one_line

FAILURES = (duckdb.Error, ValueError, OverflowError)
"""What a rule can end in while it runs, without being anybody else's concern."""

_QUOTE = re.compile(r"['\"].*", re.DOTALL)


def reason(error: Exception) -> str:
    """What went wrong, up to where engines begin to quote the text of events."""
    return cut(one_line(_QUOTE.sub("…", f"{type(error).__name__}: {error}")), 200)
