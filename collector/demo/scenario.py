"""An ordinary day of a fictional company, and four attacks in it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.demo.attacks import Expected, bulk_theft, rogue_package, stolen_token
from collector.demo.day import Day
from collector.demo.elf import floor_hour
from collector.demo.evaluate import Row
from collector.demo.ids import Ids
from collector.demo.machines import (
    CLIENTS,
    broken_call,
    bulk_load,
    client_day,
    dashboards,
    guests,
    program_login,
)
from collector.demo.oauth import ORGANIZATION_ID, Application
from collector.demo.office_hours import browser_login, working_day
from collector.demo.people import People, collector_user, people
from collector.demo.permissions import permissions
from collector.demo.setup_changes import setup_day
from collector.demo.store import BulkJob, LogFile, Store
from collector.model import Severity

QUIET = timedelta(minutes=10)
"""Nothing happens this long after the start and before the end of the day, so that one pass of a
collector at the end, looking back 24 hours, sees all of it."""


_TOKEN_SECRETS = ("AccessToken", "DeleteToken", "RequestToken")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the org holds.

    Attributes:
        start, end: the day; everything has become visible by `end`.
        files: event log files: hourly, supplements, and daily twins that repeat hourly ones.
        rows: records by object, stored events among them.
        jobs: bulk jobs, also the one that was deleted.
        expected: every alert that the shipped rules owe, no more and no fewer.
        counts: events by type, each counted once: of the hourly files, of the stored objects,
            of the audit trail and the login history.
    """

    start: datetime
    end: datetime
    files: tuple[LogFile, ...]
    rows: Mapping[str, tuple[Row, ...]]
    jobs: tuple[BulkJob, ...]
    expected: tuple[Expected, ...]
    counts: Mapping[str, int]

    def store(self) -> Store:
        """A new store with all of it."""
        store = Store()
        for name, rows in self.rows.items():
            store.add(name, *rows)
        store.add_files(self.files)
        store.add_jobs(self.jobs)
        return store


def build(*, end: datetime, seed: int = 7) -> World:
    """The 24 hours before `end` (aware, UTC); the same for the same arguments."""
    rng = random.Random(f"{seed} {end.isoformat()}")  # noqa: S311  (a story, not a secret)
    ids = Ids(rng)
    start = end - timedelta(hours=24)
    day = Day(rng, ids, start=start + QUIET, end=end - QUIET)
    everybody = people(rng, ids)
    _ordinary(day, everybody)
    loads, jobs = _loads(day, everybody)
    attacks, theft = _attacks(day, everybody)
    counts = day.log.counts() | {name: len(rows) for name, rows in sorted(day.rows.items())}
    return World(
        start=start,
        end=end,
        files=tuple(day.log.files(rng)),
        rows={name: tuple(rows) for name, rows in (day.rows | _directory(everybody, ids)).items()},
        jobs=(*jobs, theft),
        expected=(*attacks, *loads),
        counts=counts,
    )


def _ordinary(day: Day, everybody: People) -> None:
    for person in (*everybody.staff, *everybody.admins, everybody.developer):
        working_day(day, person)
    for client in CLIENTS:
        client_day(day, client, everybody.programs[client.user])
    broken_call(day, everybody.programs["erp.connector"])
    dashboards(day, everybody.programs["backup"])
    guests(day, everybody)
    setup_day(day, everybody)
    _refused(day, everybody)


def _refused(day: Day, everybody: People) -> None:
    """Somebody who is locked out, and somebody who left."""
    noon = day.start + (day.end - day.start) / 2
    for person, status in (
        (everybody.staff[1], "LOGIN_ERROR_PASSWORD_LOCKOUT"),
        (everybody.staff[2], "LOGIN_ERROR_USER_INACTIVE"),
    ):
        day.login(person, noon, browser_login(person), status=status)


def _loads(day: Day, everybody: People) -> tuple[list[Expected], list[BulkJob]]:
    """The nightly load and a marketing import: every bulk job is an alert, these are low ones."""
    jobs = []
    plan = (
        (-6, "data.loader", "Lead", 4180),
        (3, "marketing.sync", "CampaignMember", 620),
    )
    for hours, user, entity, records in plan:
        at = _anchor(day) + timedelta(hours=hours, minutes=20)
        session = day.login(everybody.programs[user], at, program_login(CLIENTS[0]))
        jobs.append(bulk_load(day, session, at, entity=entity, records=records))
    loads = [
        Expected(
            rule="bulk-api-job",
            severity=Severity.LOW,
            story=f"An ordinary load writes {job.records:,} records of {job.object}.",
        )
        for job in jobs
    ]
    return loads, jobs


def _attacks(day: Day, everybody: People) -> tuple[list[Expected], BulkJob]:
    anchor = _anchor(day)
    package = rogue_package(day, everybody, anchor + timedelta(minutes=12))
    token = stolen_token(day, everybody, anchor + timedelta(hours=1, minutes=5))
    bulk, job = bulk_theft(day, everybody, anchor + timedelta(hours=2, minutes=11))
    return [*token, *package, *bulk], job


def _anchor(day: Day) -> datetime:
    """A full hour early enough that the log files of all attacks are out by the day's end."""
    return floor_hour(day.end) - timedelta(hours=9)


def _directory(everybody: People, ids: Ids) -> dict[str, list[Row]]:
    """Users, their profiles and permissions, the tokens of programs, the organization itself."""
    long_ago = datetime.fromisoformat("2024-02-01T09:00:00+00:00")
    users = [*everybody.everybody(), collector_user(Application().username)]
    profiles = {name: ids.record("00e") for name in sorted({user.profile for user in users})}
    organization = {
        "Id": ORGANIZATION_ID,
        "Name": "Acme",
        "OrganizationType": "Enterprise Edition",
        "InstanceName": "EXM42",
        "IsSandbox": False,
        "TimeZoneSidKey": "America/Chicago",
        "LanguageLocaleKey": "en_US",
        "CreatedDate": long_ago,
    }
    tokens: list[Row] = [
        {
            "AppName": client.app,
            "UserId": everybody.programs[client.user].id,
            "AppMenuItemId": ids.record("0DS"),
            "CreatedDate": long_ago,
            "UseCount": 41_207,
            **{secret: ids.key() + ids.key() for secret in _TOKEN_SECRETS},
        }
        for client in CLIENTS
    ]
    return {
        "OauthToken": tokens,
        "User": [user.row(profiles[user.profile], long_ago) for user in users],
        "Profile": [{"Id": own, "Name": name} for name, own in profiles.items()],
        "Organization": [organization],
        **permissions(ids, profiles[users[-1].profile]),
    }
