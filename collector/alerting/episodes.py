"""Episodes: matches of one rule and one dedup key become alerts, in event time.

Pure functions: what is stored already comes in, what is to be stored goes out.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from collector.alerting import basis, chain, naming, summary
from collector.alerting.chain import Link
from collector.alerting.compare import News
from collector.alerting.naming import Find, Named
from collector.model import MERGED, WITHDRAWN, Alert, FirstSeen, Member, Rule, Severity

WORSE_FACTOR = 10
"""An episode with this many times the events that people were told of is told again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """What a batch did to the episodes of one dedup key.

    Attributes:
        org, rule: whose alerts they are.
        alerts: those that changed, or whose members did, as they are now.
        joined: by alert id, the members that newly belong to it or are not what they were.
        moved: by alert id, the uids of members that came to it from another one, as they were.
        taken: by uid, the alert in which the event is no member any more as it was.
        tell: ids of the alerts that have something new to say; their revision has grown.
        ended: ids of the alerts that were merged into another one or withdrawn by this.
    """

    org: str
    rule: str
    alerts: tuple[Alert, ...]
    joined: Mapping[str, tuple[Member, ...]]
    moved: Mapping[str, tuple[str, ...]]
    taken: Mapping[str, str]
    tell: frozenset[str]
    ended: frozenset[str]


def fold(
    rule: Rule,
    news: News,
    *,
    alerts: Mapping[str, Alert],
    members: Iterable[Member],
    find: Find,
    keep: bool,
    reason: str = "",
    now: datetime,
) -> Folded:
    """Let what is new open, extend, bridge, worsen, split or withdraw episodes.

    Args:
        rule: the rule that matched.
        news: the news.
        alerts: the stored alerts of that key that the news may touch, by id.
        members: what is left of the alerts that are broken, in the order of time.
        find: looks up any other alert.
        keep: remember of every match what it would show, since it may be judged again.
        reason: why matches do not hold any more, where more is known than the kind of rule.
        now: when an alert that is opened here was created.
    """
    links = heapq.merge(
        sorted(_links(news, alerts), key=lambda link: link.start),
        (_remaining(member, alerts) for member in members),
        key=lambda link: link.start,
    )
    chains = chain.chained(links, rule.dedup_window)
    named = naming.named(rule, chains, news, alerts=alerts, find=find, now=now)
    ended = [*_merged(named, alerts), *_withdrawn(rule, news, named, alerts, reason)]
    joined = {one.alert.id: _joined(one, keep=keep) for one in named if one.chain.fresh}
    after = [one.alert for one in named] + ended
    changed = [alert for alert in after if alert.id in joined or alerts.get(alert.id) != alert]
    told = {alert.id: _told(alert) for alert in changed if _has_news(alert)}
    return Folded(
        org=news.org,
        rule=rule.name,
        alerts=tuple(told.get(alert.id, alert) for alert in changed),
        joined=joined,
        moved={one.alert.id: moved for one in named if (moved := _moved(one))},
        taken=news.taken,
        tell=frozenset(told),
        ended=frozenset(alert.id for alert in ended),
    )


def _links(news: News, alerts: Mapping[str, Alert]) -> Iterator[Link]:
    for alert in alerts.values():
        if not naming.is_over(alert) and alert.id not in news.broken:
            whole = basis.of_alert(alert)
            remaining = whole.count - news.fewer.get(alert.id, 0)
            yield Link(summary=replace(whole, count=remaining), whole=alert.id)
    for match in news.fresh:
        source = news.taken.get(match.event_uid, "")
        part_of = source if source in news.broken else ""
        yield Link(
            summary=summary.of_match(match),
            part_of=part_of,
            is_opener=bool(part_of) and _opened(match.event_uid, alerts[part_of]),
            fresh=match,
        )


def _remaining(member: Member, alerts: Mapping[str, Alert]) -> Link:
    return Link(
        summary=summary.of_member(member),
        part_of=member.alert_id,
        is_opener=_opened(member.event_uid, alerts[member.alert_id]),
    )


def _opened(event_uid: str, alert: Alert) -> bool:
    return bool(alert.basis["opened"] == event_uid)


# ---- what has ended


def _merged(named: Sequence[Named], alerts: Mapping[str, Alert]) -> Iterator[Alert]:
    for one in named:
        for gone in one.merged:
            yield replace(_untold(alerts[gone]), status=MERGED, merged_into=one.alert.id)


def _withdrawn(
    rule: Rule,
    news: News,
    named: Sequence[Named],
    alerts: Mapping[str, Alert],
    reason: str,
) -> Iterator[Alert]:
    """The broken alerts of which nothing is left, nor came in its place.

    They keep what they said, and say why it does not hold.
    """
    left = {part for one in named for part in one.chain.parts}
    followed = {one.alert.id for one in named}
    for gone in sorted(news.broken - left - followed):
        why = reason or _usual_reason(rule)
        yield replace(_untold(alerts[gone]), status=WITHDRAWN, reason=why)


def _untold(alert: Alert) -> Alert:
    """Should it come back, it is told again."""
    return replace(alert, told_severity=Severity.INFORMATIONAL, told_count=0)


def _usual_reason(rule: Rule) -> str:
    if isinstance(rule.over, FirstSeen):
        return "An older event came late: this one was not the first of its kind."
    return "With the events that came late, the condition of the rule does not hold."


# ---- what is told, and what is remembered


def _has_news(alert: Alert) -> bool:
    if alert.status == MERGED:
        return False
    if alert.revision == 0 or alert.severity > alert.told_severity:
        return True
    return alert.count >= WORSE_FACTOR * alert.told_count


def _told(alert: Alert) -> Alert:
    if alert.status == WITHDRAWN:
        return replace(alert, revision=alert.revision + 1)
    return replace(
        alert,
        revision=alert.revision + 1,
        told_severity=alert.severity,
        told_count=alert.count,
    )


def _joined(one: Named, *, keep: bool) -> tuple[Member, ...]:
    shown = one.chain.total.sources
    return tuple(
        summary.member(match, one.alert.id, whole=keep or match.event_uid in shown)
        for match in one.chain.fresh
    )


def _moved(one: Named) -> tuple[str, ...]:
    return tuple(uid for uid, alert_id in one.chain.members if alert_id != one.alert.id)
