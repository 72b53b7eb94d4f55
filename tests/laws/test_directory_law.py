"""Wherever a reading of the directory is stopped or refused, each version is there, and once."""

import re
from contextlib import suppress
from itertools import count

import pytest

from collector.demo.faults import build_maintenance_fault
from collector.errors import StoppedError
from collector.store import directory_entries
from fakes.org_simulation import START, open_simulation
from fakes.polling_bench import DAY, HOUR

pytestmark = pytest.mark.slow

SOURCES = {"directory": {"objects": False}}
ADA, BOB, EVE = (f"00500000000000{number}AAA" for number in (1, 2, 3))
SET = "0PS000000000001AAA"


def build_row(record_id, at=START - 9 * DAY, **values):
    return {"Id": record_id, "CreatedDate": START - 9 * DAY, "SystemModstamp": at, **values}


def fill_org(store):
    for user in (ADA, BOB):
        store.add_rows("User", build_row(user, Name="Old", UserType="Standard"))
    store.add_rows("PermissionSet", build_row(SET, Name="Power", IsOwnedByProfile=False))
    for app in ("0H4000000000001AAA", "0H4000000000002AAA"):
        store.add_rows("ConnectedApplication", build_row(app, Name=app))
    store.add_rows("Report", build_row("00O000000000001AAA", Name="Leads"))


def change_org(store):
    """A user renamed, one permitted something, one made; an app gone, a report renamed."""
    at = START + HOUR
    store.remove_rows("User", lambda row: row["Id"] == ADA)
    store.add_rows("User", build_row(ADA, at, Name="New", UserType="Standard"))
    store.add_rows("User", build_row(EVE, at, Name="Eve", UserType="Guest"))
    assigned = {"AssigneeId": BOB, "PermissionSetId": SET, "SystemModstamp": at, "IsActive": True}
    store.add_rows("PermissionSetAssignment", {"Id": "0Pa000000000001AAA", **assigned})
    store.remove_rows("ConnectedApplication", lambda row: row["Id"].endswith("2AAA"))
    store.remove_rows("Report", lambda _: True)
    store.add_rows("Report", build_row("00O000000000001AAA", at, Name="All leads"))


EXPECTED = {
    (ADA, "Old"),
    (ADA, "New"),
    (BOB, "Old"),
    (BOB, "Old", "Power"),
    (EVE, "Eve"),
    ("0H4000000000001AAA", "0H4000000000001AAA"),
    ("0H4000000000002AAA", "0H4000000000002AAA"),
    ("0H4000000000002AAA", "0H4000000000002AAA", "deleted"),
    ("00O000000000001AAA", "Leads"),
    ("00O000000000001AAA", "All leads"),
}


def list_stored(bench):
    with bench.poller._database.read() as connection:
        versions = directory_entries.list_versions(connection, ["user", "app", "report"])
        return [
            (
                version.id,
                version.values["name"],
                *version.values.get("permission_sets", ()),
                *(("deleted",) if version.values.get("is_deleted") else ()),
            )
            for version in versions
        ]


def assert_whole(bench, what):
    found = list_stored(bench)
    assert EXPECTED == set(found), what
    assert len(EXPECTED) == len(found), what


def begin(at, folder):
    fill_org(at.org.store)
    with at.open_polling_bench(folder, SOURCES) as bench:
        bench.poll_sources()
    at.advance_time(hours=2)
    change_org(at.org.store)


def test_wherever_it_is_stopped_another_process_resumes_it(tmp_path):
    for reading in count(1, 8):
        with open_simulation() as at:
            folder = tmp_path / str(reading)
            begin(at, folder)
            with at.open_polling_bench(folder, SOURCES) as bench:
                at.schedule_at_reading(reading, bench.stop.set)
                with suppress(StoppedError):
                    bench.poll_sources()
                has_ended = not bench.stop.is_set()
            at.advance_time(minutes=1)
            with at.open_polling_bench(folder, SOURCES) as bench:
                bench.poll_sources()
                assert_whole(bench, f"stopped at reading {reading}")
        if has_ended:
            break

    assert reading > 7


@pytest.mark.parametrize(
    "address",
    [
        "/composite",
        "FROM User WHERE Id IN",
        "AssigneeId IN",
        "ConnectedApplication",
        "Report WHERE",
    ],
)
def test_whatever_is_refused_is_read_by_the_next_poll(tmp_path, address):
    with open_simulation() as at:
        begin(at, tmp_path)
        with at.open_polling_bench(tmp_path, SOURCES) as bench:
            at.org.inject_faults(build_maintenance_fault(re.escape(address), None))
            bench.poll_sources()
            at.org.clear_faults()
            at.advance_time(minutes=1)
            bench.poll_sources()
            assert_whole(bench, address)
