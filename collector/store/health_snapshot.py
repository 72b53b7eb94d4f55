"""How collecting and delivering goes, as far as the state can tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import sqlalchemy as sa

from collector.model import BatchState, DeliveryState, Severity, Stream
from collector.store import damaged_files, ledger, org_clocks, outbox, rule_status, tables
from collector.store.damaged_files import DamagedFile
from collector.store.ledger import PollStatus
from collector.store.org_clocks import ClockReading
from collector.store.outbox import QueueStats
from collector.store.rule_status import RuleFault, RuleLoadStatus
from collector.store.stream_rows import match_stream

ACTIVITY_PERIOD = timedelta(days=7)
"""How far back a stream's batches are looked at."""

RECENT_PERIOD = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamActivity:
    """A stream's newest batch, and the seven days before it.

    `active_days` of them had events; `longest_pause` was the longest time between two batches.
    """

    newest_log_time: datetime
    active_days: int
    longest_pause: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusableBatches:
    """Batches of one type that were lost or quarantined on one day."""

    org: str
    source: str
    event_type: str
    state: BatchState
    first_received: datetime
    count: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSnapshot:
    """The parts of the state from which symptoms are found.

    `rejected_deliveries` are those of this day, `critical_deliveries` what has not arrived of
    critical alerts, refused or not, `rule_faults` rules that failed while they ran,
    `damaged_files` those that wait for a repair and those whose events are lost.
    """

    polls: Sequence[PollStatus]
    activity: Mapping[Stream, StreamActivity]
    unusable_batches: Sequence[UnusableBatches]
    waiting_deliveries: Sequence[QueueStats]
    rejected_deliveries: Sequence[QueueStats]
    critical_deliveries: Sequence[QueueStats] = ()
    rule_faults: Sequence[RuleFault] = ()
    rule_load_status: RuleLoadStatus | None = None
    damaged_files: Sequence[DamagedFile] = ()
    clock_readings: Sequence[ClockReading] = ()


def read_health_snapshot(connection: sa.Connection, *, now: datetime) -> HealthSnapshot:
    """The snapshot at `now`."""
    polls = ledger.list_poll_statuses(connection)
    activities = {
        poll.stream: _read_stream_activity(connection, poll.stream, now=now) for poll in polls
    }
    queue_stats = outbox.list_queue_stats(connection)
    return HealthSnapshot(
        polls=polls,
        activity={
            stream: activity for stream, activity in activities.items() if activity is not None
        },
        unusable_batches=list_unusable_batches(connection, now - RECENT_PERIOD),
        waiting_deliveries=[
            stats
            for stats in queue_stats
            if stats.state in (DeliveryState.READY, DeliveryState.LEASED, DeliveryState.DIGESTED)
        ],
        critical_deliveries=_list_critical_deliveries(connection),
        rejected_deliveries=_list_rejected_deliveries(connection, since=_floor_to_day(now)),
        rule_faults=rule_status.list_faults(connection),
        rule_load_status=rule_status.read_load_status(connection),
        damaged_files=damaged_files.list_damaged_files(connection),
        clock_readings=org_clocks.list_clock_readings(connection),
    )


def _read_stream_activity(
    connection: sa.Connection, stream: Stream, *, now: datetime
) -> StreamActivity | None:
    newest = ledger.find_newest_log_time(connection, stream, now=now)
    if newest is None:
        return None
    table = tables.batches
    query = (
        sa.select(table.c.nominal)
        .distinct()
        .where(
            *match_stream(table, stream),
            table.c.nominal > newest - ACTIVITY_PERIOD,
            table.c.nominal <= newest,
        )
        .order_by(table.c.nominal)
    )
    times: list[datetime] = list(connection.scalars(query))
    pauses = [later - earlier for earlier, later in pairwise(times)]
    return StreamActivity(
        newest_log_time=newest,
        active_days=len({newest.date() - time.date() for time in times}),
        longest_pause=max(pauses, default=timedelta()),
    )


def list_unusable_batches(connection: sa.Connection, since: datetime) -> list[UnusableBatches]:
    """What was lost or quarantined from the day of a moment on, by org, source, type and day."""
    table = tables.batches
    columns = (table.c.org, table.c.source, table.c.event_type, table.c.state)
    query = (
        sa.select(*columns, table.c.received, table.c.reason)
        .where(tables.IS_UNUSABLE, table.c.received >= _floor_to_day(since))
        .order_by(table.c.received, table.c.key)
    )
    groups: dict[tuple[str, ...], UnusableBatches] = {}
    for row in connection.execute(query):
        key = (row.org, row.source, row.event_type, row.state, row.received.date().isoformat())
        earlier = groups.get(key)
        groups[key] = UnusableBatches(
            org=row.org,
            source=row.source,
            event_type=row.event_type,
            state=row.state,
            first_received=earlier.first_received if earlier else row.received,
            count=earlier.count + 1 if earlier else 1,
            reason=earlier.reason if earlier else row.reason,
        )
    return list(groups.values())


def _list_rejected_deliveries(connection: sa.Connection, *, since: datetime) -> list[QueueStats]:
    table = tables.deliveries
    query = (
        sa.select(
            table.c.channel,
            sa.func.count().label("count"),
            sa.func.min(table.c.finished, type_=tables.MicrosecondTime()).label("oldest"),
            sa.func.max(table.c.reason).label("reason"),
        )
        .where(table.c.state == DeliveryState.REJECTED, table.c.finished >= since)
        .group_by(table.c.channel)
        .order_by(table.c.channel)
    )
    rows = connection.execute(query)
    return [QueueStats(**row._asdict(), state=DeliveryState.REJECTED) for row in rows]


def _list_critical_deliveries(connection: sa.Connection) -> list[QueueStats]:
    table, channels = tables.deliveries, tables.channel_statuses
    said = sa.func.nullif(sa.func.max(table.c.reason), "")
    query = (
        sa.select(
            table.c.channel,
            sa.func.count().label("count"),
            sa.func.min(table.c.created, type_=tables.MicrosecondTime()).label("oldest"),
            sa.func.coalesce(said, sa.func.max(channels.c.reason), "").label("reason"),
        )
        .outerjoin(channels, channels.c.channel == table.c.channel)
        .where(
            table.c.severity == Severity.CRITICAL,
            table.c.state.in_((DeliveryState.READY, DeliveryState.REJECTED)),
        )
        .group_by(table.c.channel)
        .order_by(table.c.channel)
    )
    rows = connection.execute(query)
    return [QueueStats(**row._asdict(), state=DeliveryState.READY) for row in rows]


def _floor_to_day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
