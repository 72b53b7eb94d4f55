"""The stored alerts that the matches of one rule may touch, read in few statements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from collector import alerting
from collector.alerting.flooding import floor_to_hour
from collector.model import Alert, Match, Rule
from collector.store import alerts as alert_store
from collector.store.alerts import TimeSpan

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NearbyAlerts:
    """Alerts of one rule and org, as they are before a transaction changes them."""

    connection: sa.Connection
    org: str
    rule: Rule
    _alerts_by_key: dict[tuple[str, ...], list[Alert]] = field(default_factory=dict)
    _alerts_by_id: dict[str, Alert | None] = field(default_factory=dict)

    @property
    def keys(self) -> AbstractSet[tuple[str, ...]]:
        """The dedup keys that have a loaded alert."""
        return self._alerts_by_key.keys()

    def load_alerts(self, matches: Iterable[Match]) -> None:
        """Load what the matches may join or bring back, by their dedup keys."""
        by_key: dict[tuple[str, ...], list[Match]] = {}
        for match in matches:
            by_key.setdefault(match.key, []).append(match)
        if not by_key:
            return
        window = self.rule.dedup_window
        self._alerts_by_key.update(
            alert_store.find_nearby_alerts(
                self.connection,
                org=self.org,
                rule=self.rule.name,
                spans={key: _compute_span(group, window) for key, group in by_key.items()},
            )
        )
        self._load_opened_alerts(by_key)

    def select_alerts(self, key: tuple[str, ...]) -> dict[str, Alert]:
        """The loaded alerts of a dedup key, by id."""
        return {alert.id: alert for alert in self._alerts_by_key.get(key, ())}

    def find_alert(self, alert_id: str) -> Alert | None:
        """The alert with that id; None where there is none."""
        if alert_id not in self._alerts_by_id:
            self._alerts_by_id[alert_id] = alert_store.find_alert(self.connection, alert_id)
        return self._alerts_by_id[alert_id]

    def count_hourly_alerts(self, matches: Iterable[Match]) -> Mapping[datetime, int]:
        """By hour, how many stored alerts began in the hours of matches without an alert."""
        hours = {floor_to_hour(match.time) for match in matches if match.key not in self.keys}
        if not hours:
            return {}
        first_times = alert_store.list_first_times(
            self.connection,
            org=self.org,
            rule=self.rule.name,
            between=(min(hours), max(hours) + _HOUR),
        )
        return Counter(map(floor_to_hour, first_times))

    def _load_opened_alerts(self, by_key: Mapping[tuple[str, ...], Iterable[Match]]) -> None:
        """Load the alerts that one of the matches has opened before."""
        ids = {
            alerting.build_alert_id(self.org, self.rule.name, key, opener.event_uid)
            for key, group in by_key.items()
            for opener in _list_openers(group, self.rule.dedup_window)
        }
        found = {alert.id: alert for alert in alert_store.read_alerts(self.connection, ids)}
        self._alerts_by_id.update({alert_id: found.get(alert_id) for alert_id in ids})


def _compute_span(matches: Iterable[Match], window: timedelta) -> TimeSpan:
    times = [match.time for match in matches]
    return min(times) - window, max(times) + window


def _list_openers(matches: Iterable[Match], window: timedelta) -> Iterable[Match]:
    """The matches that begin an episode, were there no others than these."""
    end: datetime | None = None
    for match in sorted(matches, key=lambda match: (match.time, match.event_uid)):
        if end is None or match.time > end + window:
            yield match
        end = match.time
