"""The days of an ordinary month, one after the other, and what the org serves of each."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collector.demo.org_directory import build_directory_rows
from collector.demo.org_store import BulkJob, OrgLogFile, OrgStore
from collector.demo.people import People, Person, build_collector_user, build_people
from collector.demo.report_activity import Report
from collector.demo.salesforce_ids import IdGenerator
from collector.demo.scenario_day import ScenarioDay
from collector.demo.soql_conditions import SObjectRow
from fakes.month import administration, programs, staff
from fakes.month.daily_log import DAY, DailyLog

HOUR = timedelta(hours=1)
LEARNING_DAYS = 28
"""Before the month, so that what learns from the past has learnt."""

MONTH_DAYS = 28
JOINERS = 12
ROLLOUT_DAY, ROLLOUT_USERS = LEARNING_DAYS + 8, 60

_REPORTS = (
    ("Pipeline by stage", "Opportunity", 900),
    ("Open cases by owner", "Case", 400),
    ("Leads of this week", "Lead", 650),
    ("Renewals, next quarter", "Opportunity", 300),
    ("Accounts by region", "Account", 1_700),
    ("Contacts of the newsletter", "Contact", 4_800),
    ("Invoiced orders", "Order", 2_600),
    ("Commission of the month", "Opportunity", 750),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedDay:
    """What appears in the org through one day: files, records by object, jobs."""

    start: datetime
    files: tuple[OrgLogFile, ...]
    rows: Mapping[str, tuple[SObjectRow, ...]]
    jobs: tuple[BulkJob, ...]

    def serve(self, store: OrgStore) -> None:
        """Let an org have it."""
        store.add_files(self.files)
        store.add_jobs(self.jobs)
        for name, rows in self.rows.items():
            store.add_rows(name, *rows)


class OrdinaryMonth:
    """The company and its days, the same for the same seed.

    Attributes:
        first_day: the midnight at which it begins, a Monday's; UTC.
        reports: the saved reports that people run and export.
    """

    def __init__(
        self, first_day: datetime, *, staff_count: int = 300, rarer_calls: int = 6, seed: int = 11
    ) -> None:
        self.first_day = first_day
        self._rarer_calls = rarer_calls
        self._rng = random.Random(seed)
        self._ids = IdGenerator(self._rng)
        everybody = build_people(self._rng, self._ids)
        self._joiners = everybody.staff[-JOINERS:]
        self._people = replace(everybody, staff=everybody.staff[:-JOINERS][:staff_count])
        self.reports = tuple(
            Report(
                id=self._ids.make_record_id("00O"),
                name=name,
                entity=entity,
                rows=rows,
                headers="[NAME, OWNER, CREATED_DATE, AMOUNT]",
            )
            for name, entity, rows in _REPORTS
        )

    def build_directory(self) -> dict[str, list[SObjectRow]]:
        """The users, apps and reports of the company; joiners come later."""
        runs = [
            {"ReportId": report.id, "Name": report.name, "Format": "Tabular"}
            for report in self.reports
        ]
        collector = build_collector_user("collector@acme.com")
        everybody = replace(self._people, staff=(*self._people.staff, *self._joiners))
        return build_directory_rows(everybody, collector, runs, self._ids)

    def list_days(self, count: int = LEARNING_DAYS + MONTH_DAYS) -> Iterator[ServedDay]:
        """What appears day by day."""
        for number in range(count):
            yield self._live_day(number)

    def open_day(self, number: int) -> ScenarioDay:
        """A day on which nothing has happened yet."""
        start = self.first_day + number * DAY
        return ScenarioDay(self._rng, self._ids, start=start, end=start + DAY)

    def _live_day(self, number: int) -> ServedDay:
        day = self.open_day(number)
        start = day.start
        log = day.event_log = DailyLog(self._ids, start)
        weekday = start.isoweekday()
        jobs = programs.run_programs(
            day, self._people, is_sunday=weekday == 7, rarer_calls=self._rarer_calls
        )
        if weekday < 6:
            self._work(day, number)
        self._interrupt(day, number, weekday)
        return ServedDay(
            start=start,
            files=tuple(log.build_files()),
            rows={name: tuple(rows) for name, rows in day.rows.items()},
            jobs=tuple(jobs),
        )

    def _work(self, day: ScenarioDay, number: int) -> None:
        """An ordinary working day, and the end of a month of the books."""
        people = self._people
        for person in (*people.staff, *self._list_joined(number), people.developer):
            staff.work_a_day(day, staff.choose_place(person, number), self.reports)
        administration.administer(day, people)
        if number % 28 in {24, 25}:
            for person in self._find_team("finance")[:12]:
                staff.close_the_month(day, person, self.reports)

    def _interrupt(self, day: ScenarioDay, number: int, weekday: int) -> None:
        """What comes now and then."""
        people, noon = self._people, day.start + 13 * HOUR
        chosen = people.staff[number * 7 % len(people.staff)]
        leaver = people.staff[5]
        match weekday:
            case 1:
                joiner = self._joiners[number // 7 % JOINERS]
                administration.receive_joiner(day, people, joiner, noon)
            case 2:
                staff.forget_password(day, chosen, noon)
                administration.help_as_user(day, people, chosen, noon + HOUR)
            case 3:
                administration.deploy_code(day, people, noon)
            case 4:
                administration.reset_second_factor(day, people, chosen, noon)
                administration.help_as_user(day, people, chosen, noon + HOUR)
        if number % 14 == 9:
            staff.fetch_case_files(day, self._find_team("support")[3], files=40)
        if number % 28 == 15:
            administration.grant_api_access(day, people, noon)
            administration.upgrade_package(day, people, noon)
        if number % 28 == 16:
            administration.promote(day, people, people.staff[11], noon)
        if number >= LEARNING_DAYS + 3:
            staff.try_stale_password(day, leaver, status="LOGIN_ERROR_USER_INACTIVE")
        self._roll_out(day, number)

    def _roll_out(self, day: ScenarioDay, number: int) -> None:
        if number == ROLLOUT_DAY:
            administration.roll_out_app(day, self._people, day.start + 8 * HOUR)
        if ROLLOUT_DAY < number <= ROLLOUT_DAY + 3:
            first = (number - ROLLOUT_DAY - 1) * ROLLOUT_USERS // 3
            for person in self._people.staff[first : first + ROLLOUT_USERS // 3]:
                at = day.start + timedelta(hours=(10 - person.office.hours_from_utc) % 24)
                administration.adopt_app(day, person, at)

    def _list_joined(self, number: int) -> tuple[Person, ...]:
        return self._joiners[: min(JOINERS, number // 7)]

    def _find_team(self, team: str) -> list[Person]:
        return [person for person in self._people.staff if person.team == team]

    @property
    def people(self) -> People:
        """Everybody but the joiners."""
        return self._people
