"""Reads from the state what the forecast of an org's API calls is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from collector.collection.api_budget_policy import ApiSpending
from collector.collection.poll_costs import GroupKey, MeasuredCalls, OrgFacts
from collector.model import PollState
from collector.salesforce.call_counter import SIDE_ACTIVITIES
from collector.sources import Source
from collector.store import api_usage, ledger, listed_files
from collector.store.api_usage import CallAllowance

RATE_PERIOD = timedelta(hours=6)
"""How far back polls tell what polls cost."""

ALLOWANCE_PERIOD = timedelta(hours=1)
"""How long what others have used counts without being heard again."""


def read_org_facts(
    connection: sa.Connection,
    org: str,
    sources: Sequence[Source],
    *,
    percent: int,
    queries_per_call: int,
    daily_files: int,
    now: datetime,
) -> OrgFacts:
    """What the state says of an org's calls; `daily_files` is what `count_daily_files` says."""
    day = api_usage.list_call_sums(connection, org, since=now - api_usage.USAGE_PERIOD)
    hours = api_usage.list_call_sums(connection, org, since=now - RATE_PERIOD)
    allowance = api_usage.read_call_allowance(connection, org)
    return OrgFacts(
        percent=percent,
        spending=_build_spending(allowance, sum(each.calls for each in day), now),
        stream_counts=_count_streams(connection, org, sources),
        measured={
            (each.source, each.activity): MeasuredCalls(calls=each.calls, polls=each.polls)
            for each in hours
            if each.polls
        },
        daily_files=daily_files,
        side_calls=sum(each.calls for each in day if each.activity in SIDE_ACTIVITIES),
        queries_per_call=queries_per_call,
    )


def count_daily_files(
    connection: sa.Connection, org: str, sources: Sequence[Source], *, now: datetime
) -> int:
    """How many log files the org has made in the last 24 hours, whenever they were downloaded."""
    since = now - timedelta(days=1)
    return sum(
        listed_files.count_created_files(connection, org, source.kind, since=since)
        for source in sources
        if source.spec.count_daily_files is not None
    )


def _build_spending(
    allowance: CallAllowance | None, own_calls: int, now: datetime
) -> ApiSpending | None:
    if allowance is None:
        return None
    is_fresh = abs(now - allowance.observed) <= ALLOWANCE_PERIOD
    return ApiSpending(
        own_calls=own_calls,
        used_calls=allowance.used_calls if is_fresh else own_calls,
        max_calls=allowance.max_calls,
    )


def _count_streams(
    connection: sa.Connection, org: str, sources: Sequence[Source]
) -> dict[GroupKey, int]:
    """How many streams of each group can be read; groups of sources not yet asked are left out."""
    by_kind = {source.kind: source for source in sources}
    names: dict[str, list[str]] = {}
    for poll in ledger.list_poll_statuses(connection, org=org):
        if poll.stream.source in by_kind and poll.stream.name != "*":
            readable = names.setdefault(poll.stream.source, [])
            readable += [poll.stream.name] if poll.state != PollState.UNAVAILABLE else []
    counts: dict[GroupKey, int] = {}
    for kind, readable in names.items():
        found = Counter(by_kind[kind].find_group(name).name for name in readable)
        counts |= {(kind, group.name): found[group.name] for group in by_kind[kind].groups}
    return counts
