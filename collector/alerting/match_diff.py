"""What a batch changes in stored matches, and which alerts have to be rebuilt for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from collector.alerting import alert_summary, summary
from collector.model import Alert, AlertMatch, Match


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchDiff:
    """What a batch changes in the episodes of one dedup key.

    Attributes:
        org, key: whose they are.
        new_matches: matches that are new, or not what they were.
        detachments: by uid of the event, the alert that it is no longer in as it was.
        recounts: by alert, how many events of it are counted again with a new match.
        rebuild_ids: alerts that are to be rebuilt from the matches that are left.
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

    An alert is rebuilt where it would be wrong about anything but its count. `stored_matches` has,
    by uid, what the key's alerts have of the events; `alerts` has those alerts.
    """
    new_matches: list[Match] = []
    detachments = {
        uid: stored_matches[uid].alert_id for uid in withdrawn_uids if uid in stored_matches
    }
    rebuild_ids = set(detachments.values())
    recounts: Counter[str] = Counter()
    find_source_uids = cache(
        lambda alert_id: alert_summary.summarize_alert(alerts[alert_id]).source_uids
    )
    for match in matches:
        stored = stored_matches.get(match.event_uid)
        if stored is not None:
            if _is_unchanged(stored, match):
                continue
            detachments[match.event_uid] = stored.alert_id
            if stored.time == match.time and stored.event_uid not in find_source_uids(
                stored.alert_id
            ):
                recounts[stored.alert_id] += stored.count
            else:
                rebuild_ids.add(stored.alert_id)
        new_matches.append(match)
    return MatchDiff(
        org=org,
        key=key,
        new_matches=tuple(new_matches),
        detachments=detachments,
        recounts=recounts,
        rebuild_ids=frozenset(rebuild_ids),
    )


def _is_unchanged(stored: AlertMatch, match: Match) -> bool:
    return stored == summary.build_alert_match(
        match, stored.alert_id, with_content=stored.shown is not None
    )
