"""Storms: from when on a channel's messages below critical leave together, as digests."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from collector.model import DeliveryState, Severity, StormLimit
from collector.stable_ids import hash_lines
from collector.store import tables
from collector.store.recovered_deliveries import REPEAT_REASON

_STORM_ID_DIGITS = 16


class StormVerdict(StrEnum):
    """What is to happen with the messages below critical that wait on a channel."""

    ALONE = "alone"
    DIGEST = "digest"
    WAIT = "wait"


def is_digest() -> sa.ColumnElement[bool]:
    """A condition that holds of digests, in the form that the index of storms serves."""
    return tables.deliveries.c.storm > ""


def judge_storm(
    connection: sa.Connection, channel: str, limit: StormLimit, *, now: datetime
) -> StormVerdict:
    """Whether the next message below critical leaves alone, all in a digest, or none for now.

    A storm begins where as many as the limit have left within its window. It goes on, with one
    digest in each window, as long as more than the limit wait at the end of one.
    """
    last = _find_last_digest(connection, channel, now=now)
    if last is not None:
        if last.state in (DeliveryState.READY, DeliveryState.LEASED):
            return StormVerdict.WAIT
        if now < _get_time(last) + limit.window:
            return StormVerdict.WAIT
        if _continues(last, limit, now) and _count_waiting(connection, channel) > limit.messages:
            return StormVerdict.DIGEST
    if _count_recent(connection, channel, limit, now=now) < limit.messages:
        return StormVerdict.ALONE
    return StormVerdict.DIGEST


def compose_digest(
    connection: sa.Connection, channel: str, limit: StormLimit, *, now: datetime
) -> str | None:
    """Put all that waits below critical on a channel into a new digest.

    Returns the key of the digest, which is ready; None where nothing waits. Its id is a function of
    the channel and of the first message of the storm.
    """
    table = tables.deliveries
    waiting = _match_waiting(channel)
    first = connection.scalar(
        sa.select(table.c.key).where(*waiting).order_by(table.c.created, table.c.key).limit(1)
    )
    if first is None:
        return None
    last = _find_last_digest(connection, channel, now=now)
    storm, revision = f"storm-{hash_lines(channel, first, digits=_STORM_ID_DIGITS)}", 1
    if last is not None and _continues(last, limit, now):
        storm, revision = last.storm, last.revision + 1
    key = f"{storm}.{revision}.{channel}"
    severity = connection.scalar(sa.select(sa.func.max(table.c.severity)).where(*waiting))
    repeat = sa.select(table.c.key).where(*waiting, table.c.reason == REPEAT_REASON).limit(1)
    has_repeat = connection.execute(repeat).first() is not None
    connection.execute(
        sa.update(table)
        .where(*waiting)
        .values(
            state=DeliveryState.DIGESTED,
            digest=key,
            attempts=table.c.attempts + 1,
            reason="",
            served=[],
        )
    )
    connection.execute(
        sa.insert(table).values(
            key=key,
            channel=channel,
            revision=revision,
            state=DeliveryState.READY,
            attempts=int(has_repeat),  # its next attempt is not the first then: that marks it
            due=now,
            created=now,
            severity=severity,
            storm=storm,
        )
    )
    return key


def find_digest_due(
    connection: sa.Connection, channel: str, limit: StormLimit, *, now: datetime
) -> datetime | None:
    """When the storm on a channel lets the next message below critical leave; None if now."""
    if judge_storm(connection, channel, limit, now=now) != StormVerdict.WAIT:
        return None
    last = _find_last_digest(connection, channel, now=now)
    return None if last is None else max(last.due, _get_time(last) + limit.window)


def _find_last_digest(
    connection: sa.Connection, channel: str, *, now: datetime
) -> sa.Row[Any] | None:
    """The newest digest of a channel. One of the future, by a clock that was put back, is none."""
    table = tables.deliveries
    query = (
        sa.select(table)
        .where(
            table.c.channel == channel,
            is_digest(),
            table.c.state != DeliveryState.SUPERSEDED,
            table.c.created <= now,
            sa.or_(table.c.finished.is_(None), table.c.finished <= now),
        )
        .order_by(table.c.created.desc(), table.c.revision.desc())
        .limit(1)
    )
    return connection.execute(query).first()


def _get_time(digest: sa.Row[Any]) -> datetime:
    """When it was sent or refused, else when it was composed."""
    time: datetime = digest.finished or digest.created
    return time


def _continues(digest: sa.Row[Any], limit: StormLimit, now: datetime) -> bool:
    return now < _get_time(digest) + 2 * limit.window


def _match_waiting(channel: str) -> tuple[sa.ColumnElement[bool], ...]:
    """Messages of alerts below critical that the receiver has not refused."""
    table = tables.deliveries
    return (
        table.c.channel == channel,
        table.c.state == DeliveryState.READY,
        table.c.severity < Severity.CRITICAL,
        table.c.alert_id.is_not(None),
    )


def _count_waiting(connection: sa.Connection, channel: str) -> int:
    query = sa.select(sa.func.count()).where(*_match_waiting(channel))
    return int(connection.scalar(query) or 0)


def _count_recent(
    connection: sa.Connection, channel: str, limit: StormLimit, *, now: datetime
) -> int:
    """How many messages below critical left alone within the window, for some recipients or all."""
    table = tables.deliveries
    is_sent = table.c.state == DeliveryState.SENT, *_lies_within(table.c.finished, limit, now)
    is_served = _has_served(), *_lies_within(table.c.attempted, limit, now)
    query = sa.select(sa.func.count()).where(
        table.c.channel == channel,
        table.c.severity < Severity.CRITICAL,
        table.c.alert_id.is_not(None),
        table.c.digest == "",
    )
    # Two questions, so that each has its index.
    return sum(
        int(connection.scalar(query.where(*conditions)) or 0) for conditions in (is_sent, is_served)
    )


def _lies_within(
    time: sa.ColumnElement[datetime | None], limit: StormLimit, now: datetime
) -> tuple[sa.ColumnElement[bool], ...]:
    return time > now - limit.window, time <= now


def _has_served() -> sa.ColumnElement[bool]:
    """Some of its recipients have it, and others wait for it."""
    table = tables.deliveries
    return sa.and_(table.c.state == DeliveryState.READY, sa.cast(table.c.served, sa.Text) != "[]")
