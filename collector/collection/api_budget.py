"""Keeps one org's polls within our share of its API calls, and counts these."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import sqlalchemy as sa

from collector import clock
from collector.collection import api_budget_policy
from collector.collection.api_budget_policy import BudgetDecision, Pace
from collector.collection.org_facts import count_daily_files, read_org_facts
from collector.collection.poll_costs import GroupKey, OrgFacts
from collector.collection.poll_forecast import CallForecast, GroupForecast, forecast_calls
from collector.logs import log
from collector.salesforce.call_counter import BACKFILL, CallPurpose, assign_calls
from collector.salesforce.client import SalesforceClient
from collector.sources import Source
from collector.sources.spec import StreamGroup
from collector.store import api_usage
from collector.store.api_usage import CallAllowance
from collector.store.database import Database

FILE_COUNT_LIFETIME = timedelta(minutes=1)

DOWNLOAD_ROUND = 25
"""So many downloads may begin before it is computed anew how many more may."""

TOLD_CHANGE = 0.1
"""An interval that differs less from what was logged of it last is no news."""


class ApiBudget:
    """How often the sources of an org may be asked. Safe to share between threads.

    `percent` is our share of the daily calls. All that it decides by is in the database, so that a
    restart changes nothing.
    """

    def __init__(
        self,
        *,
        org: str,
        percent: int,
        client: SalesforceClient,
        sources: Sequence[Source],
        database: Database,
    ) -> None:
        self._org = org
        self._percent = percent
        self._client = client
        self._sources = tuple(sources)
        self._database = database
        self._lock = threading.Lock()
        self._poll_counts: Counter[CallPurpose] = Counter()
        self._download_credit = 0
        self._file_count, self._file_count_time = 0, clock.EPOCH
        self._told_intervals: dict[GroupKey, timedelta | None] = {
            (source.kind, group.name): group.interval
            for source in self._sources
            for group in source.groups
        }

    def decide_pace(self, source: Source) -> BudgetDecision:
        """Whether anything of the source may be asked now."""
        rank = min(group.value_rank for group in source.groups)
        spending = self._read_facts(clock.now()).spending
        return api_budget_policy.decide_pace(rank, spending, percent=self._percent)

    def decide_group_pace(self, group: StreamGroup) -> BudgetDecision:
        """Whether anything further of a group may be asked now, by what is spent to this moment."""
        self.save_counts()
        spending = self._read_facts(clock.now()).spending
        return api_budget_policy.decide_pace(group.value_rank, spending, percent=self._percent)

    def decide_backfill(self, source: Source) -> BudgetDecision:
        """Whether the past of the source may be read now: at full speed or not at all."""
        self.save_counts()  # what the org has said meanwhile counts, not what it said last time
        facts = self._read_facts(clock.now())
        rank = max(group.value_rank for group in source.groups)
        decision = api_budget_policy.decide_pace(rank, facts.spending, percent=self._percent)
        forecast = forecast_calls(self._sources, facts)
        if facts.spending is None or not forecast.explain_download_pause():
            return decision
        reason = api_budget_policy.explain_own_usage(facts.spending, self._percent)
        return BudgetDecision(
            pace=Pace.PAUSE, reason=f"{reason}; {forecast.explain_download_pause()}"
        )

    def forecast_calls(self) -> CallForecast:
        """What the day's calls allow, by what has been measured. A changed interval is logged."""
        forecast = forecast_calls(self._sources, self._read_facts(clock.now()))
        for group in forecast.groups:
            self._log_change(group)
        return forecast

    def compute_interval(self, source: Source) -> timedelta:
        """How long to wait between two polls of the stream of a source that waits longest."""
        intervals = self.forecast_calls().list_intervals(source.kind).values()
        return max(interval or api_budget_policy.DAY for interval in intervals)

    def explain_download_pause(self) -> str:
        """Why no further file may be downloaded now; empty where it may.

        The state is looked at again after every DOWNLOAD_ROUND files.
        """
        with self._lock:
            if self._download_credit > 0:
                self._download_credit -= 1
                return ""
        self.save_counts()
        forecast = forecast_calls(self._sources, self._read_facts(clock.now()))
        if reason := forecast.explain_download_pause():
            return reason
        left = DOWNLOAD_ROUND
        if forecast.side_allowance is not None:
            left = min(left, forecast.side_allowance - forecast.side_calls)
        with self._lock:
            self._download_credit = left - 1
        return ""

    # ---- counting

    @contextmanager
    def count_calls(self, source: Source) -> Iterator[None]:
        """Count the calls that are made inside as the source's."""
        with self._count_as(CallPurpose(source=source.kind)):
            yield

    @contextmanager
    def count_backfill_calls(self, source: Source) -> Iterator[None]:
        """Count the calls that are made inside as those of a backfill, which no poll repeats."""
        with self._count_as(CallPurpose(source=source.kind, activity=BACKFILL)):
            yield

    def record_polls(self, source: Source, stream_names: Iterable[str]) -> None:
        """Count a poll of each of these streams, against which calls are measured."""
        with self._lock:
            for name in stream_names:
                group = source.find_group(name).name
                self._poll_counts[CallPurpose(source=source.kind, activity=group)] += 1

    def save_counts(self) -> None:
        """Write down the calls and polls since the last time, and what the org allows."""
        usage, now = self._client.api_usage, clock.now()
        with self._lock:
            polls, self._poll_counts = self._poll_counts, Counter()
            calls = self._client.call_counter.take_counts()
        if not calls and not polls:
            return
        with self._database.begin() as connection:
            for purpose in {**calls, **polls}:
                api_usage.add_api_calls(
                    connection,
                    self._org,
                    purpose.source,
                    calls.get(purpose, 0),
                    now=now,
                    activity=purpose.activity,
                    polls=polls[purpose],
                )
            if usage is not None:
                allowance = CallAllowance(
                    used_calls=usage.used_calls, max_calls=usage.max_calls, observed=now
                )
                api_usage.save_call_allowance(connection, self._org, allowance)

    @contextmanager
    def _count_as(self, purpose: CallPurpose) -> Iterator[None]:
        try:
            with assign_calls(purpose):
                yield
        finally:
            self.save_counts()

    # ---- deciding

    def _read_facts(self, now: datetime) -> OrgFacts:
        with self._database.read() as connection:
            return read_org_facts(
                connection,
                self._org,
                self._sources,
                percent=self._percent,
                queries_per_call=self._client.queries_per_call,
                daily_files=self._count_files(connection, now),
                now=now,
            )

    def _count_files(self, connection: sa.Connection, now: datetime) -> int:
        """How many log files the org makes a day, which is counted once a minute."""
        if abs(now - self._file_count_time) > FILE_COUNT_LIFETIME:
            self._file_count = count_daily_files(connection, self._org, self._sources, now=now)
            self._file_count_time = now
        return self._file_count

    def _log_change(self, group: GroupForecast) -> None:
        """Log how often a group is asked, if that is news; `seconds` is null while it is paused."""
        key, interval = (group.source, group.name), None if group.is_paused else group.interval
        with self._lock:
            if not _is_news(interval, self._told_intervals[key], group.configured):
                return
            self._told_intervals[key] = interval
        log.info(
            "poll_interval_changed",
            org=self._org,
            source=str(group),
            seconds=interval and interval.total_seconds(),
            configured_seconds=group.configured.total_seconds(),
            reason=group.reason or "the org's API calls suffice",
        )


def _is_news(interval: timedelta | None, told: timedelta | None, configured: timedelta) -> bool:
    if interval is None or told is None:
        return interval is not told
    is_back = interval == configured != told
    return is_back or abs(interval / told - 1) > TOLD_CHANGE
