"""Folds the matches of a batch into the stored episodes of alerts, and saves these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from collector import alerting, normalize
from collector.alerting import flooding
from collector.evaluation.directory_changes import is_rated_by_directory
from collector.evaluation.result import EvaluationResult
from collector.ingest.nearby_alerts import NearbyAlerts
from collector.model import Alert, AlertMatch, AlertStatus, Match, Rule, Severity
from collector.store import alerts as alert_store


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeyChanges:
    """The changes by a batch of one dedup key, by uid where they are of single events."""

    org: str
    key: tuple[str, ...]
    matches: list[Match] = field(default_factory=list)
    stored_matches: dict[str, AlertMatch] = field(default_factory=dict)
    owner_alerts: dict[str, Alert] = field(default_factory=dict)
    withdrawal_reasons: dict[str, str] = field(default_factory=dict)


def fold_matches(
    connection: sa.Connection, rules: Mapping[str, Rule], result: EvaluationResult, *, now: datetime
) -> list[alerting.EpisodeChanges]:
    """The changes of the stored episodes that the result is about; nothing is written.

    Matches open, extend, bridge or worsen the episodes of their keys. What is withdrawn leaves its
    episode, which may split or end by that; a match of the same event in the same batch outweighs
    it.
    """
    matches: dict[tuple[str, str], dict[str, Match]] = {}
    for match in sorted(result.matches, key=_rank_match):
        matches.setdefault((match.org, match.rule), {})[match.event_uid] = match
    reasons: dict[tuple[str, str], dict[str, str]] = {}
    for withdrawal in result.withdrawals:
        uids = dict.fromkeys(withdrawal.event_uids, withdrawal.reason)
        reasons.setdefault((withdrawal.org, withdrawal.rule), {}).update(uids)
    return [
        change
        for org, rule in sorted({*matches, *reasons})
        for change in _fold_rule(
            connection,
            rules[rule],
            org,
            matches.get((org, rule), {}),
            reasons.get((org, rule), {}),
            now=now,
        )
    ]


def save_episodes(connection: sa.Connection, changes: Iterable[alerting.EpisodeChanges]) -> None:
    """Write alerts and their matches, as they are after the changes, in few statements."""
    saved = list(changes)
    # First what leaves an alert: an event may leave one and join another.
    for change in saved:
        _move_stored_matches(connection, change)
    alert_store.save_alerts(
        connection,
        [alert for change in saved for alert in change.alerts],
        {
            alert_id: matches
            for change in saved
            for alert_id, matches in change.joined_matches.items()
        },
    )


def _move_stored_matches(connection: sa.Connection, change: alerting.EpisodeChanges) -> None:
    rule_key = {"org": change.org, "rule": change.rule}
    alert_store.detach_matches(connection, **rule_key, alerts_by_uid=change.detachments)
    for alert in change.alerts:
        if alert.status == AlertStatus.MERGED:
            alert_store.move_merged_matches(connection, alert)
    for alert_id, uids in change.moved_uids.items():
        alert_store.move_matches(connection, **rule_key, event_uids=uids, alert_id=alert_id)


def _fold_rule(
    connection: sa.Connection,
    rule: Rule,
    org: str,
    matches: Mapping[str, Match],
    withdrawal_reasons: Mapping[str, str],
    *,
    now: datetime,
) -> Iterator[alerting.EpisodeChanges]:
    stored_matches = alert_store.find_alert_matches(
        connection, org=org, rule=rule.name, event_uids={*matches, *withdrawal_reasons}
    )
    owners = {
        alert.id: alert
        for alert in alert_store.read_alerts(
            connection, {m.alert_id for m in stored_matches.values()}
        )
    }
    nearby = NearbyAlerts(connection=connection, org=org, rule=rule)
    nearby.load_alerts(matches.values())
    matches = _redirect_flood(nearby, matches, stored_matches, owners)
    changes = _group_by_key(org, matches, withdrawal_reasons, stored_matches, owners)
    for key in sorted(changes):
        yield _fold_key(nearby, changes[key], now=now)


def _redirect_flood(
    nearby: NearbyAlerts,
    matches: Mapping[str, Match],
    stored_matches: Mapping[str, AlertMatch],
    owner_alerts: Mapping[str, Alert],
) -> dict[str, Match]:
    """The matches; those of a flood with the flood's key."""
    owner_keys = {uid: owner_alerts[match.alert_id].key for uid, match in stored_matches.items()}
    redirected = flooding.redirect_flood(
        nearby.rule,
        matches,
        flood_keys={uid: key for uid, key in owner_keys.items() if flooding.is_flood_key(key)},
        known_keys={*nearby.keys, *owner_keys.values()},
        alert_counts=nearby.count_hourly_alerts(matches.values()),
    )
    nearby.load_alerts(match for match in redirected.values() if flooding.is_flood_key(match.key))
    return redirected


def _group_by_key(
    org: str,
    matches: Mapping[str, Match],
    withdrawal_reasons: Mapping[str, str],
    stored_matches: Mapping[str, AlertMatch],
    owner_alerts: Mapping[str, Alert],
) -> dict[tuple[str, ...], _KeyChanges]:
    """By dedup key; an event whose key has changed is withdrawn from the one that it had."""
    by_key: dict[tuple[str, ...], _KeyChanges] = {}
    for match in matches.values():
        by_key.setdefault(match.key, _KeyChanges(org=org, key=match.key)).matches.append(match)
    for uid, stored in stored_matches.items():
        owner = owner_alerts[stored.alert_id]
        changes = by_key.setdefault(owner.key, _KeyChanges(org=org, key=owner.key))
        changes.stored_matches[uid] = stored
        changes.owner_alerts[owner.id] = owner
        if uid not in matches or matches[uid].key != owner.key:
            changes.withdrawal_reasons[uid] = withdrawal_reasons.get(uid, "")
    return by_key


def _fold_key(
    nearby: NearbyAlerts, key_changes: _KeyChanges, *, now: datetime
) -> alerting.EpisodeChanges:
    alerts = {**nearby.select_alerts(key_changes.key), **key_changes.owner_alerts}
    diff = alerting.diff_matches(
        key_changes.org,
        key_changes.key,
        key_changes.matches,
        key_changes.withdrawal_reasons.keys(),
        stored_matches=key_changes.stored_matches,
        alerts=alerts,
    )
    remaining = (
        match
        for match in alert_store.iterate_alert_matches(nearby.connection, diff.rebuild_ids)
        if match.event_uid not in diff.detachments
    )
    changes = alerting.fold_episodes(
        nearby.rule,
        diff,
        alerts=alerts,
        remaining_matches=remaining,
        find_alert=nearby.find_alert,
        keep_content=_is_reevaluated(nearby.rule),
        reason=max(key_changes.withdrawal_reasons.values(), default=""),
        now=now,
    )
    if not flooding.is_flood_key(key_changes.key):
        return changes
    return flooding.describe_flood(changes, alerts=alerts, matches=key_changes.matches)


def _is_reevaluated(rule: Rule) -> bool:
    """Whether its matches of an event can change with later events, or with the directory."""
    if rule.aggregation is not None or is_rated_by_directory(rule):
        return True
    return not normalize.DERIVED_EVENT_TYPES.keys().isdisjoint(rule.event_types)


def _rank_match(match: Match) -> tuple[Severity, float, tuple[str, ...], str]:
    """Of two matches of one event the last counts."""
    return match.severity, match.weight, match.key, match.title
