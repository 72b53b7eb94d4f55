"""The state transaction: ledger, alerts, deliveries and cursor move together or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from collector import alerting, normalize
from collector.model import (
    MERGED,
    Alert,
    ArchiveFile,
    Batch,
    Match,
    Member,
    Route,
    Rule,
    Severity,
    Withdrawn,
)
from collector.store import alerts as alert_store
from collector.store import coverage, inventory, ledger, outbox


def commit(
    connection: sa.Connection,
    batch: Batch,
    entry: ledger.Entry,
    files: Sequence[ArchiveFile],
    changes: Iterable[alerting.Folded],
    *,
    routes: Sequence[Route],
    channels: Sequence[str],
    now: datetime,
) -> list[Alert]:
    """Write all that a batch has brought. Returns the alerts that have something new to tell."""
    ledger.record(connection, batch, entry, files)
    told = tell(connection, changes, routes=routes, channels=channels, now=now)
    advance(connection, batch)
    return told


def tell(
    connection: sa.Connection,
    changes: Iterable[alerting.Folded],
    *,
    routes: Sequence[Route],
    channels: Sequence[str],
    now: datetime,
) -> list[Alert]:
    """Write what became of alerts, and owe what is new to those who are to hear of it."""
    told: list[Alert] = []
    for change in changes:
        _save(connection, change)
        for alert in change.alerts:
            hearers = alerting.channels_for(alert, routes, channels)
            if alert.id in change.ended:
                outbox.drop(connection, alert.id, now=now)
                heard = outbox.reached(connection, alert.id)
                hearers = tuple(channel for channel in hearers if channel in heard)
            if alert.id in change.tell and (hearers or alert.id not in change.ended):
                outbox.owe(connection, alert, hearers, now=now)
                told.append(alert)
    return told


def _save(connection: sa.Connection, change: alerting.Folded) -> None:
    """Write alerts and members. An event that has left an alert may be in another one by now."""
    of_rule = {"org": change.org, "rule": change.rule}
    for uid, alert_id in change.taken.items():
        alert_store.part(connection, **of_rule, event_uid=uid, alert_id=alert_id)
    for alert in change.alerts:
        if alert.status == MERGED:
            alert_store.move_all(connection, alert)
    for alert_id, uids in change.moved.items():
        alert_store.move(connection, **of_rule, event_uids=uids, alert_id=alert_id)
    alert_store.save(connection, change.alerts, change.joined)


def advance(connection: sa.Connection, batch: Batch) -> None:
    """Count the batch's window as read, and move on."""
    coverage.cover(connection, batch)
    move(connection, batch)


def move(connection: sa.Connection, batch: Batch) -> None:
    """Move the stream's cursor to where the batch says, and remember what it says to remember."""
    if batch.cursor is not None:
        ledger.move_cursor(connection, batch.stream, batch.cursor)
    inventory.remember(connection, batch)


def fold(
    connection: sa.Connection,
    rules: Mapping[str, Rule],
    matches: Iterable[Match],
    *,
    withdrawn: Iterable[Withdrawn] = (),
    now: datetime,
) -> list[alerting.Folded]:
    """Let matches open, extend, bridge or worsen the stored episodes of their keys.

    What is withdrawn leaves its episode, which may split or end by that; a match of the same event
    in the same batch outweighs it.
    """
    found: dict[tuple[str, str], dict[str, Match]] = {}
    for match in sorted(matches, key=_rank):
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
    gone: Mapping[str, str],
    *,
    now: datetime,
) -> Iterator[alerting.Folded]:
    stored = alert_store.members(connection, org=org, rule=rule.name, event_uids={*matches, *gone})
    owners = {
        alert.id: alert
        for alert in alert_store.named(connection, {m.alert_id for m in stored.values()})
    }
    keys: dict[tuple[str, ...], _OfKey] = {}
    for match in matches.values():
        keys.setdefault(match.key, _OfKey(org=org, key=match.key)).matches.append(match)
    for uid, member in stored.items():
        owner = owners[member.alert_id]
        of_key = keys.setdefault(owner.key, _OfKey(org=org, key=owner.key))
        of_key.stored[uid] = member
        of_key.owners[owner.id] = owner
        if uid not in matches or matches[uid].key != owner.key:
            of_key.gone[uid] = gone.get(uid, "")
    for key in sorted(keys):
        yield _fold_key(connection, rule, keys[key], now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfKey:
    """What a batch says about one dedup key; `gone` has the reason by uid."""

    org: str
    key: tuple[str, ...]
    matches: list[Match] = field(default_factory=list)
    stored: dict[str, Member] = field(default_factory=dict)
    owners: dict[str, Alert] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)


def _fold_key(
    connection: sa.Connection, rule: Rule, of_key: _OfKey, *, now: datetime
) -> alerting.Folded:
    alerts = {**_near(connection, rule, of_key), **of_key.owners}
    news = alerting.compare(
        of_key.org,
        of_key.key,
        of_key.matches,
        of_key.gone.keys(),
        stored=of_key.stored,
        alerts=alerts,
    )
    left = (
        member
        for member in alert_store.members_of(connection, news.broken)
        if member.event_uid not in news.taken
    )
    return alerting.fold(
        rule,
        news,
        alerts=alerts,
        members=left,
        find=lambda alert_id: alert_store.get(connection, alert_id),
        keep=_is_judged_again(rule),
        reason=max(of_key.gone.values(), default=""),
        now=now,
    )


def _near(connection: sa.Connection, rule: Rule, of_key: _OfKey) -> dict[str, Alert]:
    """The stored alerts that the matches may join or bring back."""
    if not of_key.matches:
        return {}
    times = [match.time for match in of_key.matches]
    found = alert_store.near(
        connection,
        org=of_key.org,
        rule=rule.name,
        key=of_key.key,
        between=(min(times) - rule.dedup_window, max(times) + rule.dedup_window),
    )
    return {alert.id: alert for alert in found}


def _is_judged_again(rule: Rule) -> bool:
    """Whether what it says of an event can change with events that come later."""
    return rule.over is not None or not normalize.DERIVED.keys().isdisjoint(rule.event_types)


def _rank(match: Match) -> tuple[Severity, float, tuple[str, ...], str]:
    """Of two matches of one event the last counts."""
    return match.severity, match.weight, match.key, match.title
