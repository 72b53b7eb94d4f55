"""The state transaction: ledger, alerts, deliveries and cursor move together or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from collector import alerting, normalize
from collector.model import (
    Alert,
    AlertMatch,
    AlertStatus,
    ArchiveFile,
    Batch,
    Match,
    Route,
    Rule,
    Severity,
    Withdrawal,
)
from collector.store import alerts as alert_store
from collector.store import ledger, outbox, stream_coverage, tracked_objects


def commit_batch(
    connection: sa.Connection,
    batch: Batch,
    entry: ledger.LedgerEntry,
    files: Sequence[ArchiveFile],
    changes: Iterable[alerting.EpisodeChanges],
    *,
    routes: Sequence[Route],
    channels: Sequence[str],
    now: datetime,
) -> list[Alert]:
    """Write all that a batch has brought. Returns the alerts that have something new to tell."""
    ledger.record_batch(connection, batch, entry, files)
    told = save_and_notify(connection, changes, routes=routes, channels=channels, now=now)
    advance_coverage(connection, batch)
    return told


def save_and_notify(
    connection: sa.Connection,
    changes: Iterable[alerting.EpisodeChanges],
    *,
    routes: Sequence[Route],
    channels: Sequence[str],
    now: datetime,
) -> list[Alert]:
    """Write what became of alerts, and owe what is new to those who are to hear of it."""
    told: list[Alert] = []
    for change in changes:
        _save_changes(connection, change)
        for alert in change.alerts:
            hearers = alerting.select_channels(alert, routes, channels)
            if alert.id in change.ended_ids:
                outbox.cancel_unseen_deliveries(connection, alert.id, now=now)
                heard = outbox.find_notified_channels(connection, alert.id)
                hearers = tuple(channel for channel in hearers if channel in heard)
            if alert.id in change.notify_ids and (hearers or alert.id not in change.ended_ids):
                outbox.enqueue_alert(connection, alert, hearers, now=now)
                told.append(alert)
    return told


def _save_changes(connection: sa.Connection, change: alerting.EpisodeChanges) -> None:
    """Write alerts and members. An event that has left an alert may be in another one by now."""
    of_rule = {"org": change.org, "rule": change.rule}
    for uid, alert_id in change.detachments.items():
        alert_store.detach_match(connection, **of_rule, event_uid=uid, alert_id=alert_id)
    for alert in change.alerts:
        if alert.status == AlertStatus.MERGED:
            alert_store.move_merged_matches(connection, alert)
    for alert_id, uids in change.moved_uids.items():
        alert_store.move_matches(connection, **of_rule, event_uids=uids, alert_id=alert_id)
    alert_store.save_alerts(connection, change.alerts, change.joined_matches)


def advance_coverage(connection: sa.Connection, batch: Batch) -> None:
    """Count the batch's window as read, and move on."""
    stream_coverage.cover_batch_window(connection, batch)
    advance_cursor(connection, batch)


def advance_cursor(connection: sa.Connection, batch: Batch) -> None:
    """Move the stream's cursor to where the batch says, and remember what it says to remember."""
    if batch.cursor is not None:
        ledger.save_cursor(connection, batch.stream, batch.cursor)
    tracked_objects.save_object_states(connection, batch)


def fold_matches(
    connection: sa.Connection,
    rules: Mapping[str, Rule],
    matches: Iterable[Match],
    *,
    withdrawn: Iterable[Withdrawal] = (),
    now: datetime,
) -> list[alerting.EpisodeChanges]:
    """Let matches open, extend, bridge or worsen the stored episodes of their keys.

    What is withdrawn leaves its episode, which may split or end by that; a match of the same event
    in the same batch outweighs it.
    """
    found: dict[tuple[str, str], dict[str, Match]] = {}
    for match in sorted(matches, key=_rank_match):
        found.setdefault((match.org, match.rule), {})[match.event_uid] = match
    gone: dict[tuple[str, str], dict[str, str]] = {}
    for one in withdrawn:
        uids = dict.fromkeys(one.event_uids, one.reason)
        gone.setdefault((one.org, one.rule), {}).update(uids)
    return [
        change
        for org, rule in sorted({*found, *gone})
        for change in _fold_rule(
            connection,
            rules[rule],
            org,
            found.get((org, rule), {}),
            gone.get((org, rule), {}),
            now=now,
        )
    ]


