"""The scenario: an ordinary day of a fictional company with four attacks."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.demo.attacks import (
    ExpectedAlert,
    simulate_bulk_theft,
    simulate_rogue_package,
    simulate_stolen_token,
)
from collector.demo.event_log import floor_hour
from collector.demo.oauth import ORGANIZATION_ID, ConnectedApp
from collector.demo.org_directory import FOUNDED, build_directory_rows
from collector.demo.org_store import BulkJob, OrgLogFile, OrgStore
from collector.demo.people import People, build_collector_user, build_people
from collector.demo.program_activity import (
    API_CLIENTS,
    build_program_login,
    log_failed_call,
    simulate_bulk_load,
    simulate_client,
    simulate_dashboards,
    simulate_guests,
)
from collector.demo.salesforce_ids import IdGenerator
from collector.demo.scenario_day import ScenarioDay
from collector.demo.setup_changes import simulate_setup_day
from collector.demo.soql_conditions import SObjectRow
from collector.demo.user_activity import build_browser_login, simulate_working_day
from collector.model import Severity

QUIET_MARGIN = timedelta(minutes=10)
"""Nothing happens this long after the start and before the end of the day, so that one pass of a
collector at the end, looking back 24 hours, sees all of it."""


_TOKEN_SECRETS = ("AccessToken", "DeleteToken", "RequestToken")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoScenario:
    """The content of the org.

    Attributes:
        start, end: the day; everything is visible by `end`.
        files: event log files: hourly, supplements, and daily ones that repeat their rows.
        rows: records by object, stored events among them.
        jobs: bulk jobs, also the one that was deleted.
        expected_alerts: exactly the alerts that the shipped rules must raise.
        event_counts: events by type, each counted once: of the hourly files, of the stored objects,
            of the audit trail and the login history.
    """

    start: datetime
    end: datetime
    files: tuple[OrgLogFile, ...]
    rows: Mapping[str, tuple[SObjectRow, ...]]
    jobs: tuple[BulkJob, ...]
    expected_alerts: tuple[ExpectedAlert, ...]
    event_counts: Mapping[str, int]

    def build_store(self) -> OrgStore:
        """A new store with all of it."""
        store = OrgStore()
        for name, rows in self.rows.items():
            store.add_rows(name, *rows)
        store.add_files(self.files)
        store.add_jobs(self.jobs)
        return store


def build_scenario(*, end: datetime, seed: int = 7) -> DemoScenario:
    """The 24 hours before `end` (aware, UTC); the same for the same arguments."""
    rng = random.Random(f"{seed} {end.isoformat()}")  # noqa: S311  (a story, not a secret)
    ids = IdGenerator(rng)
    start = end - timedelta(hours=24)
    day = ScenarioDay(rng, ids, start=start + QUIET_MARGIN, end=end - QUIET_MARGIN)
    people = build_people(rng, ids)
    _simulate_ordinary_day(day, people)
    loads, jobs = _simulate_loads(day, people)
    attacks, theft = _simulate_attacks(day, people)
    counts = day.event_log.count_events() | {
        name: len(rows) for name, rows in sorted(day.rows.items())
    }
    return DemoScenario(
        start=start,
        end=end,
        files=tuple(day.event_log.build_files(rng)),
        rows={
            name: tuple(rows)
            for name, rows in (day.rows | _build_directory(day, people, ids)).items()
        },
        jobs=(*jobs, theft),
        expected_alerts=(*attacks, *loads, *_list_ordinary_alerts()),
        event_counts=counts,
    )


def _simulate_ordinary_day(day: ScenarioDay, people: People) -> None:
    for person in (*people.staff, *people.admins, people.developer):
        simulate_working_day(day, person)
    for client in API_CLIENTS:
        simulate_client(day, client, people.programs[client.user])
    log_failed_call(day, people.programs["erp.connector"])
    simulate_dashboards(day, people.programs["backup"])
    simulate_guests(day, people)
    simulate_setup_day(day, people)
    _simulate_refused_logins(day, people)


def _simulate_refused_logins(day: ScenarioDay, people: People) -> None:
    """Logins of somebody who is locked out, and of an inactive user."""
    noon = day.start + (day.end - day.start) / 2
    for person, status in (
        (people.staff[1], "LOGIN_ERROR_PASSWORD_LOCKOUT"),
        (people.staff[2], "LOGIN_ERROR_USER_INACTIVE"),
    ):
        day.record_login(person, noon, build_browser_login(person), status=status)


def _list_ordinary_alerts() -> list[ExpectedAlert]:
    """What ordinary people cause that somebody may want to know."""
    return [
        ExpectedAlert(
            rule="setup-while-logged-in-as",
            severity=Severity.LOW,
            story="An administrator changes a user's phone number while logged in as that user.",
        ),
        ExpectedAlert(
            rule="login-inactive-user",
            severity=Severity.INFORMATIONAL,
            story="A user who is inactive tries to log in.",
        ),
    ]


def _simulate_loads(day: ScenarioDay, people: People) -> tuple[list[ExpectedAlert], list[BulkJob]]:
    """The nightly load and a marketing import: every bulk job is an alert, these are low ones."""
    jobs = []
    plan = (
        (-6, "data.loader", "Lead", 4180),
        (3, "marketing.sync", "CampaignMember", 620),
    )
    for hours, user, entity, records in plan:
        at = _compute_anchor(day) + timedelta(hours=hours, minutes=20)
        session = day.record_login(people.programs[user], at, build_program_login(API_CLIENTS[0]))
        jobs.append(simulate_bulk_load(day, session, at, entity=entity, records=records))
    loads = [
        ExpectedAlert(
            rule="bulk-api-job",
            severity=Severity.LOW,
            story=f"An ordinary load writes {job.records:,} records of {job.object}.",
        )
        for job in jobs
    ]
    return loads, jobs


def _simulate_attacks(day: ScenarioDay, people: People) -> tuple[list[ExpectedAlert], BulkJob]:
    anchor = _compute_anchor(day)
    package = simulate_rogue_package(day, people, anchor + timedelta(minutes=12))
    token = simulate_stolen_token(day, people, anchor + timedelta(hours=1, minutes=5))
    bulk, job = simulate_bulk_theft(day, people, anchor + timedelta(hours=2, minutes=11))
    return [*token, *package, *bulk], job


def _compute_anchor(day: ScenarioDay) -> datetime:
    """A full hour early enough that the log files of all attacks are out by the day's end."""
    return floor_hour(day.end) - timedelta(hours=9)


def _build_directory(
    day: ScenarioDay, people: People, ids: IdGenerator
) -> dict[str, list[SObjectRow]]:
    """Users, their profiles and permissions, the tokens of programs, the organization itself."""
    organization = {
        "Id": ORGANIZATION_ID,
        "Name": "Acme",
        "OrganizationType": "Enterprise Edition",
        "InstanceName": "EXM42",
        "IsSandbox": False,
        "TimeZoneSidKey": "America/Chicago",
        "LanguageLocaleKey": "en_US",
        "CreatedDate": FOUNDED,
    }
    tokens: list[SObjectRow] = [
        {
            "AppName": client.app,
            "UserId": people.programs[client.user].id,
            "AppMenuItemId": ids.make_record_id("0DS"),
            "CreatedDate": FOUNDED,
            "UseCount": 41_207,
            **{
                secret: ids.make_surrogate_key() + ids.make_surrogate_key()
                for secret in _TOKEN_SECRETS
            },
        }
        for client in API_CLIENTS
    ]
    return {
        "OauthToken": tokens,
        "Organization": [organization],
        **build_directory_rows(
            people,
            build_collector_user(ConnectedApp().username),
            day.rows.get("ReportEvent", ()),
            ids,
        ),
    }
