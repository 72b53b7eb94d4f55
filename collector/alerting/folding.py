"""Episodes: matches of one rule and one dedup key become alerts, in event time.

Pure functions: what is stored already comes in, what is to be stored goes out.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from collector.alerting import alert_summary, grouping, identity, summary
from collector.alerting.grouping import EpisodeItem
from collector.alerting.identity import AlertFinder, EpisodeAlert
from collector.alerting.match_diff import MatchDiff
from collector.model import (
    Alert,
    AlertMatch,
    AlertStatus,
    FirstSeen,
    Rule,
    Severity,
    has_newcomer,
    merge_participants,
)

RENOTIFY_FACTOR = 10
"""An episode with this many times the events that it was notified with is notified again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeChanges:
    """What a batch changes in the stored alerts of one dedup key.

    Attributes:
        org, rule: whose alerts they are.
        notified_severity: the least severity of which the rule lets channels be told.
        alerts: those that changed, or whose matches did, as they are now.
        joined_matches: by alert id, the matches that are new in it or not what they were.
        moved_uids: by alert id, the uids of matches that came from another alert as they were.
        detachments: by uid, the alert in which the event's match is no longer, or not as it was.
        notify_ids: ids of the alerts to notify; their revision has grown.
        ended_ids: ids of the alerts that were merged into another one or withdrawn by this.
    """

    org: str
    rule: str
    notified_severity: Severity
    alerts: tuple[Alert, ...]
    joined_matches: Mapping[str, tuple[AlertMatch, ...]]
    moved_uids: Mapping[str, tuple[str, ...]]
    detachments: Mapping[str, str]
    notify_ids: frozenset[str]
    ended_ids: frozenset[str]


def fold_episodes(
    rule: Rule,
    diff: MatchDiff,
    *,
    alerts: Mapping[str, Alert],
    remaining_matches: Iterable[AlertMatch],
    find_alert: AlertFinder,
    keep_content: bool,
    reason: str = "",
    now: datetime,
) -> EpisodeChanges:
    """Let new matches open, extend, bridge, worsen, split or withdraw episodes.

    Args:
        rule: the rule that matched.
        diff: what the batch changes for one dedup key.
        alerts: the stored alerts of that key that it may touch, by id.
        remaining_matches: what is left of the alerts that are rebuilt, in the order of time.
        find_alert: looks up any other alert.
        keep_content: keep of every match what it would show, since it may be evaluated again.
        reason: why matches do not hold any more; empty for the sentence of the kind of rule.
        now: when an alert that is opened here was created.
    """
    items = heapq.merge(
        sorted(_build_items(diff, alerts), key=lambda item: item.start),
        (_build_remaining_item(match, alerts) for match in remaining_matches),
        key=lambda item: item.start,
    )
    episodes = grouping.group_episodes(items, rule.dedup_window)
    episode_alerts = identity.assign_alerts(
        rule, episodes, diff, alerts=alerts, find_alert=find_alert, now=now
    )
    ended = [
        *_merge_alerts(episode_alerts, alerts),
        *_withdraw_alerts(rule, diff, episode_alerts, alerts, reason),
    ]
    joined = {
        item.alert.id: _build_joined_matches(item, keep_content=keep_content)
        for item in episode_alerts
        if item.episode.new_matches
    }
    current = [item.alert for item in episode_alerts] + ended
    changed = [alert for alert in current if alert.id in joined or alerts.get(alert.id) != alert]
    joined_ids = {item.alert.id for item in episode_alerts if _has_newcomer(item, alerts)}
    notified = {
        alert.id: _mark_notified(alert)
        for alert in changed
        if alert.id in joined_ids or needs_notification(alert)
    }
    return EpisodeChanges(
        org=diff.org,
        rule=rule.name,
        notified_severity=rule.notified_severity,
        alerts=tuple(notified.get(alert.id, alert) for alert in changed),
        joined_matches=joined,
        moved_uids={
            item.alert.id: uids for item in episode_alerts if (uids := _list_moved_uids(item))
        },
        detachments=diff.detachments,
        notify_ids=frozenset(notified),
        ended_ids=frozenset(alert.id for alert in ended),
    )


