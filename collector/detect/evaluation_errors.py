"""Why a rule could not be run, in words that quote nothing of the events."""

from __future__ import annotations

import re

import duckdb

from collector.escaping import collapse_whitespace, truncate_text

EVALUATION_ERRORS = (duckdb.Error, ValueError, OverflowError)
"""What a rule can end in while it runs, without being anybody else's concern."""

_QUOTED_TEXT = re.compile(r"['\"].*", re.DOTALL)


def describe_error(error: Exception) -> str:
    """What went wrong, up to where engines begin to quote the text of events."""
    return truncate_text(
        collapse_whitespace(_QUOTED_TEXT.sub("…", f"{type(error).__name__}: {error}")), 200
    )
