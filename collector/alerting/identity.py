"""Which alert an episode is: one that is stored, as long as any of it goes on, else a new one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

from collector.alerting import alert_summary, grouping
from collector.alerting.grouping import Episode
from collector.alerting.match_diff import MatchDiff
from collector.model import Alert, AlertStatus, Rule
from collector.stable_ids import hash_json

_ALERT_ID_DIGITS = 20

AlertFinder = Callable[[str], Alert | None]
"""The stored alert with an id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeAlert:
    """An episode, its alert, and the ids of the alerts that were merged into that one."""

    episode: Episode
    alert: Alert
    merged_ids: tuple[str, ...] = ()


def assign_alerts(
    rule: Rule,
    episodes: Sequence[Episode],
    diff: MatchDiff,
    *,
    alerts: Mapping[str, Alert],
    find_alert: AlertFinder,
    now: datetime,
) -> list[EpisodeAlert]:
    """Each episode with its alert, which has the values of the episode.

    Of several alerts that are one episode now, the one that was created first goes on. Of one that
    fell apart, the part with the event that opened it does. One that has lost all it had goes on
    with the matches that replaced them.
    """
    successors = {name: grouping.find_successor(episodes, name) for name in diff.rebuild_ids}
    claims = [[alerts[name] for name in _list_claimed_ids(each, successors)] for each in episodes]
    used_ids = {alert.id for claimed_alerts in claims for alert in claimed_alerts}
    free_alerts = [
        alert
        for alert in alerts.values()
        if alert.status == AlertStatus.WITHDRAWN
        or (alert.id in successors and successors[alert.id] is None)
    ]
    assigned = []
    for episode, claimed_alerts in zip(episodes, claims, strict=True):
        before = (
            min(claimed_alerts, key=_rank_by_age, default=None)
            or _find_free_alert(rule, episode, free_alerts, used_ids)
            or _open_alert(rule, episode, diff, used_ids=used_ids, find_alert=find_alert, now=now)
        )
        used_ids.add(before.id)
        merged_ids = tuple(alert.id for alert in claimed_alerts if alert.id != before.id)
        after = _apply_episode(before, episode)
        assigned.append(EpisodeAlert(episode=episode, alert=after, merged_ids=merged_ids))
    return assigned


def has_ended(alert: Alert) -> bool:
    """Whether no match belongs to it any more."""
    return alert.status in (AlertStatus.MERGED, AlertStatus.WITHDRAWN)


def _list_claimed_ids(episode: Episode, successors: Mapping[str, Episode | None]) -> list[str]:
    return [
        *episode.whole_alert_ids,
        *(name for name in episode.former_alert_ids if successors[name] is episode),
    ]


def _rank_by_age(alert: Alert) -> tuple[datetime, str]:
    return alert.created, alert.id


def _apply_episode(before: Alert, episode: Episode) -> Alert:
    after = alert_summary.apply_summary(before, episode.summary)
    return (
        replace(after, status=AlertStatus.OPEN, merged_into="", reason="")
        if has_ended(before)
        else after
    )


def _find_free_alert(
    rule: Rule, episode: Episode, free_alerts: Iterable[Alert], used_ids: set[str]
) -> Alert | None:
    """An alert of that time without matches, so that people are notified in the same thread."""
    first = episode.summary.first_time - rule.dedup_window
    last = episode.summary.last_time + rule.dedup_window
    nearby_alerts = (
        alert
        for alert in free_alerts
        if alert.id not in used_ids and first <= alert.last_time and alert.first_time <= last
    )
    return min(nearby_alerts, key=_rank_by_age, default=None)


def _open_alert(
    rule: Rule,
    episode: Episode,
    diff: MatchDiff,
    *,
    used_ids: set[str],
    find_alert: AlertFinder,
    now: datetime,
) -> Alert:
    """A new alert, or one that the same event had opened and that has ended."""
    for number in count():
        alert_id = build_alert_id(
            diff.org, rule.name, diff.key, episode.summary.opener[1], number=number
        )
        stored = find_alert(alert_id)
        # An alert may go on without the event that opened it; then its id is not free.
        if alert_id not in used_ids and (stored is None or has_ended(stored)):
            return stored or _build_blank_alert(rule, diff, episode, alert_id, now)
    raise AssertionError


def build_alert_id(
    org: str, rule: str, key: tuple[str, ...], opener_uid: str, *, number: int = 0
) -> str:
    """The id of the alert that an event opens, where it is free; else that of a higher number."""
    parts: list[object] = [org, rule, key, opener_uid]
    return hash_json([*parts, number] if number else parts, digits=_ALERT_ID_DIGITS)


def _build_blank_alert(
    rule: Rule, diff: MatchDiff, episode: Episode, alert_id: str, now: datetime
) -> Alert:
    summary = episode.summary
    return Alert(
        id=alert_id,
        org=diff.org,
        rule=rule.name,
        key=diff.key,
        title=summary.lead.title,
        severity=summary.lead.severity,
        status=AlertStatus.OPEN,
        first_time=summary.first_time,
        last_time=summary.last_time,
        count=summary.count,
        late_seconds=summary.late_seconds,
        entities={},
        evidence=(),
        description=rule.description,
        attack=rule.attack,
        triage=rule.triage,
        references=rule.references,
        created=now,
        revision=0,
    )
