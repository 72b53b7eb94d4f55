"""A committed file that is gone or broken: told, set aside, fetched again; the others go on."""

import shutil

import pytest
import sqlalchemy as sa

from collector import clock, engine
from collector.demo import OrgStore
from collector.disk_space import measure_disk_space
from collector.errors import CollectorError
from collector.health.storage_symptoms import find_storage_symptoms
from collector.health.symptoms import SymptomState
from collector.ingest import compaction_plan
from collector.ingest.adoption import adopt_files, finish_adoption
from collector.model import DamageState
from collector.sources.contract import build_batch_key
from collector.store import (
    damaged_files,
    ledger,
    ledger_folding,
    ledger_identity,
    ledger_totals,
    tables,
)
from collector.store.database import open_database
from fakes.polling_bench import (
    DAY,
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
EVENTS = [build_api_event(n, NOW) for n in range(3)]
"""By their uids; when they came is told by `build_events`."""

ALL = list_event_uids(*FILES, *EVENTS)


def build_events():
    """Events that came a minute before the latecomer."""
    now = clock.now()
    return [build_api_event(n, now - n * SECOND - 5 * MINUTE) for n in range(3)]


def build_latecomer():
    """An event within the overlap of the next poll, however long ago the tests began."""
    return build_api_event(9, clock.now() - 4 * MINUTE)


@pytest.fixture
def org():
    store = OrgStore()
    store.add_files(FILES)
    store.add_rows("ApiEvent", *build_events())
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
    symptoms = find_storage_symptoms(list_damages(bench), disk, now=clock.now())
    return {(one.subject, one.part): one.state for one in symptoms}


@pytest.mark.parametrize("damage", ABSENCES.values(), ids=ABSENCES)
@pytest.mark.parametrize("event_type", ["Login", pytest.param("ApiEvent", marks=pytest.mark.slow)])
def test_what_is_not_there_is_missed_told_and_fetched_again(bench, event_type, damage):
    path = damage_file(bench, event_type, damage)
    bench.poller._pipeline.set_absent_files_aside(clock.now())

    (damaged,) = list_damages(bench)
    assert (path, DamageState.WAITING) == (damaged.file.path, damaged.state)
    assert {("acme/archive", event_type): SymptomState.DAMAGED} == list_symptoms(bench)
    assert {"ok"} == {one.state for one in bench.poll_sources().values()}
    assert ALL == bench.list_stored_values()
    assert [] == list_damages(bench)
    assert {} == list_symptoms(bench)


def test_what_cannot_be_read_any_more_stops_no_later_event_of_its_type(org, bench):
    path = damage_file(bench, "ApiEvent", zero)
    org.store.add_rows("ApiEvent", build_latecomer())

    assert {"ok"} == {one.state for one in bench.poll_sources().values()}
    assert sorted([*ALL, "api-9"]) == bench.list_stored_values()
    assert [] == list_damages(bench)
    aside = bench.places.damaged_files / path
    assert {0} == set(aside.read_bytes())


def test_a_log_file_that_the_org_keeps_no_more_is_lost_and_the_rest_stays(org, bench):
    key = build_batch_key("acme", "event_log_file", FILES[0].id)
    damage_file(bench, "Login", lambda path: path.unlink(), key)
    org.store.remove_file(FILES[0].id)
    bench.poller._pipeline.set_absent_files_aside(clock.now())
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
        bench.poller._pipeline.set_absent_files_aside(clock.now())
    org.store.add_rows("ApiEvent", build_latecomer())
    polled = bench.poll_sources()["ApiEvent"]
    assert "is its volume mounted" in polled.reason
    assert not (bench.places.state_dir / "archive").exists()
    with bench.poller._database.read() as connection:
        assert 3 == len(ledger.list_archive_files(connection))


@pytest.mark.slow
def test_damage_of_a_compacted_file_asks_for_every_batch_that_it_has_events_of(
    org, bench, monkeypatch
):
    """Log files one by one, windows that follow one another at once."""
    monkeypatch.setattr(compaction_plan, "MAX_SETTLED_FILES", 1)
    monkeypatch.setattr(compaction_plan, "MAX_SMALL_FILES", 1)
    more = [build_log_file(n, NOW - 2 * HOUR, sequence=n - 1) for n in (3, 4)]
    org.store.add_files(more)
    org.store.add_rows("ApiEvent", build_latecomer())
    bench.poll_sources()
    expected = sorted([*ALL, "api-9", *list_event_uids(*more)])
    assert expected == bench.list_stored_values()
    result = bench.poller._pipeline.compactor.compact_days()
    assert ((), 6) == (result.problems, result.merged_files)
    api = damage_file(bench, "ApiEvent", lambda path: path.unlink(), "compacted")
    login = damage_file(bench, "Login", zero, "compacted")
    bench.poller._pipeline.set_absent_files_aside(clock.now())
    bench.poller._pipeline._context.guard.select_sound_files(list_committed(bench))

    damages = list_damages(bench)
    assert {api, login} == {one.file.path for one in damages}
    assert 6 == len(damages)
    assert {("acme/archive", name): SymptomState.DAMAGED for name in ("ApiEvent", "Login")} == (
        list_symptoms(bench)
    )
    asked = len(bench.list_requests("FROM ApiEvent WHERE EventDate"))
    assert {"ok"} == {one.state for one in bench.poll_sources().values()}
    assert expected == bench.list_stored_values()
    assert [] == list_damages(bench)
    asked_again = bench.list_requests("FROM ApiEvent WHERE EventDate")[asked:]
    assert 2 == len(asked_again), "the repair of two windows, and the poll"


def list_committed(bench):
    with bench.poller._database.read() as connection:
        return ledger.list_archive_files(connection)


# ---- of windows that are only counted


@pytest.mark.slow
def test_damage_of_windows_that_are_only_counted_asks_for_the_time_of_their_file(
    org, bench, monkeypatch
):
    damage_folded_window(org, bench, monkeypatch)

    assert [1, 3] == sorted(one.file.rows for one in list_damages(bench))
    assert SymptomState.DAMAGED == list_symptoms(bench)["acme/archive", "ApiEvent"]
    assert {"ok"} == {one.state for one in bench.poll_sources().values()}
    assert sorted([*ALL, "api-9"]) == bench.list_stored_values()
    assert [] == list_damages(bench)
    assert (4, 0) == count_api_events(bench)


@pytest.mark.slow
def test_of_windows_that_are_only_counted_the_loss_is_told_with_its_numbers(
    org, bench, monkeypatch
):
    damage_folded_window(org, bench, monkeypatch)
    org.store.remove_rows("ApiEvent", lambda row: row["EventIdentifier"] in {"api-0", "api-1"})

    bench.poll_sources()

    (damaged,) = list_damages(bench)
    assert (3, DamageState.LOST) == (damaged.file.rows, damaged.state)
    assert "of its 3 events the org has served 2 again" in damaged.reason
    assert sorted({*ALL, "api-9"} - {"api-0", "api-1"}) == bench.list_stored_values()
    assert (2, 1) == count_api_events(bench)


def damage_folded_window(org, bench, monkeypatch):
    """A compacted file of two windows is gone; the ledger only counts the first."""
    allow_one_file(monkeypatch)
    org.store.add_rows("ApiEvent", build_latecomer())
    bench.poll_sources()
    assert 2 < bench.poller._pipeline.compactor.compact_days().merged_files
    fold_first_window(bench)
    damage_file(bench, "ApiEvent", lambda path: path.unlink(), "compacted")
    bench.poller._pipeline.set_absent_files_aside(clock.now())


def count_api_events(bench):
    """Those that are stored, and the batches that are lost."""
    with bench.poller._database.read() as connection:
        totals = {one.event_type: one for one in ledger_totals.list_ledger_totals(connection)}
    return (totals["ApiEvent"].rows, totals["ApiEvent"].lost)


def fold_first_window(bench):
    """Fold what the first poll has taken in, as if it were old."""
    with bench.poller._database.begin() as connection:
        table = tables.batches
        is_first = (table.c.event_type == "ApiEvent", table.c.rows == len(EVENTS))
        keys = list(connection.scalars(sa.select(table.c.key).where(*is_first)))
        later = NOW + 40 * DAY
        assert 1 == ledger_folding.fold_batches(connection, keys, holds=[], now=later)


def allow_one_file(monkeypatch):
    """Let compaction make one file of the present day's and of any other's."""
    for name in ("MAX_SETTLED_FILES", "MAX_SMALL_FILES"):
        monkeypatch.setattr(compaction_plan, name, 1)


# ---- damage that is found when the state is built again: the place of a file is all there is


def lose_and_adopt(bench):
    for path in bench.places.state_dir.glob("state.db*"):
        path.unlink()
    database = open_database(bench.places.state_dir)
    with engine.open_engine() as connection:
        report = adopt_files(database, connection, bench.places, lambda _: None)
    finish_adoption(database, bench.places)
    database.close()
    return report


@pytest.mark.parametrize(
    "event_type",
    [
        pytest.param("ApiEvent", marks=pytest.mark.slow),
        pytest.param("Login", marks=pytest.mark.slow),
        "*",
    ],
)
def test_what_is_damaged_when_an_archive_is_adopted_is_asked_for_again(org, bench, event_type):
    root = bench.places.state_dir / "archive"
    damaged = list(root.glob(f"org=acme/event_type={event_type}/*/*.parquet"))
    for path in damaged:
        zero(path)
    report = lose_and_adopt(bench)
    assert {str(path.relative_to(root)) for path in damaged} == report.damaged

    with open_polling_bench(bench.places.state_dir, org, QUICK_SOURCES) as later:
        assert {SymptomState.DAMAGED} == set(list_symptoms(later).values())
        assert {"ok"} == {one.state for one in later.poll_sources().values()}
        assert ALL == later.list_stored_values()
        assert [] == list_damages(later)


@pytest.mark.slow
def test_what_the_org_lists_no_more_by_then_is_lost_once_the_listing_has_passed(org, bench):
    key = build_batch_key("acme", "event_log_file", FILES[0].id)
    path = damage_file(bench, "Login", zero, key)
    lose_and_adopt(bench)
    org.store.remove_file(FILES[0].id)

    with open_polling_bench(bench.places.state_dir, org, QUICK_SOURCES) as later:
        later.poll_sources()
        (damaged,) = list_damages(later)
        assert (path, DamageState.WAITING) == (damaged.file.path, damaged.state)
        stream = damaged.stream
        later.set_cursor(stream.source, stream.name, damaged.since)
        later.poll_sources()

        (damaged,) = list_damages(later)
        assert DamageState.LOST == damaged.state
        assert "the org has served 0 events again" in damaged.reason
        assert list_event_uids(FILES[1], *EVENTS) == later.list_stored_values()
