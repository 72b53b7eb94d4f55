"""The hits of rules in an engine table, and their alerts by day and by group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

from collector.clock import duration_to_micros
from collector.escaping import quote_literal
from collector.model import Rule, Severity

GROUP_LIMIT = 10_000
"""The most groups of a rule that a result names."""

_TABLE = "hits"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertGroup:
    """A dedup key of an org: how many alerts it would have had, of how many events."""

    org: str
    key: tuple[str, ...]
    alerts: int
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestResult:
    """The alerts that one rule would have raised.

    Attributes:
        event_count: how many events would have raised alerts.
        alerts_by_day: episodes, by the day (UTC) on which each begins.
        alerts_by_severity: episodes, by the highest severity of each, the highest first.
        groups: dedup keys, those with the most alerts, then with the most events, first.
        group_count: how many dedup keys there are.
        failure: why the rule could not be run; empty when it could.
    """

    rule: Rule
    event_count: int = 0
    alerts_by_day: Mapping[date, int] = field(default_factory=dict)
    alerts_by_severity: Mapping[Severity, int] = field(default_factory=dict)
    groups: tuple[AlertGroup, ...] = ()
    group_count: int = 0
    failure: str = ""

    @property
    def alert_count(self) -> int:
        """The number of alerts."""
        return sum(self.alerts_by_day.values())


class HitTable:
    """The hits of rules, by rule number, joined into parts of episodes as they are added."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_TABLE} (rule INTEGER, org VARCHAR, key VARCHAR[],"
            " first BIGINT, last BIGINT, severity TINYINT, events BIGINT)"
        )

    def add_hits(self, number: int, rule: Rule, org: str, rows: str) -> None:
        """Add hits of a rule: a SELECT of key, time, severity and the number of events of each.

        Raises duckdb.Error.
        """
        hits = (
            f"SELECT {quote_literal(org)} AS org, key, epoch_us(time) AS first,"
            f" epoch_us(time) AS last, severity, events FROM ({rows})"
        )
        self._connection.execute(
            f"INSERT INTO {_TABLE} SELECT {number}, * FROM ({_join_episodes(hits, rule)})"
        )

    def build_result(self, number: int, rule: Rule) -> BacktestResult:
        """The result of the hits of a rule."""
        of_rule = f"SELECT * EXCLUDE (rule) FROM {_TABLE} WHERE rule = {number}"
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE episodes AS {_join_episodes(of_rule, rule)}"
        )
        days = self._fetch_rows(
            "SELECT CAST(make_timestamp(first) AS DATE) AS day, count(*) FROM episodes"
            " GROUP BY day ORDER BY day"
        )
        severities = self._fetch_rows(
            "SELECT severity, count(*) FROM episodes GROUP BY 1 ORDER BY 1 DESC"
        )
        groups = self._fetch_rows(
            "SELECT org, key, count(*) AS alerts, sum(events) AS events FROM episodes"
            f" GROUP BY org, key ORDER BY alerts DESC, events DESC, org, key LIMIT {GROUP_LIMIT}"
        )
        ((events, count),) = self._fetch_rows(
            "SELECT coalesce(sum(events), 0), count(DISTINCT (org, key)) FROM episodes"
        )
        return BacktestResult(
            rule=rule,
            event_count=int(events),
            alerts_by_day=dict(days),
            alerts_by_severity={Severity(severity): count for severity, count in severities},
            groups=tuple(
                AlertGroup(org=org, key=tuple(key), alerts=alerts, events=int(events))
                for org, key, alerts, events in groups
            ),
            group_count=count,
        )

    def _fetch_rows(self, sql: str) -> list[Any]:
        return self._connection.execute(sql).fetchall()


def _join_episodes(rows: str, rule: Rule) -> str:
    """SQL: hits of one key with no gap longer than the dedup window, as one row."""
    order = "OVER (PARTITION BY org, key ORDER BY first, last"
    previous_end = f"max(last) {order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    window = duration_to_micros(rule.dedup_window)
    is_start = f"CASE WHEN first - {previous_end} <= {window} THEN 0 ELSE 1 END"
    numbered = f"SELECT *, sum(is_start) {order} ROWS UNBOUNDED PRECEDING) AS episode FROM starts"
    return (
        f"WITH starts AS (SELECT *, {is_start} AS is_start FROM ({rows})), numbered AS ({numbered})"
        " SELECT org, key, min(first) AS first, max(last) AS last, max(severity) AS severity,"
        " CAST(sum(events) AS BIGINT) AS events FROM numbered GROUP BY org, key, episode"
    )
