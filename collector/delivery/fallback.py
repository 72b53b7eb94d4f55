"""Other channels stand in where one does not take critical alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from collector import alerting
from collector.delivery.policy import DeliveryPolicy
from collector.logs import log
from collector.model import Alert, AlertStatus, ChannelState, Route
from collector.store import alerts, outbox, redirections
from collector.store.channel_status import ChannelStatus, read_channel_status
from collector.store.redirections import UndeliveredAlert

REMOVED_CHANNEL = "the channel is not configured any more"
"""Why what waits on such a channel cannot leave."""


def explain_removed_channel(channel: str) -> str:
    """The same, and what can be done about it."""
    return (
        f"{REMOVED_CHANNEL}; configure it again, or give its messages up by"
        f" `collector deliveries discard --channel {channel}`"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackPlan:
    """Who stands in for whom: the routes, all channels that there are, and their policies."""

    routes: Sequence[Route] = ()
    channels: Sequence[str] = ()
    policies: Mapping[str, DeliveryPolicy] = field(default_factory=dict)

    def get_policy(self, channel: str) -> DeliveryPolicy:
        """The policy of a channel, which is the default where none was given."""
        return self.policies.get(channel, DeliveryPolicy())


def redirect_critical_alerts(
    connection: sa.Connection, channel: str, plan: FallbackPlan, *, now: datetime
) -> int:
    """Enqueue what a channel does not take of critical alerts for those that stand in for it.

    Returns how many messages were enqueued. They stay in the channel's own outbox as well.
    """
    count = 0
    for delivery in list_redirectable_alerts(connection, channel, plan, now=now):
        redirections.mark_redirected(connection, delivery.key, now=now)
        alert = alerts.find_alert(connection, delivery.alert_id)
        if alert is None or alert.status != AlertStatus.OPEN:
            continue
        chosen = _choose_channels(connection, alert, channel, plan)
        added = outbox.enqueue_fallback(connection, alert, chosen, instead_of=channel, now=now)
        count += len(added)
        if added:
            log.warning("delivery_redirected", key=delivery.key, channels=added)
    return count


def redirect_removed_channels(
    connection: sa.Connection, plan: FallbackPlan, *, now: datetime
) -> int:
    """Enqueue what waits on channels that are not configured any more, if critical or high.

    It goes to the channels that the present routes name, else to those that are told of the org;
    there it is a message like any other. The one that waited is superseded. Where there is no such
    channel it goes on waiting. Returns how many messages were enqueued.
    """
    count = 0
    for delivery in redirections.list_removed_alerts(connection, plan.channels):
        alert = alerts.find_alert(connection, delivery.alert_id)
        if alert is None or alert.status != AlertStatus.OPEN:
            outbox.mark_superseded(connection, delivery.key, reason="it is over", now=now)
            continue
        chosen = alerting.select_channels(alert, plan.routes, plan.channels)
        chosen = chosen or alerting.select_org_channels(alert.org, plan.routes, plan.channels)
        if not chosen:
            continue
        added = outbox.enqueue_fallback(connection, alert, chosen, instead_of="", now=now)
        reason = f"{REMOVED_CHANNEL}; told on {', '.join(chosen)}"
        outbox.mark_superseded(connection, delivery.key, reason=reason, now=now)
        log.warning(
            "delivery_redirected", key=delivery.key, channels=chosen, reason=REMOVED_CHANNEL
        )
        count += len(added)
    return count


def list_redirectable_alerts(
    connection: sa.Connection, channel: str, plan: FallbackPlan, *, now: datetime
) -> list[UndeliveredAlert]:
    """What a channel has refused of critical alerts; all of it, where it is out of order."""
    status = read_channel_status(connection, channel)
    is_working = not _is_out_of_order(status, plan.get_policy(channel), now=now)
    return redirections.list_undelivered_alerts(connection, channel, only_refused=is_working)


def _is_out_of_order(status: ChannelStatus, policy: DeliveryPolicy, *, now: datetime) -> bool:
    if status.state == ChannelState.FAILING and status.since is not None:
        return now - status.since >= policy.fallback_after
    return status.state == ChannelState.REFUSING


def _choose_channels(
    connection: sa.Connection, alert: Alert, channel: str, plan: FallbackPlan
) -> list[str]:
    """Those that the settings name; else those told of the org, unless one of them has it."""
    named = plan.get_policy(channel).fallback
    if named is not None:
        return [name for name in named if name != channel and name in plan.channels]
    others = [
        name
        for name in alerting.select_org_channels(alert.org, plan.routes, plan.channels)
        if name != channel
    ]
    delivered = redirections.find_delivered_channels(connection, alert)
    return [] if delivered.intersection(others) else others