def _build_items(diff: MatchDiff, alerts: Mapping[str, Alert]) -> Iterator[EpisodeItem]:
    for alert in alerts.values():
        if not identity.has_ended(alert) and alert.id not in diff.rebuild_ids:
            total = alert_summary.summarize_alert(alert)
            remaining = total.count - diff.recounts.get(alert.id, 0)
            yield EpisodeItem(summary=replace(total, count=remaining), whole_alert_id=alert.id)
    for match in diff.new_matches:
        source = diff.detachments.get(match.event_uid, "")
        former_id = source if source in diff.rebuild_ids else ""
        yield EpisodeItem(
            summary=summary.summarize_match(match),
            former_alert_id=former_id,
            is_opener=bool(former_id) and _is_opener(match.event_uid, alerts[former_id]),
            new_match=match,
        )


def _build_remaining_item(match: AlertMatch, alerts: Mapping[str, Alert]) -> EpisodeItem:
    return EpisodeItem(
        summary=summary.summarize_alert_match(match),
        former_alert_id=match.alert_id,
        is_opener=_is_opener(match.event_uid, alerts[match.alert_id]),
    )


def _is_opener(event_uid: str, alert: Alert) -> bool:
    return alert_summary.get_fold_state(alert).identity_uid == event_uid


# ---- what has ended


def _merge_alerts(
    episode_alerts: Sequence[EpisodeAlert], alerts: Mapping[str, Alert]
) -> Iterator[Alert]:
    for item in episode_alerts:
        for merged_id in item.merged_ids:
            yield replace(
                _reset_notified(alerts[merged_id]),
                status=AlertStatus.MERGED,
                merged_into=item.alert.id,
            )


def _withdraw_alerts(
    rule: Rule,
    diff: MatchDiff,
    episode_alerts: Sequence[EpisodeAlert],
    alerts: Mapping[str, Alert],
    reason: str,
) -> Iterator[Alert]:
    """The rebuilt alerts without a match, withdrawn: they keep their values, and have a reason."""
    remaining = {alert_id for item in episode_alerts for alert_id in item.episode.former_alert_ids}
    succeeded = {item.alert.id for item in episode_alerts}
    for alert_id in sorted(diff.rebuild_ids - remaining - succeeded):
        alert = replace(_reset_notified(alerts[alert_id]), status=AlertStatus.WITHDRAWN)
        yield replace(alert, reason=reason or _describe_withdrawal(rule))


def _reset_notified(alert: Alert) -> Alert:
    """The alert as if it was never notified: should it come back, it is notified again."""
    return replace(alert, told_severity=Severity.INFORMATIONAL, told_count=0)


def _describe_withdrawal(rule: Rule) -> str:
    if isinstance(rule.aggregation, FirstSeen):
        return "An older event came late: this one was not the first of its kind."
    if rule.absent_rules:
        return "What had not come has come late."
    return "With the events that came late, the condition of the rule does not hold."


# ---- what is notified, and what is stored


def needs_notification(alert: Alert) -> bool:
    """Whether an alert says more than what was last told of it, by so much that it is told."""
    if alert.status == AlertStatus.MERGED:
        return False
    if alert.revision == 0 or alert.severity > alert.told_severity:
        return True
    return alert.count >= RENOTIFY_FACTOR * alert.told_count


def _has_newcomer(item: EpisodeAlert, alerts: Mapping[str, Alert]) -> bool:
    """Whether a user, address or app is in it that was in none of the alerts that it goes on."""
    before = [alerts[name] for name in (item.alert.id, *item.merged_ids) if name in alerts]
    known = merge_participants(alert_summary.get_participants(alert) for alert in before)
    return has_newcomer(known, item.episode.summary.participant_origins)


def _mark_notified(alert: Alert) -> Alert:
    if alert.status == AlertStatus.WITHDRAWN:
        return replace(alert, revision=alert.revision + 1)
    return replace(
        alert, revision=alert.revision + 1, told_severity=alert.severity, told_count=alert.count
    )


def _build_joined_matches(item: EpisodeAlert, *, keep_content: bool) -> tuple[AlertMatch, ...]:
    source_uids = item.episode.summary.source_uids
    return tuple(
        summary.build_alert_match(
            match, item.alert.id, with_content=keep_content or match.event_uid in source_uids
        )
        for match in item.episode.new_matches
    )


def _list_moved_uids(item: EpisodeAlert) -> tuple[str, ...]:
    own_id = item.alert.id
    return tuple(uid for uid, alert_id in item.episode.remaining_matches if alert_id != own_id)
