"""A collector that lives through ordinary days and thefts, and what it told meanwhile."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from collector import clock
from collector.app.configuration import read_configuration
from collector.app.wiring import Collector, open_collector
from collector.demo import EmbeddedOrg, OrgBehaviour, OrgStore
from collector.detect import RuleSet
from collector.model import Alert, Severity
from collector.store import alerts, tables
from fakes.collector_setup import poll_sources, write_config
from fakes.manual_clock import ManualClock
from fakes.month.calendar import DAY, HOUR, OrdinaryMonth, ServedDay
from fakes.month.campaigns import CAMPAIGNS, Target

QUIET_PASSES, BUSY_PASSES = 2, 48
"""Passes a day: on ordinary days, and on one whose alerts are timed."""

STORED = (
    *("ApiEvent", "BulkApiResultEventStore", "ListViewEvent", "LoginAsEvent", "LoginEvent"),
    *("LogoutEvent", "ReportEvent"),
)
CAMPAIGN_STEP = timedelta(minutes=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthOfAlerts:
    """The alerts of the days after learning, and which of them a channel was told."""

    alerts: tuple[Alert, ...]
    told: frozenset[str]
    weeks: float

    def count_rules(self) -> dict[tuple[str, Severity], tuple[int, int]]:
        """How many alerts each rule has by severity, and how many of them were told."""
        raised = Counter((alert.rule, alert.severity) for alert in self.alerts)
        told = Counter(
            (alert.rule, alert.severity) for alert in self.alerts if alert.id in self.told
        )
        return {key: (raised[key], told[key]) for key in sorted(raised)}

    def count_told_a_week(self, least: Severity) -> float:
        """How many alerts of a severity or above a channel was told a week, on average."""
        graver = [one for one in self.alerts if one.id in self.told and one.severity >= least]
        return len(graver) / self.weeks


@dataclass(slots=True, kw_only=True)
class WatchedCompany:
    """The company's org, and a collector with the shipped rules and default settings."""

    store: OrgStore
    moment: ManualClock
    collector: Collector

    def live(self, day: ServedDay, *, passes: int) -> None:
        """Collect what appears through a day, in so many passes."""
        day.serve(self.store)
        for number in range(passes):
            self.moment.now = day.start + (number + 1) * DAY / passes
            self.collect()

    def learn(self, days: Iterable[ServedDay]) -> None:
        """Collect days without a rule at work: what rules remember, they learn of the archive."""
        pipeline = self.collector.pipeline
        pipeline.set_rules(RuleSet(rules=()))
        for day in days:
            self.live(day, passes=QUIET_PASSES)
        pipeline.set_rules(self.collector.rule_reloader.rules)

    def collect(self) -> None:
        """One pass over all sources, and what the daemon does after it."""
        for polled in poll_sources(self.collector):
            assert not polled.reason, polled
        self.collector.pipeline.settle_directory()
        self.collector.pipeline.fold_unfolded_matches()
        self.collector.pipeline.compactor.compact_recent_days()
        self.collector.deliverer.drain_channels()

    def list_alerts(self, since: datetime) -> list[Alert]:
        """The alerts about what happened since then."""
        with self.collector.database.read() as connection:
            found = alerts.list_alerts(connection)
        return [alert for alert in found if alert.first_time >= since]

    def list_told(self) -> frozenset[str]:
        """The ids of the alerts that were to be sent."""
        with self.collector.database.read() as connection:
            return frozenset(connection.scalars(sa.select(tables.deliveries.c.alert_id)))


@contextmanager
def watch_company(month: OrdinaryMonth, folder: Path) -> Iterator[WatchedCompany]:
    """A collector on a state of its own, before the first day."""
    moment = ManualClock(month.first_day)
    store = OrgStore()
    for name, rows in month.build_directory().items():
        store.add_rows(name, *rows)
    behaviour = OrgBehaviour(daily_call_limit=100_000_000)
    with clock.simulate_time(moment), EmbeddedOrg(store, behaviour=behaviour, clock=moment) as org:
        settings = read_configuration(_configure(folder, org), {}).settings
        with open_collector(settings) as collector:
            collector.rule_reloader.begin()
            yield WatchedCompany(store=store, moment=moment, collector=collector)


def live_through(
    month: OrdinaryMonth, folder: Path, *, learning_days: int, days: int
) -> MonthOfAlerts:
    """Collect ordinary days; what is told after those to learn from counts."""
    served = month.list_days(learning_days + days)
    counted_from = month.first_day + learning_days * DAY
    with watch_company(month, folder) as company:
        company.learn(itertools.islice(served, learning_days))
        for day in served:
            company.live(day, passes=QUIET_PASSES)
        end = company.moment.now
        company.moment.now = end + 6 * HOUR
        company.collect()
        return MonthOfAlerts(
            alerts=tuple(company.list_alerts(counted_from)),
            told=company.list_told(),
            weeks=(end - counted_from) / timedelta(days=7),
        )


def live_through_campaigns(
    month: OrdinaryMonth, folder: Path, *, learning_days: int
) -> dict[str, list[tuple[Alert, timedelta]]]:
    """After ordinary days, one with all campaigns; by campaign the alerts, and how soon each came.

    An alert belongs to the campaign that began last before its first event.
    """
    with watch_company(month, folder) as company:
        company.learn(month.list_days(learning_days))
        bad_day, begins = build_campaign_day(month, learning_days)
        company.live(bad_day, passes=BUSY_PASSES)
        company.moment.now += 6 * HOUR
        company.collect()
        found: dict[str, list[tuple[Alert, timedelta]]] = {name: [] for name in CAMPAIGNS}
        for alert in company.list_alerts(min(begins.values())):
            name = max(
                (each for each in begins if begins[each] <= alert.first_time),
                key=begins.__getitem__,
            )
            found[name].append((alert, alert.created - begins[name]))
    return found


def build_campaign_day(month: OrdinaryMonth, number: int) -> tuple[ServedDay, dict[str, datetime]]:
    """A day with every campaign, one after the other, with hourly files; and when each begins."""
    day = month.open_day(number)
    target = Target(day=day, people=month.people, reports=month.reports)
    begins = {
        name: day.start + HOUR + position * CAMPAIGN_STEP for position, name in enumerate(CAMPAIGNS)
    }
    jobs = [job for name, campaign in CAMPAIGNS.items() for job in campaign(target, begins[name])]
    served = ServedDay(
        start=day.start,
        files=tuple(day.event_log.build_files(random.Random(number))),
        rows={name: tuple(rows) for name, rows in day.rows.items()},
        jobs=tuple(jobs),
    )
    return served, begins


def _configure(folder: Path, org: EmbeddedOrg) -> Path:
    """All sources, a channel, and nothing else that was chosen."""
    chosen = {
        "event_log_file": {"settle": "0s", "lookback": "2d"},
        "stored_events": {"objects": list(STORED), "lookback": "1d", "big_objects_every": "1m"},
        "setup_audit_trail": {},
        "login_history": {},
        "directory": {},
        "oauth_tokens": {},
        "bulk_jobs": {},
    }
    path = write_config(folder, org, channels={"desk": {"type": "terminal"}})
    document = json.loads(path.read_text())
    document["orgs"][0]["sources"] |= chosen
    document["orgs"][0]["api_budget_percent"] = 100
    path.write_text(json.dumps(document))
    return path
