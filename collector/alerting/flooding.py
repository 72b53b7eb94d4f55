"""A rule that floods: what goes beyond some hundred alerts of an hour becomes one alert.

Pure functions. Up to the limit alerts are the same whatever the order in which matches come; which
of them stand by themselves beyond it depends on that order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from collector.alerting.folding import EpisodeChanges
from collector.escaping import truncate_text
from collector.model import Alert, Match, Rule, Severity

FLOOD_LIMIT = 200
"""Alerts of one rule, org and hour of event time; further ones become one."""

CRITICAL_LIMIT = 2 * FLOOD_LIMIT
"""So many if they are critical: whoever floods a rule with lesser matches buries none of these."""

GROUP_FIELDS = ("user_name", "source_ip", "app_name", "user_agent", "entity")
"""The columns whose most frequent values a flood shows."""

KEPT_VALUES = 30
"""Values that are counted of each of these columns; of rarer ones the count is forgotten."""

MAX_VALUE_LENGTH = 120

CONTEXT_KIND = "flood"
_KEY_NAME = "flood"

DedupKey = tuple[str, ...]


def floor_to_hour(moment: datetime) -> datetime:
    """The beginning of its hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


def build_flood_key(moment: datetime) -> DedupKey:
    """The dedup key of what a rule floods with in an hour."""
    return _KEY_NAME, f"{floor_to_hour(moment):%Y-%m-%dT%H:%MZ}"


def is_flood_key(key: DedupKey) -> bool:
    """Whether it is a key of `build_flood_key`."""
    return len(key) == 2 and key[0] == _KEY_NAME


def redirect_flood(
    rule: Rule,
    matches: Mapping[str, Match],
    *,
    flood_keys: Mapping[str, DedupKey],
    known_keys: Collection[DedupKey],
    alert_counts: Mapping[datetime, int],
) -> dict[str, Match]:
    """The matches by uid, those of a flood with its key.

    Args:
        rule: the rule that matched.
        matches: by uid.
        flood_keys: by uid, the flood that has the event already: it stays there.
        known_keys: dedup keys with an alert that the matches may join.
        alert_counts: by hour, how many alerts of the rule begin in it.
    """
    counts = dict(alert_counts)
    accepted_keys = set(known_keys)
    redirected: dict[str, Match] = {}
    for uid, match in sorted(matches.items(), key=lambda item: (item[1].time, item[0])):
        if uid in flood_keys:
            redirected[uid] = _redirect_match(rule, match, flood_keys[uid])
            continue
        hour = floor_to_hour(match.time)
        if match.key in accepted_keys:
            redirected[uid] = match
        elif counts.get(hour, 0) < _get_limit(match):
            counts[hour] = counts.get(hour, 0) + 1
            accepted_keys.add(match.key)
            redirected[uid] = match
        else:
            redirected[uid] = _redirect_match(rule, match, build_flood_key(match.time))
    return redirected


def describe_flood(
    changes: EpisodeChanges, *, alerts: Mapping[str, Alert], matches: Iterable[Match]
) -> EpisodeChanges:
    """The changes of a flood's alerts, which say what most of their matches have in common.

    `alerts` are the stored ones before, by id; `matches` are what is folded.
    """
    events = {match.event_uid: match.event for match in matches}
    absorbed: dict[str, list[Alert]] = {}
    for alert in changes.alerts:
        absorbed.setdefault(alert.merged_into or alert.id, []).append(alert)
    described = []
    for alert in changes.alerts:
        totals = _count_values(
            events[match.event_uid]
            for match in changes.joined_matches.get(alert.id, ())
            if match.event_uid in events
        )
        for part in absorbed.get(alert.id, ()):
            if part.id in alerts:
                totals = _add_counts(totals, _read_counts(alerts[part.id]))
        described.append(replace(alert, context=(_build_entry(alert, totals),)))
    return replace(changes, alerts=tuple(described))


def _get_limit(match: Match) -> int:
    return CRITICAL_LIMIT if match.severity == Severity.CRITICAL else FLOOD_LIMIT


def _redirect_match(rule: Rule, match: Match, key: DedupKey) -> Match:
    title = (
        f"{rule.name}: over {FLOOD_LIMIT} alerts in an hour, the others are together in this one"
    )
    return replace(match, key=key, title=title, entities={}, context=())


def _count_values(events: Iterable[Mapping[str, Any]]) -> dict[str, Counter[str]]:
    totals: dict[str, Counter[str]] = {name: Counter() for name in GROUP_FIELDS}
    for event in events:
        for name, counter in totals.items():
            if (value := event.get(name)) is not None:
                counter[truncate_text(str(value), MAX_VALUE_LENGTH)] += 1
    return totals


def _add_counts(
    left: Mapping[str, Counter[str]], right: Mapping[str, Counter[str]]
) -> dict[str, Counter[str]]:
    return {name: left.get(name, Counter()) + right.get(name, Counter()) for name in GROUP_FIELDS}


def _read_counts(alert: Alert) -> dict[str, Counter[str]]:
    """What a stored alert says of its groups."""
    return {
        name: Counter(counts)
        for entry in alert.context
        if entry.get("kind") == CONTEXT_KIND
        for name, counts in entry.get("groups", {}).items()
    }


def _rank_count(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _build_entry(alert: Alert, totals: Mapping[str, Counter[str]]) -> dict[str, Any]:
    return {
        "kind": CONTEXT_KIND,
        "limit": FLOOD_LIMIT,
        "hour": alert.key[1],
        "groups": {
            name: dict(sorted(counter.items(), key=_rank_count)[:KEPT_VALUES])
            for name, counter in totals.items()
            if counter
        },
    }
