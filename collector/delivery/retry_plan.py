"""When a message that was not taken is tried again, and until when its channel is left alone.

A channel that does not answer is tried with one message, not with each that waits; the message
itself waits longer than the channel, so that another one shows whose fault it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collector.model import (
    ChannelState,
    Delivery,
    DeliveryRejection,
    IndeterminateDelivery,
    RejectionScope,
    RetryLater,
)
from collector.store.channel_status import ChannelStatus

FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS = 1.0, 300.0
FIRST_REFUSAL_SECONDS, MAX_REFUSAL_SECONDS = 10.0, 86_400.0
"""The first and the last distance between two attempts on a channel; each is twice the one before.
There is no giving up: a receiver that comes back gets everything."""

MESSAGE_REFUSAL_TOLERANCE = 2
"""So many messages in a row may be refused each for itself; then it is the channel that refuses."""

RELEASE_AFTER = {
    ChannelState.FAILING: timedelta(seconds=30),
    ChannelState.REFUSING: timedelta(minutes=15),
}
"""Where a channel takes messages again after so long, what it did not take is due at once. In less
time a few messages that it never takes could have looked like a channel that takes none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPlan:
    """When the message is due again, and the status of its channel from now on."""

    due: datetime
    status: ChannelStatus


def plan_retry(
    delivery: Delivery,
    status: ChannelStatus,
    outcome: RetryLater | IndeterminateDelivery | DeliveryRejection,
    *,
    jitter: float,
    now: datetime,
) -> RetryPlan:
    """What follows from an attempt that was not taken. `jitter` is a factor of up to 1."""
    if isinstance(outcome, DeliveryRejection):
        return _plan_after_rejection(delivery, status, outcome, now=now)
    retry_after = outcome.retry_after if isinstance(outcome, RetryLater) else None
    failures = status.failures + 1 if status.state == ChannelState.FAILING else 1
    message_seconds = channel_seconds = retry_after or 0.0
    if retry_after is None:
        first, last = FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS
        message_seconds = jitter * _grow_distance(2 * first, delivery.attempts, last)
        channel_seconds = jitter * _grow_distance(first, failures, last)
    due = now + timedelta(seconds=message_seconds)
    if isinstance(outcome, RetryLater) and outcome.scope == RejectionScope.MESSAGE:
        return RetryPlan(due=due, status=build_open_status(status))
    return RetryPlan(
        due=due,
        status=replace(
            status,
            state=ChannelState.FAILING,
            since=status.since or now,
            failures=failures,
            held_until=now + timedelta(seconds=channel_seconds),
            reason=outcome.reason,
        ),
    )


def _plan_after_rejection(
    delivery: Delivery, status: ChannelStatus, outcome: DeliveryRejection, *, now: datetime
) -> RetryPlan:
    first, last = FIRST_REFUSAL_SECONDS, MAX_REFUSAL_SECONDS
    due = now + timedelta(seconds=_grow_distance(2 * first, delivery.refusals + 1, last))
    streak = 1 if status.state == ChannelState.FAILING else status.failures + 1
    tolerated = MESSAGE_REFUSAL_TOLERANCE if outcome.scope == RejectionScope.MESSAGE else 0
    if streak <= tolerated and status.state != ChannelState.REFUSING:
        answering = replace(build_open_status(status), failures=streak)
        return RetryPlan(due=due, status=answering)
    hold = timedelta(seconds=_grow_distance(first, streak - tolerated, last))
    return RetryPlan(
        due=due,
        status=replace(
            status,
            state=ChannelState.REFUSING,
            since=status.since or now,
            failures=streak,
            held_until=now + hold,
            reason=outcome.reason,
        ),
    )


def build_open_status(status: ChannelStatus) -> ChannelStatus:
    """The status of a channel that takes messages, of the same settings."""
    return ChannelStatus(channel=status.channel, fingerprint=status.fingerprint)


def has_recovered(status: ChannelStatus, *, now: datetime) -> bool:
    """Whether a channel that takes a message now had not taken any for long."""
    if status.since is None or status.state == ChannelState.OK:
        return False
    return now - status.since >= RELEASE_AFTER[status.state]


def _grow_distance(first: float, count: int, last: float) -> float:
    """Seconds: the first distance at the first count, doubling up to the last one."""
    return min(last, first * 2.0 ** min(max(count, 1) - 1, 20))
