"""What staff do in a month beside an ordinary day: reports, files, phones, travel, passwords."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from collector.demo.people import Office, Person
from collector.demo.report_activity import Report, log_report_run
from collector.demo.scenario_day import LoginKind, ScenarioDay, UserSession
from collector.demo.user_activity import (
    build_browser_login,
    log_file_transfer,
    store_list_view,
)

MINUTE = timedelta(minutes=1)
MAIL_CLIENT = "Salesforce for Outlook"
PHONE_AGENT = "SalesforceMobileSDK/12.1 iPhone/18.1 (iPhone) Chatter/258.0"

ABROAD = tuple(
    Office(
        city=city,
        country=country,
        iso=iso,
        subdivision=city,
        hours_from_utc=hours,
        network=network,
        latitude=latitude,
        longitude=longitude,
    )
    for city, country, iso, hours, network, latitude, longitude in (
        ("Berlin", "Germany", "DE", 1, "198.18.4", 52.52, 13.4),
        ("Toronto", "Canada", "CA", -5, "198.18.5", 43.65, -79.38),
        ("Tokyo", "Japan", "JP", 9, "198.18.6", 35.68, 139.69),
        ("Lisbon", "Portugal", "PT", 0, "198.18.7", 38.72, -9.14),
    )
)
"""Where hotels and partners are, each with a network of its own."""


def choose_place(person: Person, day: int) -> Person:
    """The person where they are that day: a few in a hundred travel for some days."""
    number = int(person.id[5:15].encode().hex(), 16)
    trip, length = number % 90, 2 + number % 4
    if not trip <= day % 90 < trip + length or number % 3:
        return person
    place = ABROAD[number // 7 % len(ABROAD)]
    return replace(person, office=place, ip=f"{place.network}.{number % 200 + 2}")


def work_a_day(day: ScenarioDay, person: Person, reports: tuple[Report, ...]) -> None:
    """One or two sessions with reports, list views and files; now and then by phone."""
    if day.rng.random() < 0.08:
        return
    for hour in sorted(day.rng.sample(range(8, 17), k=2)):
        at = day.start + timedelta(hours=(hour - person.office.hours_from_utc) % 24)
        at += timedelta(seconds=day.rng.random() * 3000)
        if day.rng.random() < 0.06:
            _mistype_password(day, person, at, times=1 + int(day.rng.random() * 2))
        session = day.record_login(person, at, build_browser_login(person))
        _work_in_session(day, session, at, reports)
    if day.rng.random() < 0.15:
        _use_phone(day, person)


def _work_in_session(
    day: ScenarioDay, session: UserSession, at: datetime, reports: tuple[Report, ...]
) -> None:
    for _ in range(6):
        at += MINUTE * (1 + day.rng.random() * 5)
        chance = day.rng.random()
        if chance < 0.25:
            run_report(day, session, at, day.rng.choice(reports), "ReportRunFromLightning")
        elif chance < 0.5:
            store_list_view(day, session, at)
        elif chance < 0.6:
            log_file_transfer(day, session, at)
    share = 0.12 if session.person.team in {"finance", "marketing"} else 0.015
    if day.rng.random() < share:
        export_report(day, session, at + MINUTE, day.rng.choice(reports))


def _mistype_password(day: ScenarioDay, person: Person, at: datetime, *, times: int) -> None:
    for number in range(times):
        day.record_login(
            person,
            at - timedelta(seconds=25 * (number + 1)),
            build_browser_login(person),
            status="LOGIN_ERROR_INVALID_PASSWORD",
        )


def forget_password(day: ScenarioDay, person: Person, at: datetime) -> None:
    """Tries until the account is locked, then is helped and comes in."""
    _mistype_password(day, person, at, times=5)
    day.record_login(person, at, build_browser_login(person), status="LOGIN_ERROR_PASSWORD_LOCKOUT")
    day.record_login(person, at + 18 * MINUTE, build_browser_login(person))


def try_stale_password(day: ScenarioDay, person: Person, *, status: str) -> None:
    """A mail client of somebody who has left goes on trying every hour."""
    kind = replace(_build_phone_login(), application=MAIL_CLIENT, agent=MAIL_CLIENT)
    for hour in range(24):
        at = day.start + timedelta(hours=hour, minutes=day.rng.random() * 50)
        day.record_login(person, at, kind, status=status)


def _use_phone(day: ScenarioDay, person: Person) -> None:
    """The app on a phone, in the network of the country's carrier."""
    carrier = {"US": "198.18.1", "IE": "198.18.2", "SG": "198.18.3"}
    network = carrier.get(person.office.iso, person.office.network)
    at = day.start + timedelta(hours=(18 - person.office.hours_from_utc) % 24, minutes=7)
    ip = f"{network}.{int(day.rng.random() * 250) + 2}"
    day.record_login(person, at, _build_phone_login(), ip=ip)


def _build_phone_login() -> LoginKind:
    return LoginKind(
        type="i",
        sub_type="oauthrefreshtoken",
        application="Salesforce for iOS",
        uri="/services/oauth2/token",
        agent=PHONE_AGENT,
        browser="Salesforce for iOS",
        platform="iOS",
    )


def run_report(
    day: ScenarioDay, session: UserSession, at: datetime, report: Report, origin: str
) -> None:
    """A saved report, with about as many rows as ever."""
    rows = max(1, int(report.rows * (0.8 + 0.4 * day.rng.random())))
    log_report_run(day, session, at, replace(report, rows=rows), origin=origin)


def export_report(day: ScenarioDay, session: UserSession, at: datetime, report: Report) -> None:
    """A report as a spreadsheet: an event of its own in a third log file."""
    run_report(day, session, at, report, "ReportExported")
    columns = {
        "URI": f"/{report.id[:15]}",
        "URI_ID_DERIVED": report.id,
        "CLIENT_INFO": session.person.browser.agent,
        "REPORT_DESCRIPTION": report.name,
    }
    day.event_log.add_event("ReportExport", at, {**session.log_columns, **columns})


def close_the_month(day: ScenarioDay, person: Person, reports: tuple[Report, ...]) -> None:
    """Finance exports all that the books need, in an afternoon."""
    at = day.start + timedelta(hours=(13 - person.office.hours_from_utc) % 24)
    session = day.record_login(person, at, build_browser_login(person))
    for report in reports:
        at += MINUTE * (2 + day.rng.random() * 6)
        export_report(day, session, at, report)


def fetch_case_files(day: ScenarioDay, person: Person, *, files: int) -> None:
    """Somebody in support saves the files of a large case."""
    at = day.start + timedelta(hours=(14 - person.office.hours_from_utc) % 24)
    session = day.record_login(person, at, build_browser_login(person))
    for _ in range(files):
        at += timedelta(seconds=20 + day.rng.random() * 40)
        log_file_transfer(day, session, at)
