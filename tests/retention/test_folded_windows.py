"""Real archives whose windows are folded: nothing is missing, told twice or in the way."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from collector import engine
from collector.api.event_trace import to_json, trace_event
from collector.cli import event_trace as shown_trace
from collector.completeness import build_completeness_report
from collector.detect import RuleSet
from collector.ingest.adoption import adopt_files, finish_adoption
from collector.ingest.archive_claim import claim_archive
from collector.ingest.batches_at_work import BatchesAtWork
from collector.ingest.retired_files import GRACE, delete_retired_files
from collector.store import (
    file_expiry,
    ledger_totals,
    tables,
)
from collector.store.database import open_database
from collector.store.retention_tables import folded_batches
from fakes.compaction_bench import (
    WINDOW_STREAM,
    list_files,
    name_batch,
    read_events,
    take_window,
)
from fakes.model_samples import NOON
from fakes.old_state import DAY, build_pruner, list_values
from fakes.pipeline_bench import open_pipeline_bench

pytestmark = pytest.mark.slow

NOW = NOON + 40 * DAY
MONTH = f"{NOON:%Y-%m}"
NO_RULES = RuleSet(rules=())
WINDOWS = 6
LATE = 24 * 60
"""The number of a window of the next day."""


def open_bench(directory):
    return open_pipeline_bench(directory, rules=NO_RULES)


@pytest.fixture(scope="module")
def compacted_state(tmp_path_factory):
    """Six windows of two events in one file, and the next day's first in its own."""
    directory = tmp_path_factory.mktemp("windows")
    with open_bench(directory) as opened:
        claim_archive(opened.database, opened.places.archive)
        for number in [*range(WINDOWS), LATE]:
            take_window(opened, number)
        compact(opened)
    return directory / "state"


@pytest.fixture
def bench(compacted_state, tmp_path):
    shutil.copytree(compacted_state, tmp_path / "state")
    with open_bench(tmp_path) as opened:
        yield opened


def compact(bench):
    result = bench.pipeline.compactor.compact_days()
    assert () == result.problems
    return result.merged_files


def get_compacted(bench):
    (file,) = (file for file in list_files(bench.database) if "compacted-" in file.path)
    return file


def count(database):
    """Stored and pruned events, and batches, of all that was ever taken in."""
    with database.read() as connection:
        (total,) = ledger_totals.list_ledger_totals(connection)
    return (total.rows, total.pruned, total.batches)


def list_folded(state):
    return list_values(state, folded_batches, "month", "batches", "rows", "pruned")


def list_members(state):
    return list_values(state, tables.file_members, "batch", "rows")


def expire(bench, files, now=NOW):
    with bench.database.begin() as connection:
        return file_expiry.expire_files(connection, files, now=now)


def build_report(bench):
    with bench.database.read() as connection:
        return build_completeness_report(
            connection, org="acme", since=NOON - DAY, until=NOW, archive=bench.places.archive
        )


# ---- before and after


def test_windows_are_only_counted_while_a_compacted_file_has_their_events(bench):
    before, events = count(bench.database), read_events(bench)
    assert (14, 0, 7) == before

    assert WINDOWS == build_pruner(bench).prune(NOW).batches

    assert [name_batch(1000 + LATE)] == list_values(bench, tables.batches, "key")
    assert [] == list_members(bench)
    assert [(MONTH, 6, 12, 0)] == list_folded(bench)
    assert before == count(bench.database)
    assert events == read_events(bench)
    report = build_report(bench)
    assert [(6, 12)] == [(total.batches, total.rows) for total in report.folded]
    assert [(1, 2)] == [(balance.batches, balance.rows) for balance in report.balances]
    assert [] == report.problems


