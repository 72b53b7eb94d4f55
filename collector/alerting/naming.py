"""Which alert an episode is: one that is stored, as long as any of it goes on, else a new one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

from collector.alerting import basis, chain
from collector.alerting.chain import Chain
from collector.alerting.compare import News
from collector.model import MERGED, OPEN, WITHDRAWN, Alert, Rule

Find = Callable[[str], Alert | None]
"""The stored alert with an id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An episode, its alert, and the ids of the alerts that were merged into that one."""

    chain: Chain
    alert: Alert
    merged: tuple[str, ...] = ()


def named(
    rule: Rule,
    chains: Sequence[Chain],
    news: News,
    *,
    alerts: Mapping[str, Alert],
    find: Find,
    now: datetime,
) -> list[Named]:
    """Each episode with its alert, which says what the episode comes to.

    Of several alerts that are one episode now, the one that was created first goes on. Of one that
    fell apart, the part with the event that opened it does. One that has lost all it had goes on
    with what came in its place.
    """
    heirs = {broken: chain.heir(chains, broken) for broken in news.broken}
    claims = [[alerts[name] for name in _claims(found, heirs)] for found in chains]
    taken = {alert.id for claimed in claims for alert in claimed}
    free = [
        alert
        for alert in alerts.values()
        if alert.status == WITHDRAWN or (alert.id in heirs and heirs[alert.id] is None)
    ]
    made = []
    for found, claimed in zip(chains, claims, strict=True):
        before = min(claimed, key=_age, default=None)
        if before is None:
            before = _free(rule, found, free, taken)
        if before is None:
            before = _opened(rule, found, news, taken=taken, find=find, now=now)
        taken.add(before.id)
        merged = tuple(alert.id for alert in claimed if alert.id != before.id)
        made.append(Named(chain=found, alert=_holding(before, found), merged=merged))
    return made


def is_over(alert: Alert) -> bool:
    """Whether no match belongs to it any more."""
    return alert.status in (MERGED, WITHDRAWN)


def _claims(found: Chain, heirs: Mapping[str, Chain | None]) -> list[str]:
    return [*found.wholes, *(broken for broken in found.parts if heirs[broken] is found)]


def _age(alert: Alert) -> tuple[datetime, str]:
    return alert.created, alert.id


def _holding(before: Alert, found: Chain) -> Alert:
    after = basis.applied(before, found.total)
    return replace(after, status=OPEN, merged_into="", reason="") if is_over(before) else after


def _free(rule: Rule, found: Chain, free: Iterable[Alert], taken: set[str]) -> Alert | None:
    """An alert of that time without matches: what comes is told where people were told before."""
    first = found.total.first_time - rule.dedup_window
    last = found.total.last_time + rule.dedup_window
    near = (
        alert
        for alert in free
        if alert.id not in taken and first <= alert.last_time and alert.first_time <= last
    )
    return min(near, key=_age, default=None)


def _opened(
    rule: Rule, found: Chain, news: News, *, taken: set[str], find: Find, now: datetime
) -> Alert:
    """A new alert, or an old one that the same event had opened and that is over."""
    for number in count():
        identity = _identity(rule, news, found, number)
        known = find(identity)
        # An alert may go on without the event that opened it; then its id is not free.
        if identity not in taken and (known is None or is_over(known)):
            return known or _blank(rule, news, found, identity, now)
    raise AssertionError


def _identity(rule: Rule, news: News, found: Chain, number: int) -> str:
    named: list[object] = [news.org, rule.name, news.key, found.total.opener[1]]
    text = json.dumps([*named, number] if number else named)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _blank(rule: Rule, news: News, found: Chain, identity: str, now: datetime) -> Alert:
    total = found.total
    return Alert(
        id=identity,
        org=news.org,
        rule=rule.name,
        key=news.key,
        title=total.lead.title,
        severity=total.lead.severity,
        status=OPEN,
        first_time=total.first_time,
        last_time=total.last_time,
        count=total.count,
        late_seconds=total.late_seconds,
        entities={},
        evidence=(),
        description=rule.description,
        attack=rule.attack,
        triage=rule.triage,
        references=rule.references,
        created=now,
        revision=0,
    )