def _fold_rule(
    connection: sa.Connection,
    rule: Rule,
    org: str,
    matches: Mapping[str, Match],
    withdrawal_reasons: Mapping[str, str],
    *,
    now: datetime,
) -> Iterator[alerting.EpisodeChanges]:
    stored = alert_store.find_alert_matches(
        connection, org=org, rule=rule.name, event_uids={*matches, *withdrawal_reasons}
    )
    owners = {
        alert.id: alert
        for alert in alert_store.read_alerts(connection, {m.alert_id for m in stored.values()})
    }
    keys: dict[tuple[str, ...], _KeyChanges] = {}
    for match in matches.values():
        keys.setdefault(match.key, _KeyChanges(org=org, key=match.key)).matches.append(match)
    for uid, member in stored.items():
        owner = owners[member.alert_id]
        of_key = keys.setdefault(owner.key, _KeyChanges(org=org, key=owner.key))
        of_key.stored_matches[uid] = member
        of_key.owner_alerts[owner.id] = owner
        if uid not in matches or matches[uid].key != owner.key:
            of_key.withdrawal_reasons[uid] = withdrawal_reasons.get(uid, "")
    for key in sorted(keys):
        yield _fold_key(connection, rule, keys[key], now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeyChanges:
    """What a batch says about one dedup key; `gone` has the reason by uid."""

    org: str
    key: tuple[str, ...]
    matches: list[Match] = field(default_factory=list)
    stored_matches: dict[str, AlertMatch] = field(default_factory=dict)
    owner_alerts: dict[str, Alert] = field(default_factory=dict)
    withdrawal_reasons: dict[str, str] = field(default_factory=dict)


def _fold_key(
    connection: sa.Connection, rule: Rule, key_changes: _KeyChanges, *, now: datetime
) -> alerting.EpisodeChanges:
    alerts = {**_find_nearby_alerts(connection, rule, key_changes), **key_changes.owner_alerts}
    news = alerting.diff_matches(
        key_changes.org,
        key_changes.key,
        key_changes.matches,
        key_changes.withdrawal_reasons.keys(),
        stored_matches=key_changes.stored_matches,
        alerts=alerts,
    )
    left = (
        member
        for member in alert_store.iterate_alert_matches(connection, news.rebuild_ids)
        if member.event_uid not in news.detachments
    )
    return alerting.fold_episodes(
        rule,
        news,
        alerts=alerts,
        remaining_matches=left,
        find_alert=lambda alert_id: alert_store.find_alert(connection, alert_id),
        keep_content=_is_reevaluated(rule),
        reason=max(key_changes.withdrawal_reasons.values(), default=""),
        now=now,
    )


def _find_nearby_alerts(
    connection: sa.Connection, rule: Rule, key_changes: _KeyChanges
) -> dict[str, Alert]:
    """The stored alerts that the matches may join or bring back."""
    if not key_changes.matches:
        return {}
    times = [match.time for match in key_changes.matches]
    found = alert_store.find_nearby_alerts(
        connection,
        org=key_changes.org,
        rule=rule.name,
        key=key_changes.key,
        between=(min(times) - rule.dedup_window, max(times) + rule.dedup_window),
    )
    return {alert.id: alert for alert in found}


def _is_reevaluated(rule: Rule) -> bool:
    """Whether what it says of an event can change with events that come later."""
    return rule.aggregation is not None or not normalize.DERIVED_EVENT_TYPES.keys().isdisjoint(
        rule.event_types
    )


def _rank_match(match: Match) -> tuple[Severity, float, tuple[str, ...], str]:
    """Of two matches of one event the last counts."""
    return match.severity, match.weight, match.key, match.title
