"""What a batch says anew of matches that are stored: which episodes it leaves as they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from collector.alerting import basis, summary
from collector.model import Alert, Match, Member


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """The news of a batch to the episodes of one dedup key.

    Attributes:
        org, key: whose they are.
        fresh: matches that are new, or not what they were.
        taken: by uid of the event, the alert that it is no longer in as it was.
        fewer: by alert, how many events of it are counted again with a fresh match.
        broken: alerts that are to be made anew from the members that are left.
    """

    org: str
    key: tuple[str, ...]
    fresh: tuple[Match, ...]
    taken: Mapping[str, str]
    fewer: Mapping[str, int]
    broken: frozenset[str]


def compare(
    org: str,
    key: tuple[str, ...],
    matches: Iterable[Match],
    gone: Collection[str],
    *,
    stored: Mapping[str, Member],
    alerts: Mapping[str, Alert],
) -> News:
    """Compare matches of one key, and uids whose matches do not hold any more, with what is stored.

    An alert is broken where it would be wrong about anything but its count. `stored` holds, by uid,
    what the key's alerts have of the events; `alerts` holds those alerts.
    """
    fresh: list[Match] = []
    taken = {uid: stored[uid].alert_id for uid in gone if uid in stored}
    broken = set(taken.values())
    fewer: Counter[str] = Counter()
    sources = cache(lambda alert_id: basis.of_alert(alerts[alert_id]).sources)
    for match in matches:
        known = stored.get(match.event_uid)
        if known is not None:
            if _is_same(known, match):
                continue
            taken[match.event_uid] = known.alert_id
            if known.time == match.time and known.event_uid not in sources(known.alert_id):
                fewer[known.alert_id] += known.count
            else:
                broken.add(known.alert_id)
        fresh.append(match)
    return News(
        org=org,
        key=key,
        fresh=tuple(fresh),
        taken=taken,
        fewer=fewer,
        broken=frozenset(broken),
    )


def _is_same(known: Member, match: Match) -> bool:
    return known == summary.member(match, known.alert_id, whole=known.shown is not None)
