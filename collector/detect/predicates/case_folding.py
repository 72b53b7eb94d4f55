"""Several predicates in one query, in which case folding is computed once for all of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

_LOWER_PATTERN = re.compile(r"""'(?:[^']|'')*'|lower\(("(?:[^"]|"")*")\)|"(?:[^"]|"")*\"""")


def build_any_match_query(events: str, predicates: Iterable[str], shown: str) -> str:
    """SQL: these columns of the rows of a FROM item for which at least one predicate holds."""
    condition = " OR ".join(predicates)
    # Folding the case of long text is most of what rules cost: do it once for all of them.
    uses = Counter(match[1] for match in _LOWER_PATTERN.finditer(condition) if match[1])
    folded_columns = {
        column: _name_folded_column(column) for column, count in uses.items() if count > 1
    }
    folded = "".join(f", lower({column}) AS {name}" for column, name in folded_columns.items())
    condition = _LOWER_PATTERN.sub(lambda match: folded_columns.get(match[1], match[0]), condition)
    return f"SELECT {shown} FROM (SELECT *{folded} FROM {events}) AS events WHERE {condition}"


def _name_folded_column(column: str) -> str:
    """A name for the folded text of a quoted column, which no column of Salesforce's can have."""
    return f'"#{column[1:]}'