def test_what_was_folded_counts_as_pruned_once_its_file_is(bench):
    build_pruner(bench).prune(NOW)

    build_pruner(bench).prune(NOON + 400 * DAY)

    assert [(MONTH, 6, 0, 12)] == list_folded(bench)
    assert (0, 14, 7) == count(bench.database)
    assert [] == list_files(bench.database)
    (total,) = build_report(bench).folded
    assert (6, 12) == (total.batches, total.rows)


# ---- compaction goes on, and a lost state


def test_compaction_keeps_events_and_origins_of_folded_windows(bench):
    folded = get_compacted(bench)
    build_pruner(bench).prune(NOW)
    for number in range(10, 15):
        take_window(bench, number)
    before, events = count(bench.database), read_events(bench)

    assert 6 == compact(bench)

    merged = get_compacted(bench)
    assert 22 == merged.rows
    assert folded.path != merged.path
    assert [(name_batch(1000 + number), 2) for number in range(10, 15)] == list_members(bench)
    assert before == count(bench.database)
    assert events == read_events(bench)
    with engine.open_engine() as connection:
        footer = bench.places.archive.read_footers(connection, [merged])[merged.path]
    numbers = [*range(WINDOWS), *range(10, 15)]
    assert [(name_batch(1000 + number), WINDOW_STREAM, 2) for number in numbers] == [
        (member.batch.key, member.batch.stream, member.rows) for member in footer.members
    ]
    expire(bench, [merged])
    assert [(MONTH, 6, 0, 12)] == list_folded(bench)


def adopt(database, places):
    with engine.open_engine() as connection:
        return adopt_files(database, connection, places, lambda _: None)


def test_folded_windows_are_in_the_ledger_again_after_the_state_was_lost(bench):
    build_pruner(bench).prune(NOW)
    bench.database.close()
    for path in bench.places.state_dir.glob("state.db*"):
        path.unlink()
    database = open_database(bench.places.state_dir)

    assert 7 == adopt(database, bench.places).batch_count

    assert (14, 0, 7) == count(database)
    finish_adoption(database, bench.places)
    adopted = replace(bench, database=database)
    assert WINDOWS == build_pruner(adopted).prune(NOW).batches
    assert (14, 0, 7) == count(database)
    database.close()


def test_an_older_state_with_folded_windows_counts_none_of_them_twice(bench, tmp_path):
    """As after `restore`: the files of its day have become one since."""
    build_pruner(bench).prune(NOW)
    older = tmp_path / "older.db"
    with closing(sqlite3.connect(bench.places.state_dir / "state.db")) as connection:
        connection.execute("VACUUM INTO ?", [str(older)])
    for number in range(10, 15):
        take_window(bench, number)
    compact(bench)
    expected = count(bench.database), list_members(bench), list_folded(bench)
    archive = bench.places.archive
    delete_retired_files(bench.database, archive, BatchesAtWork(), now=NOW + GRACE)
    bench.database.close()
    for path in bench.places.state_dir.glob("state.db*"):
        path.unlink()
    shutil.copyfile(older, bench.places.state_dir / "state.db")
    database = open_database(bench.places.state_dir)
    restored = replace(bench, database=database)

    adopt(database, bench.places)

    assert expected == (count(database), list_members(restored), list_folded(restored))
    database.close()


# ---- who asks


def test_the_trace_of_an_event_says_that_its_batch_is_only_counted(bench, capsys):
    build_pruner(bench).prune(NOW)
    archive = bench.places.archive
    with bench.database.read() as connection, engine.open_engine() as opened:
        (trace,) = trace_event(connection, opened, "api-2-1", archive=archive)

    assert ((), (name_batch(1002),)) == (trace.batches, trace.folded_batches)
    assert [name_batch(1002)] == to_json(trace)["folded_batches"]
    assert [get_compacted(bench).path] == [file.path for file in trace.files]
    shown_trace._print_trace(replace(trace, neighbours=(), neighbour_queries={}))
    words = " ".join(capsys.readouterr().out.split())
    assert f"It came with batch {name_batch(1002)}: the ledger only counts batches" in words
