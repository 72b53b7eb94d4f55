"""A committed file that is gone or broken: told, set aside, fetched again; the others go on."""

import shutil

import pytest

from collector.demo import OrgStore
from collector.disk_space import measure_disk_space
from collector.errors import CollectorError
from collector.health.storage_symptoms import find_storage_symptoms
from collector.health.symptoms import SymptomState
from collector.model import DamageState
from collector.sources.contract import build_batch_key
from collector.store import damaged_files, ledger, ledger_identity
from fakes.polling_bench import (
    HOUR,
    MINUTE,
    NOW,
    QUICK_SOURCES,
    SECOND,
    build_api_event,
    build_log_file,
    list_event_uids,
    open_polling_bench,
    serve_org,
)

FILES = [build_log_file(1, NOW - 2 * HOUR), build_log_file(2, NOW - HOUR)]
EVENTS = [build_api_event(n, NOW - n * SECOND - 5 * MINUTE) for n in range(3)]
LATECOMER = build_api_event(9, NOW - 4 * MINUTE)
ALL = list_event_uids(*FILES, *EVENTS)


@pytest.fixture
def org():
    store = OrgStore()
    store.add_files(FILES)
    store.add_rows("ApiEvent", *EVENTS)
    with serve_org(store=store) as served:
        yield served


@pytest.fixture
def bench(org, tmp_path):
    with open_polling_bench(tmp_path, org, QUICK_SOURCES) as opened:
        opened.poll_sources()
        assert ALL == opened.list_stored_values()
        yield opened


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def turn_into_folder(path):
    path.unlink()
    path.mkdir()


def zero(path):
    path.write_bytes(b"\0" * path.stat().st_size)


ABSENCES = {
    "gone": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut": cut,
    "folder": turn_into_folder,
}


def damage_file(bench, event_type, damage, key="*"):
    """Damage the first file of a type, and return its place in the archive."""
    root = bench.places.state_dir / "archive"
    path = min(root.glob(f"org=acme/event_type={event_type}/*/{key}-*.parquet"))
    damage(path)
    return str(path.relative_to(root))


def list_damages(bench):
    with bench.poller._database.read() as connection:
        return damaged_files.list_damaged_files(connection)


def list_symptoms(bench):
    disk = measure_disk_space(bench.places.state_dir, 0)
    symptoms = find_storage_symptoms(list_damages(bench), disk, now=NOW)
    return {(one.subject, one.part): one.state for one in symptoms}


@pytest.mark.parametrize("damage", ABSENCES.values(), ids=ABSENCES)
@pytest.mark.parametrize("event_type", ["Login", "ApiEvent"])
def test_what_is_not_there_is_missed_told_and_fetched_again(bench, event_type, damage):
    path = damage_file(bench, event_type, damage)
    bench.poller._pipeline.set_absent_files_aside(NOW)

    (damaged,) = list_damages(bench)
    assert (path, DamageState.WAITING) == (damaged.file.path, damaged.state)
    assert {("acme/archive", event_type): SymptomState.DAMAGED} == list_symptoms(bench)
    assert {"ok"} == {one.state for one in bench.poll_sources().values()}
    assert ALL == bench.list_stored_values()
    assert [] == list_damages(bench)
    assert {} == list_symptoms(bench)


def test_what_cannot_be_read_any_more_stops_no_later_event_of_its_type(org, bench):
    path = damage_file(bench, "ApiEvent", zero)
    org.store.add_rows("ApiEvent", LATECOMER)

    assert {"ok"} == {one.state for one in bench.poll_sources().values()}
    assert sorted([*ALL, "api-9"]) == bench.list_stored_values()
    assert [] == list_damages(bench)
    aside = bench.places.damaged_files / path
    assert {0} == set(aside.read_bytes())


def test_a_log_file_that_the_org_keeps_no_more_is_lost_and_the_rest_stays(org, bench):
    key = build_batch_key("acme", "event_log_file", FILES[0].id)
    damage_file(bench, "Login", lambda path: path.unlink(), key)
    org.store.remove_file(FILES[0].id)
    bench.poller._pipeline.set_absent_files_aside(NOW)
    bench.poll_sources()

    (damaged,) = list_damages(bench)
    assert DamageState.LOST == damaged.state
    assert "of its 2 events the org has served 0 again" in damaged.reason
    assert SymptomState.LOST == list_symptoms(bench)["acme/archive", "Login"]
    assert list_event_uids(FILES[1], *EVENTS) == bench.list_stored_values()
    calls = len(bench.list_requests("WHERE Id"))
    bench.poll_sources()
    assert calls == len(bench.list_requests("WHERE Id")) > 0, "it is asked for once"


def test_an_archive_that_is_gone_as_a_whole_is_not_taken_for_many_damaged_files(org, bench):
    with bench.poller._database.begin() as connection:
        ledger_identity.insert_ledger_id(connection, "mine")
    bench.places.archive.write_ledger_id("mine")
    shutil.move(bench.places.state_dir / "archive", bench.places.state_dir / "unmounted")

    with pytest.raises(CollectorError, match="is its volume mounted"):
        bench.poller._pipeline.set_absent_files_aside(NOW)
    org.store.add_rows("ApiEvent", LATECOMER)
    polled = bench.poll_sources()["ApiEvent"]
    assert "is its volume mounted" in polled.reason
    assert not (bench.places.state_dir / "archive").exists()
    with bench.poller._database.read() as connection:
        assert 3 == len(ledger.list_archive_files(connection))
