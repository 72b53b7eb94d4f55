"""The outbox: what waits and why, which channels take no messages, and another try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from collector import clock
from collector.api.json_values import JsonObject, to_json_object
from collector.api.state_view import open_state_view, open_writable_state
from collector.errors import CollectorError
from collector.model import ChannelState, DeliveryState
from collector.settings import Settings
from collector.store import channel_status, delivery_list
from collector.store.channel_status import ChannelStatus
from collector.store.delivery_list import WAITING_STATES, OutboxEntry
from collector.store.event_history import DeliveryRecord

__all__ = [
    "ChannelStatus",
    "DeliveryRecord",
    "DeliveryReport",
    "OutboxEntry",
    "read_deliveries",
    "retry_deliveries",
    "to_channel_json",
    "to_json",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """The outbox at `now`: messages, and the channels that do not take any."""

    now: datetime
    entries: Sequence[OutboxEntry]
    closed_channels: Sequence[ChannelStatus]


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
    states = tuple(DeliveryState) if include_finished or digest is not None else WAITING_STATES
    with open_state_view(settings) as connection:
        entries = delivery_list.list_outbox_entries(
            connection, channel=channel, states=states, digest=digest, limit=limit
        )
        statuses = channel_status.list_channel_statuses(connection)
    return DeliveryReport(
        now=clock.now(),
        entries=entries,
        closed_channels=[
            status
            for status in statuses
            if status.state != ChannelState.OK and channel in (None, status.channel)
        ],
    )


def retry_deliveries(
    settings: Settings, *, channel: str | None = None, key_prefixes: Sequence[str] = ()
) -> Mapping[str, int]:
    """Make due at once what has not arrived; returns how many messages on each channel.

    Whoever works on the state, or will, sends them.

    Raises CollectorError where nothing waits that was asked for, or there is no state yet.
    """
    with open_writable_state(settings) as connection:
        counts = delivery_list.make_deliveries_due(
            connection, channel=channel, key_prefixes=key_prefixes, now=clock.now()
        )
    if not counts and (channel is not None or key_prefixes):
        on_channel = f" on {channel!r}" if channel is not None else ""
        of_keys = (
            f" with a key that begins with {' or '.join(key_prefixes)}" if key_prefixes else ""
        )
        raise CollectorError(f"no message waits{on_channel}{of_keys}: see `deliveries list`")
    return counts


def to_json(entry: OutboxEntry) -> JsonObject:
    """A message of the outbox as scripts read it."""
    return to_json_object({"kind": "delivery", **asdict(entry)})


def to_channel_json(status: ChannelStatus) -> JsonObject:
    """How a channel is, as scripts read it, without the fingerprint of its settings."""
    values = asdict(status)
    del values["fingerprint"]
    return to_json_object({"kind": "channel", **values})
