"""Seven days of an org with everything that goes wrong: no row is missing, and none is double."""

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from collector import engine, normalize
from collector.app.configuration import read_configuration
from collector.app.single_pass import run_once
from collector.app.wiring import open_collector
from collector.archive import parquet_sql
from collector.demo import EmbeddedOrg, InjectedFault, OrgLogFile, OrgStore
from collector.demo.faults import build_maintenance_fault
from collector.ingest.state_paths import StatePaths
from collector.store import ledger
from fakes.pipeline_bench import render_elf_csv

pytestmark = pytest.mark.slow

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - 13 * DAY
STEP = 6 * HOUR
PASSES = 7 * 4 + 5 * 4
"""Seven days, and five more in which late files and their supplements still come."""

TYPES = sorted(
    name for name in normalize.list_event_types() if normalize.find_family(name) == "elf"
)[:60]
FAULTS = {
    3: build_maintenance_fault(times=9),
    8: build_maintenance_fault("/query", times=4, status=200),
    12: InjectedFault(address_pattern="LogFile", cut_after=40, times=5),
    17: build_maintenance_fault("ApiEvent", times=3),
    23: InjectedFault(address_pattern="LogFile", status=503, times=7),
    29: InjectedFault(address_pattern="SetupAuditTrail", cut_after=10, times=4),
}
EXPIRED = (5, 14, 26)
KILLED = (10, 20)


@dataclass
class Clock:
    moment: datetime = START

    def __call__(self) -> datetime:
        return self.moment


@dataclass
class Story:
    """What the org will serve, and the mark of every record that has to arrive."""

    store: OrgStore
    marks: list[str]


def files(chance, marks):
    """Hourly files of sixty types: late ones, supplements, ties of CreatedDate, daily twins."""
    number = 0
    for event_type in TYPES:
        for day in range(7):
            for hour in sorted(chance.sample(range(24), 3)):
                start = START + day * DAY + hour * HOUR
                created = start + chance.choice((4, 4, 4, 5, 70)) * HOUR
                for sequence in (1, 2) if chance.random() < 0.1 else (1,):
                    number += 1
                    rows = records(event_type, start, number, chance.randrange(1, 5))
                    marks.extend(row["REQUEST_ID"] for row in rows)
                    late = (sequence - 1) * 30 * HOUR
                    yield log_file(
                        number, event_type, start, created + late, sequence=sequence, rows=rows
                    )
            if chance.random() < 0.1:
                number += 1
                twin = records(event_type, START + day * DAY, number, 3)
                at = START + day * DAY
                yield log_file(number, event_type, at, at + 30 * HOUR, sequence=0, rows=twin)


def records(event_type, start, number, count):
    return [
        {
            "EVENT_TYPE": event_type,
            "TIMESTAMP_DERIVED": stamp(start + timedelta(seconds=n)),
            "REQUEST_ID": f"{number}-{n}",
            "QUERY": 'SELECT "a",\n"b" FROM x' if n == 1 else "",
        }
        for n in range(count)
    ]


def log_file(number, event_type, start, created, *, sequence, rows):
    return OrgLogFile(
        id=f"0AT{number:012}AAA",
        event_type=event_type,
        log_date=start,
        created=created.replace(minute=7, second=0),
        sequence=sequence,
        content=render_elf_csv(rows),
    )


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def tell() -> Story:
    chance = random.Random(11)
    store, marks = OrgStore(), []
    store.add_files(list(files(chance, marks)))
    for number in range(900):
        at = START + chance.randrange(7 * 86_400) * timedelta(seconds=1)
        # Rows become visible late, but inside the overlap.
        visible = at + timedelta(seconds=chance.choice((0, 5, 90, 500)))
        row = {"EventDate": at, "CreatedDate": visible, "EventIdentifier": f"api-{number}"}
        store.add_rows("ApiEvent", row | {"UserId": "005000000000001AAA"}, visible_from=visible)
        marks.append(f"api-{number}")
    for number in range(300):
        at = START + (number // 3) * timedelta(minutes=97)  # three at a time share a second
        row = {"Id": f"0Ym{number:012}AAA", "CreatedDate": at, "Action": "changedpassword"}
        store.add_rows("SetupAuditTrail", row)
        marks.append(row["Id"])
    return Story(store=store, marks=sorted(marks))


@pytest.fixture
def org():
    story, clock = tell(), Clock()
    with EmbeddedOrg(story.store, clock=clock) as served:
        yield served, story, clock


def test_after_seven_bad_days_every_row_is_there_once(org, tmp_path, monkeypatch):
    served, story, clock = org
    monkeypatch.setenv("SF_SECRET", served.application.client_secret)
    config = configure(tmp_path, served)
    failed = 0
    for number in range(PASSES):
        clock.moment = START + number * STEP
        if number in FAULTS:
            served.inject_faults(FAULTS[number])
        if number in EXPIRED:
            served.expire_tokens()
        # Hours have passed for the org, and a moment for us, in which a login without an answer
        # would not be tried again.
        for failures in (tmp_path / "state").glob("tokens/*.failures"):
            failures.unlink()
        if number in KILLED:
            kill_one(config)
        with open_collector(read_configuration(config, os.environ).settings) as collector:
            failed += bool(run_once(collector).problems)
        served.clear_faults()

    assert story.marks == stored(tmp_path / "state")
    assert failed, "the faults were felt"


def kill_one(config):
    """A pass that dies in the middle."""
    command = [sys.executable, "-m", "collector", "run", "--once", "-c", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(timeout=1.3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def configure(directory, served):
    auth = {
        "flow": "client_credentials",
        "client_id": served.application.client_id,
        "client_secret": "${env:SF_SECRET}",
    }
    sources = {
        "event_log_file": {"settle": "0s"},
        "stored_events": {"objects": ["ApiEvent"]},
        "login_history": False,
    }
    org = {"name": "acme", "login_url": served.base_url, "auth": auth, "sources": sources}
    path = directory / "collector.yaml"
    # No rule looks at what comes: it is about the rows.
    config = {"state_dir": str(directory / "state"), "orgs": [org], "rules": {"disable": ["*"]}}
    path.write_text(json.dumps(config))
    return path


def stored(state):
    """The marks of all committed events, in order."""
    from collector.store.database import open_database

    database = open_database(state)
    with database.read() as connection:
        committed = ledger.list_archive_files(connection)
    database.close()
    source = parquet_sql.build_relation(StatePaths(state_dir=state).archive.locate_files(committed))
    connection = engine.open_engine()
    try:
        rows = connection.execute(
            "SELECT CASE WHEN source = 'event_log_file' THEN request_id ELSE event_uid END"
            f" FROM {source} WHERE source IN"
            " ('event_log_file', 'stored_events', 'setup_audit_trail') ORDER BY 1"
        ).fetchall()
    finally:
        connection.close()
    return [mark for (mark,) in rows]
