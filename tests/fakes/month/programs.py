"""What programs do: calls all day, loads and extracts every night, a backup each week."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from collector.demo.org_store import BulkJob
from collector.demo.people import People
from collector.demo.program_activity import (
    API_CLIENTS,
    build_program_login,
    log_bulk_progress,
    simulate_bulk_load,
    simulate_client,
    simulate_guests,
)
from collector.demo.scenario_day import ScenarioDay, UserSession

EXTRACTS = (("Account", 8_200), ("Contact", 31_000), ("Opportunity", 12_400), ("Case", 6_900))
"""What the warehouse reads every night, with about how many records."""

BACKED_UP = (("Account", 24_000), ("Contact", 187_000), ("Case", 96_000), ("Lead", 41_000))


def run_programs(
    day: ScenarioDay, people: People, *, is_sunday: bool, rarer_calls: int
) -> list[BulkJob]:
    """Calls, visits of the support site, and bulk jobs of the night.

    Programs call so many times less often than in the demo.
    """
    for client in API_CLIENTS:
        rarer = replace(client, interval=client.interval * rarer_calls)
        simulate_client(day, rarer, people.programs[client.user])
    simulate_guests(day, people)
    night = day.start + timedelta(hours=7)
    loader = people.programs["data.loader"]
    session = day.record_login(loader, night, build_program_login(API_CLIENTS[0]))
    jobs = [simulate_bulk_load(day, session, night, entity="Lead", records=_vary(day, 4_180))]
    for number, (entity, records) in enumerate(EXTRACTS):
        jobs.append(_extract(day, session, entity, _vary(day, records), minutes=20 + 9 * number))
    if is_sunday:
        backup = people.programs["backup"]
        own = day.record_login(backup, night, build_program_login(API_CLIENTS[3]))
        for number, (entity, records) in enumerate(BACKED_UP):
            jobs.append(_extract(day, own, entity, _vary(day, records), minutes=60 + 9 * number))
    return jobs


def _vary(day: ScenarioDay, records: int) -> int:
    return int(records * (0.9 + 0.2 * day.rng.random()))


def _extract(
    day: ScenarioDay, session: UserSession, entity: str, records: int, *, minutes: int
) -> BulkJob:
    """A bulk query of the whole object, and the download of its result."""
    at = day.start + timedelta(hours=7, minutes=minutes)
    job = BulkJob(
        id=day.ids.make_record_id("750"),
        kind="V2Query",
        operation="query",
        object=entity,
        created_by=session.person.id,
        created=at.replace(microsecond=0),
        finished=at.replace(microsecond=0) + timedelta(minutes=4),
        records=records,
    )
    for done, share in ((1, 3), (4, 1)):
        log_bulk_progress(day, session, job, at + timedelta(minutes=done), records // share)
    download = {
        "Query": f"SELECT Id, Name FROM {entity} WHERE SystemModstamp > YESTERDAY",
        "LoginHistoryId": session.history_id,
        "EvaluationTime": 0.0,
    }
    day.store_event(
        "BulkApiResultEventStore",
        at + timedelta(minutes=4, seconds=12),
        {**session.object_fields, **download},
    )
    return job
