"""Whether there are too few events for a correlation to fire: most batches, and cheaply known."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from collector.detect import correlation_sql
from collector.model import Correlation, Rule


def read_event_counts(
    connection: duckdb.DuckDBPyConnection, tables: Mapping[str, str]
) -> dict[str, int]:
    """By plain rule, how many events are in its table."""
    counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in tables.values())
    row = connection.execute(f"SELECT {counts}").fetchone() or ()
    return dict(zip(tables, row, strict=True))


def lacks_events(rule: Rule, rules: Mapping[str, Rule], counts: Mapping[str, int]) -> bool:
    """Whether a correlation cannot fire, whatever the events of the plain rules below it are.

    An event is counted once at most for each rule that it matches. Where that is not enough to be
    sure the answer is no.
    """
    correlation = rule.aggregation
    if not isinstance(correlation, Correlation):
        return False
    available = [
        sum(counts[leaf] for leaf in correlation_sql.list_plain_rules(rules[name], rules))
        for name in correlation.present
    ]
    if correlation.type.startswith("temporal"):
        return correlation.limit is None and not all(available)
    limit = correlation.limit
    if correlation.type != "event_count" or limit is None:
        return False
    most = sum(available)
    return (correlation.operator == "gte" and most < limit) or (
        correlation.operator == "gt" and most <= limit
    )
