"""Episodes: matches of one rule and one dedup key become alerts, in event time.

Pure functions: what is stored already comes in, what is to be stored goes out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collector.alerting.evidence import EVIDENCE_LIMIT, evidence
from collector.model import Alert, Match, Rule

WORSE_FACTOR = 10
"""An episode with this many times the events that people were told of is told again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """What a batch did to the episodes of one dedup key.

    Attributes:
        alerts: those that changed, as they are now.
        joined: by alert id, the uids of the events that newly belong to it.
        tell: ids of the alerts that have something new to say; their revision has grown.
    """

    alerts: tuple[Alert, ...]
    joined: Mapping[str, tuple[str, ...]]
    tell: frozenset[str]


def fold(
    rule: Rule,
    matches: Iterable[Match],
    *,
    known: Sequence[Alert],
    owners: Mapping[str, str],
    now: datetime,
) -> Folded:
    """Let matches of one key open, extend or worsen episodes.

    Args:
        rule: the rule that matched.
        matches: all of one org, one rule and one key; their order does not matter.
        known: the stored alerts of that key whose span the matches may touch.
        owners: for events that already belong to an alert, its id. They are not counted again,
            but may have grown worse (a bulk job that went on).
        now: when an alert that is opened here was created.
    """
    before = {alert.id: alert for alert in known}
    current = dict(before)
    joined: dict[str, list[str]] = {}
    for match in sorted(matches, key=lambda match: (match.time, match.event_uid)):
        owner = current.get(owners.get(match.event_uid, ""))
        if owner is not None:
            current[owner.id] = _seen_again(owner, match)
            continue
        home = _home(current.values(), match, rule.dedup_window)
        alert = _extend(home, match) if home else _open(rule, match, now)
        current[alert.id] = alert
        joined.setdefault(alert.id, []).append(match.event_uid)
    changed = [alert for alert in current.values() if before.get(alert.id) != alert]
    told = {alert.id: _told(alert) for alert in changed if _has_news(alert)}
    return Folded(
        alerts=tuple(told.get(alert.id, alert) for alert in changed),
        joined={alert_id: tuple(uids) for alert_id, uids in joined.items()},
        tell=frozenset(told),
    )


def _home(alerts: Iterable[Alert], match: Match, window: timedelta) -> Alert | None:
    near = [
        alert
        for alert in alerts
        if alert.first_time - window <= match.time <= alert.last_time + window
    ]
    return min(near, key=lambda alert: (alert.first_time, alert.id), default=None)


def _open(rule: Rule, match: Match, now: datetime) -> Alert:
    return Alert(
        id=_identity(match),
        org=match.org,
        rule=rule.name,
        key=match.key,
        title=match.title,
        severity=match.severity,
        status="open",
        first_time=match.time,
        last_time=match.time,
        count=1,
        late_seconds=_late(match),
        entities=dict(match.entities),
        evidence=(evidence(match),),
        description=rule.description,
        attack=rule.attack,
        triage=rule.triage,
        references=rule.references,
        created=now,
        revision=0,
    )


def _extend(alert: Alert, match: Match) -> Alert:
    newest = match.time >= alert.last_time
    return replace(
        _worsen(alert, match),
        first_time=min(alert.first_time, match.time),
        last_time=max(alert.last_time, match.time),
        count=alert.count + 1,
        late_seconds=_late(match) if newest else alert.late_seconds,
        evidence=_with_evidence(alert, match),
    )


def _seen_again(alert: Alert, match: Match) -> Alert:
    """The same event once more. If it went on meanwhile, the alert shows its newest state."""
    newest = evidence(match)
    kept = tuple(
        newest if event["event_uid"] == match.event_uid else event for event in alert.evidence
    )
    if kept == alert.evidence:
        return _worsen(alert, match)
    title = match.title if match.severity >= alert.severity else alert.title
    return replace(_worsen(alert, match), evidence=kept, title=title)


def _worsen(alert: Alert, match: Match) -> Alert:
    entities = {**match.entities, **alert.entities}
    if match.severity <= alert.severity:
        return replace(alert, entities=entities)
    return replace(alert, entities=entities, severity=match.severity, title=match.title)


def _with_evidence(alert: Alert, match: Match) -> tuple[Mapping[str, object], ...]:
    if len(alert.evidence) >= EVIDENCE_LIMIT:
        return alert.evidence
    return (*alert.evidence, evidence(match))


def _has_news(alert: Alert) -> bool:
    if alert.revision == 0 or alert.severity > alert.told_severity:
        return True
    return alert.count >= WORSE_FACTOR * alert.told_count


def _told(alert: Alert) -> Alert:
    return replace(
        alert,
        revision=alert.revision + 1,
        told_severity=alert.severity,
        told_count=alert.count,
    )


def _late(match: Match) -> int:
    return max(0, round((match.received - match.time).total_seconds()))


def _identity(match: Match) -> str:
    text = json.dumps([match.org, match.rule, match.key, match.event_uid])
    return hashlib.sha256(text.encode()).hexdigest()[:20]
