"""What has not arrived, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa

from collector.delivery.fallback import FallbackPlan, explain_removed_channel
from collector.model import DeliveryState
from collector.store import delivery_list, outbox, storms
from collector.store.channel_status import read_channel_status


def describe_undelivered(
    connection: sa.Connection, plan: FallbackPlan, *, now: datetime
) -> Iterator[str]:
    """A sentence for each state of what waits on a channel: how much, why, and what comes next.

    What a storm keeps back for the next digest is no trouble, and left out.
    """
    for stats in outbox.list_queue_stats(connection):
        if stats.state not in delivery_list.WAITING_STATES:
            continue
        noun = "1 message" if stats.count == 1 else f"{stats.count:,} messages"
        if stats.channel not in plan.channels:
            explanation = explain_removed_channel(stats.channel)
            yield f"{stats.channel}: {noun} {stats.state}: {explanation}"
            continue
        limit = plan.get_policy(stats.channel).limit
        status = read_channel_status(connection, stats.channel)
        is_kept_back = (
            stats.state == DeliveryState.READY
            and status.since is None
            and storms.find_digest_due(connection, stats.channel, limit, now=now) is not None
        )
        if is_kept_back:
            continue
        reason = stats.reason or status.reason or "not sent yet"
        held_until = status.held_until or now
        pause = f"; the next try is at {held_until:%Y-%m-%d %H:%M:%S}Z" if held_until > now else ""
        yield f"{stats.channel}: {noun} {stats.state}: {reason}{pause}"
