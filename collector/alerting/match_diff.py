"""What a batch says anew of matches that are stored: which episodes it leaves as they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from collector.alerting import alert_summary, summary
from collector.model import Alert, AlertMatch, Match


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchDiff:
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
    new_matches: tuple[Match, ...]
    detachments: Mapping[str, str]
    recounts: Mapping[str, int]
    rebuild_ids: frozenset[str]


def diff_matches(
    org: str,
    key: tuple[str, ...],
    matches: Iterable[Match],
    withdrawn_uids: Collection[str],
    *,
    stored_matches: Mapping[str, AlertMatch],
    alerts: Mapping[str, Alert],
) -> MatchDiff:
    """Compare matches of one key, and uids whose matches do not hold any more, with what is stored.

    An alert is broken where it would be wrong about anything but its count. `stored` holds, by uid,
    what the key's alerts have of the events; `alerts` holds those alerts.
    """
    fresh: list[Match] = []
    taken = {uid: stored_matches[uid].alert_id for uid in withdrawn_uids if uid in stored_matches}
    broken = set(taken.values())
    fewer: Counter[str] = Counter()
    sources = cache(lambda alert_id: alert_summary.summarize_alert(alerts[alert_id]).source_uids)
    for match in matches:
        known = stored_matches.get(match.event_uid)
        if known is not None:
            if _is_unchanged(known, match):
                continue
            taken[match.event_uid] = known.alert_id
            if known.time == match.time and known.event_uid not in sources(known.alert_id):
                fewer[known.alert_id] += known.count
            else:
                broken.add(known.alert_id)
        fresh.append(match)
    return MatchDiff(
        org=org,
        key=key,
        new_matches=tuple(fresh),
        detachments=taken,
        recounts=fewer,
        rebuild_ids=frozenset(broken),
    )


def _is_unchanged(known: AlertMatch, match: Match) -> bool:
    return known == summary.build_alert_match(
        match, known.alert_id, with_content=known.shown is not None
    )
