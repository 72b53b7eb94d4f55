"""What rules have hit, kept in the engine, and what it comes to: alerts by day and by group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

from collector.detect.past.novelty import micros
from collector.model import Rule, Severity
from collector.text import sql_literal

TOP = 10_000
"""So many groups of a rule are named at most."""

_TABLE = "hits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A dedup key of an org: how many alerts it would have had, of how many events."""

    org: str
    key: tuple[str, ...]
    alerts: int
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one rule would have told.

    Attributes:
        events: how many events it would have told of.
        alerts: episodes, by the day (UTC) on which each begins.
        severities: episodes, by how grave each gets, the gravest first.
        groups: those with the most alerts, and of these with the most events, first.
        group_count: how many there are.
        failure: why the rule could not be run; empty when it could.
    """

    rule: Rule
    events: int = 0
    alerts: Mapping[date, int] = field(default_factory=dict)
    severities: Mapping[Severity, int] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()
    group_count: int = 0
    failure: str = ""

    @property
    def total(self) -> int:
        """All alerts."""
        return sum(self.alerts.values())


class Hits:
    """The hits of rules, by their numbers, put together into parts of episodes as they come."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_TABLE} (rule INTEGER, org VARCHAR, key VARCHAR[],"
            " first BIGINT, last BIGINT, severity TINYINT, events BIGINT)"
        )

    def add(self, number: int, rule: Rule, org: str, rows: str) -> None:
        """Add hits of a rule: a SELECT of key, time, severity and the number of events of each.

        Raises duckdb.Error.
        """
        hits = (
            f"SELECT {sql_literal(org)} AS org, key, epoch_us(time) AS first,"
            f" epoch_us(time) AS last, severity, events FROM ({rows})"
        )
        self._connection.execute(
            f"INSERT INTO {_TABLE} SELECT {number}, * FROM ({_joined(hits, rule)})"
        )

    def verdict(self, number: int, rule: Rule) -> Verdict:
        """What the hits of a rule come to."""
        of_rule = f"SELECT * EXCLUDE (rule) FROM {_TABLE} WHERE rule = {number}"
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE episodes AS {_joined(of_rule, rule)}"
        )
        days = self._rows(
            "SELECT CAST(make_timestamp(first) AS DATE) AS day, count(*) FROM episodes"
            " GROUP BY day ORDER BY day"
        )
        grades = self._rows("SELECT severity, count(*) FROM episodes GROUP BY 1 ORDER BY 1 DESC")
        groups = self._rows(
            "SELECT org, key, count(*) AS alerts, sum(events) AS events FROM episodes"
            f" GROUP BY org, key ORDER BY alerts DESC, events DESC, org, key LIMIT {TOP}"
        )
        ((events, count),) = self._rows(
            "SELECT coalesce(sum(events), 0), count(DISTINCT (org, key)) FROM episodes"
        )
        return Verdict(
            rule=rule,
            events=int(events),
            alerts=dict(days),
            severities={Severity(grade): count for grade, count in grades},
            groups=tuple(
                Group(org=org, key=tuple(key), alerts=alerts, events=int(events))
                for org, key, alerts, events in groups
            ),
            group_count=count,
        )

    def _rows(self, sql: str) -> list[Any]:
        return self._connection.execute(sql).fetchall()


def _joined(rows: str, rule: Rule) -> str:
    """SQL: hits of one key, none more than the dedup window after those before it, as one row."""
    order = "OVER (PARTITION BY org, key ORDER BY first, last"
    before = f"max(last) {order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    opens = f"CASE WHEN first - {before} <= {micros(rule.dedup_window)} THEN 0 ELSE 1 END"
    numbered = f"SELECT *, sum(opens) {order} ROWS UNBOUNDED PRECEDING) AS episode FROM marked"
    return (
        f"WITH marked AS (SELECT *, {opens} AS opens FROM ({rows})), numbered AS ({numbered})"
        " SELECT org, key, min(first) AS first, max(last) AS last, max(severity) AS severity,"
        " CAST(sum(events) AS BIGINT) AS events FROM numbered GROUP BY org, key, episode"
    )
