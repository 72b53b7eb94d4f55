"""Why a rule could not be run, without text of the events."""

from __future__ import annotations

import re

import duckdb

from collector.escaping import collapse_whitespace, truncate_text

EVALUATION_ERRORS = (duckdb.Error, ValueError, OverflowError)
"""The errors that concern only the rule that is run."""

_QUOTED_TEXT = re.compile(r"['\"].*", re.DOTALL)


def describe_error(error: Exception) -> str:
    """The message of an error, cut where engines begin to quote the text of events."""
    return truncate_text(
        collapse_whitespace(_QUOTED_TEXT.sub("…", f"{type(error).__name__}: {error}")), 200
    )
