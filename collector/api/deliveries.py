"""The outbox: what waits and why, which channels take no messages, and another try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from collector import clock
from collector.api.json_values import JsonObject, to_json_object
from collector.api.state_view import open_state_view, open_writable_state
from collector.delivery.fallback import REMOVED_CHANNEL, explain_removed_channel
from collector.delivery.policy import build_policy
from collector.errors import CollectorError
from collector.model import ChannelState, DeliveryState, Severity
from collector.settings import Settings
from collector.store import channel_status, delivery_list, storms
from collector.store.channel_status import ChannelStatus
from collector.store.delivery_list import WAITING_STATES, MadeDue, OutboxEntry
from collector.store.event_history import DeliveryRecord

__all__ = [
    "ChannelStatus",
    "DeliveryRecord",
    "DeliveryReport",
    "OutboxEntry",
    "RetryResult",
    "explain_removed_channel",
    "list_closed_channels",
    "read_deliveries",
    "retry_deliveries",
    "to_channel_json",
    "to_json",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """The outbox at `now`: messages, and the channels that do not take any.

    `channels` are those that are configured; `digest_due` is when the storm on a channel, if there
    is one, lets the next digest leave.
    """

    now: datetime
    entries: Sequence[OutboxEntry]
    closed_channels: Sequence[ChannelStatus]
    channels: Sequence[str]
    digest_due: Mapping[str, datetime]

    def find_digest_due(self, entry: OutboxEntry) -> datetime | None:
        """When the digest leaves for which a message waits; None where it waits for none."""
        is_kept_back = entry.alert_id is not None and entry.severity < Severity.CRITICAL
        return self.digest_due.get(entry.channel) if is_kept_back else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryResult:
    """How many messages of a channel are due now, wait for the digest, or cannot leave any more.

    `digest_due` is when that digest leaves; None where none waits for it.
    """

    channel: str
    due_count: int = 0
    digest_count: int = 0
    digest_due: datetime | None = None
    removed_count: int = 0


def list_closed_channels(
    connection: sa.Connection, settings: Settings, *, channel: str | None = None
) -> list[ChannelStatus]:
    """The configured channels that take no messages; or that one alone, if it takes none."""
    return [
        status
        for status in channel_status.list_channel_statuses(connection)
        if status.state != ChannelState.OK
        and status.channel in settings.channels
        and channel in (None, status.channel)
    ]


def read_deliveries(
    settings: Settings,
    *,
    channel: str | None = None,
    digest: str | None = None,
    include_finished: bool = False,
    limit: int | None = None,
) -> DeliveryReport:
    """The messages of a configuration's state that have not arrived yet, or all of them.

    On one channel, or those that a digest tells, if given; at most so many.

    Raises CollectorError where there is no state yet.
    """
    now = clock.now()
    states = tuple(DeliveryState) if include_finished or digest is not None else WAITING_STATES
    with open_state_view(settings) as connection:
        entries = delivery_list.list_outbox_entries(
            connection, channel=channel, states=states, digest=digest, limit=limit
        )
        digest_due = _find_digests_due(connection, settings, now=now)
        closed_channels = list_closed_channels(connection, settings, channel=channel)
    return DeliveryReport(
        now=now,
        channels=tuple(settings.channels),
        digest_due=digest_due,
        entries=[_explain_entry(entry, settings) for entry in entries],
        closed_channels=closed_channels,
    )


def _find_digests_due(
    connection: sa.Connection, settings: Settings, *, now: datetime
) -> dict[str, datetime]:
    """When the digest leaves for which what is below critical waits, by channel, where it does."""
    found = (
        (name, storms.find_digest_due(connection, name, build_policy(each).limit, now=now))
        for name, each in settings.channels.items()
    )
    return {name: due for name, due in found if due is not None}


def _explain_entry(entry: OutboxEntry, settings: Settings) -> OutboxEntry:
    """The message, with the reason why it stays where its channel is not configured any more."""
    if entry.channel in settings.channels or entry.state not in WAITING_STATES:
        return entry
    return replace(entry, reason=REMOVED_CHANNEL)


def retry_deliveries(
    settings: Settings, *, channel: str | None = None, key_prefixes: Sequence[str] = ()
) -> list[RetryResult]:
    """Make due at once what has not arrived; returns what that comes to, by channel.

    Whoever works on the state, or will, sends what is due.

    Raises CollectorError where nothing waits that was asked for, or there is no state yet.
    """
    now = clock.now()
    with open_writable_state(settings) as connection:
        counts = delivery_list.make_deliveries_due(
            connection, channel=channel, key_prefixes=key_prefixes, now=now
        )
        digest_due = _find_digests_due(connection, settings, now=now)
    if not counts and (channel is not None or key_prefixes):
        on_channel = f" on {channel!r}" if channel is not None else ""
        of_keys = (
            f" with a key that begins with {' or '.join(key_prefixes)}" if key_prefixes else ""
        )
        raise CollectorError(f"no message waits{on_channel}{of_keys}: see `deliveries list`")
    return [
        _build_retry_result(name, count, settings, digest_due.get(name))
        for name, count in counts.items()
    ]


def _build_retry_result(
    channel: str, count: MadeDue, settings: Settings, digest_due: datetime | None
) -> RetryResult:
    if channel not in settings.channels:
        return RetryResult(channel=channel, removed_count=count.total)
    if digest_due is None or not count.digestible:
        return RetryResult(channel=channel, due_count=count.total)
    return RetryResult(
        channel=channel,
        due_count=count.total - count.digestible,
        digest_count=count.digestible,
        digest_due=digest_due,
    )


def to_json(entry: OutboxEntry) -> JsonObject:
    """A message of the outbox as scripts read it."""
    return to_json_object({"kind": "delivery", **asdict(entry)})


def to_channel_json(status: ChannelStatus) -> JsonObject:
    """How a channel is, as scripts read it, without the fingerprint of its settings."""
    values = asdict(status)
    del values["fingerprint"]
    return to_json_object({"kind": "channel", **values})
