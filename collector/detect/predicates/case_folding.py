"""Predicates over many rows at once: what is dear in them is computed once for all of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

_LOWER_PATTERN = re.compile(r"""'(?:[^']|'')*'|lower\(("(?:[^"]|"")*")\)|"(?:[^"]|"")*\"""")


def build_any_match_query(events: str, predicates: Iterable[str], shown: str) -> str:
    """SQL: these columns of the rows of a FROM item for which at least one predicate holds."""
    fits = " OR ".join(predicates)
    # Folding the case of long text is most of what rules cost: do it once for all of them.
    used = Counter(match[1] for match in _LOWER_PATTERN.finditer(fits) if match[1])
    once = {column: _name_folded_column(column) for column, times in used.items() if times > 1}
    folded = "".join(f", lower({column}) AS {name}" for column, name in once.items())
    fits = _LOWER_PATTERN.sub(lambda match: once.get(match[1], match[0]), fits)
    return f"SELECT {shown} FROM (SELECT *{folded} FROM {events}) AS events WHERE {fits}"


def _name_folded_column(column: str) -> str:
    """A name for the folded text of a quoted column, which no column of Salesforce's can have."""
    return f'"#{column[1:]}'
