"""Few large files have what many small ones had; whoever read these goes on, or dies, unharmed."""

import shutil
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from collector import clock, engine
from collector.api.event_trace import trace_event
from collector.completeness import build_completeness_report
from collector.csv_segments import CsvSegmenter
from collector.detect import RuleSet
from collector.ingest import quarantine
from collector.ingest.adoption import adopt_files
from collector.ingest.archive_claim import claim_archive
from collector.ingest.batches_at_work import BatchesAtWork
from collector.ingest.retired_files import GRACE, delete_retired_files
from collector.model import BatchState, DamageState
from collector.store import compacted_files, damaged_files, tables
from collector.store.database import open_database
from fakes.compaction_bench import (
    list_batch_rows,
    list_files,
    list_retired,
    name_batch,
    read_batches,
    read_events,
    take_log_file,
    take_window,
)
from fakes.model_samples import NOON
from fakes.pipeline_bench import build_login_row, open_pipeline_bench, render_elf_csv

HOUR = timedelta(hours=1)
SECOND_DAY = "2026-03-02"


NO_RULES = RuleSet(rules=())


@pytest.fixture
def bench(tmp_path):
    with open_pipeline_bench(tmp_path, rules=NO_RULES) as opened:
        claim_archive(opened.database, opened.places.archive)
        yield opened


@pytest.fixture(scope="module")
def crowded_state(tmp_path_factory):
    """Six log files of a day, of which the last has a day more, and columns of its own."""
    directory = tmp_path_factory.mktemp("crowded")
    with open_pipeline_bench(directory, rules=NO_RULES) as opened:
        claim_archive(opened.database, opened.places.archive)
        for number in range(5):
            take_log_file(opened, number)
        take_log_file(opened, 5, "2026-03-01", SECOND_DAY, PLATFORM="iOS")
    return directory / "state"


@pytest.fixture
def crowded(crowded_state, tmp_path):
    shutil.copytree(crowded_state, tmp_path / "state")
    with open_pipeline_bench(tmp_path, rules=NO_RULES) as opened:
        yield opened


def compact(bench):
    result = bench.pipeline.compactor.compact_days()
    assert () == result.problems
    return result


def get_compacted(bench):
    (file,) = (file for file in list_files(bench.database) if "compacted-" in file.path)
    return file


def count_on_disk(bench):
    return bench.places.archive.count_event_files()


def reread(bench, number, *days):
    """Read a batch again as if its damage had just been found."""
    return take_log_file(bench, number, *days)


def set_aside(bench, file, reason="broken"):
    with bench.database.begin() as connection:
        damaged_files.record_damage(connection, file, reason=reason, now=NOON)
    bench.places.archive.move_file_aside(file, target_root=bench.places.damaged_files)


def read_states(bench):
    with bench.database.read() as connection:
        return dict(connection.exec_driver_sql("SELECT key, state FROM batches").all())


def test_every_value_of_every_event_stays(crowded):
    before, ledger_before = read_events(crowded), read_batches(crowded.database)

    done = compact(crowded)

    assert (6, 1, 12, 0) == (done.merged_files, done.made_files, done.events, done.deleted_files)
    assert before == read_events(crowded)
    assert ledger_before == read_batches(crowded.database)
    file = get_compacted(crowded)
    assert (12, "2026-03-01") == (file.rows, file.date)
    assert file.sha256 == crowded.places.archive.compute_hash(file)
    (location,) = crowded.places.archive.locate_files([file])
    with engine.open_engine() as connection:
        times = connection.execute(f"SELECT time FROM '{location}'").fetchall()
    assert sorted(times) == times
    assert 0 == compact(crowded).merged_files, "what is few already stays"


def test_who_looked_the_files_up_before_reads_them_for_an_hour(crowded):
    """Neither a start nor the hour takes what is read for a stray."""
    files = list_files(crowded.database)
    before = read_events(crowded)
    compact(crowded)
    now, archive = clock.now(), crowded.places.archive

    assert 6 == len(list_retired(crowded.database))
    assert 0 == delete_retired_files(crowded.database, archive, BatchesAtWork(), now=now)
    assert before == read_events(crowded, files)
    later = now + GRACE
    assert 6 == delete_retired_files(crowded.database, archive, BatchesAtWork(), now=later)
    assert [] == list_retired(crowded.database)
    assert {file.path for file in list_files(crowded.database)} == set(
        archive.list_uncommitted_paths([])
    )
    assert before == read_events(crowded)


@pytest.mark.slow
def test_what_is_committed_again_or_about_to_be_is_not_deleted(crowded):
    """A batch that is read again writes its files where they were."""
    first, *_ = list_files(crowded.database)
    compact(crowded)
    set_aside(crowded, get_compacted(crowded))
    later, archive, at_work = clock.now() + GRACE, crowded.places.archive, BatchesAtWork()

    with at_work.hold_batch(name_batch(0)):
        assert 5 == delete_retired_files(crowded.database, archive, at_work, now=later)
    reread(crowded, 0)
    assert 0 == delete_retired_files(crowded.database, archive, at_work, now=later)
    assert [] == list_retired(crowded.database)
    assert None is archive.describe_alteration(
        next(file for file in list_files(crowded.database) if file.path == first.path)
    )


def test_a_batch_that_is_read_again_has_no_event_twice(crowded):
    """The file of its second day was damaged; what it has of the first stays where it is."""
    before = read_events(crowded)
    (second,) = (file for file in list_files(crowded.database) if file.date == SECOND_DAY)
    compact(crowded)
    set_aside(crowded, second)
    assert BatchState.DAMAGED == read_states(crowded)[name_batch(5)]

    take_log_file(crowded, 5, "2026-03-01", SECOND_DAY, PLATFORM="iOS")

    assert before == [before[0], *read_events(crowded)[1:]] == read_events(crowded)
    assert {BatchState.STORED} == set(read_states(crowded).values())
    assert (name_batch(5), "stored", 4, 0, 0) in read_batches(crowded.database)


@pytest.mark.slow
def test_damage_is_that_of_every_batch_until_each_is_read_again(crowded):
    before, ledger_before = read_events(crowded), read_batches(crowded.database)
    compact(crowded)
    file = get_compacted(crowded)
    set_aside(crowded, file)

    with crowded.database.read() as connection:
        waiting = damaged_files.list_damaged_files(connection, state=DamageState.WAITING)
    assert [(file.path, name_batch(number), 2) for number in range(6)] == [
        (one.file.path, one.batch, one.file.rows) for one in waiting
    ]
    assert {BatchState.DAMAGED} == set(read_states(crowded).values())
    assert {name_batch(5): 2} == list_batch_rows(crowded)

    for number in range(5):
        reread(crowded, number)
    take_log_file(crowded, 5, "2026-03-01", SECOND_DAY, PLATFORM="iOS")

    assert before == read_events(crowded)
    assert ledger_before == read_batches(crowded.database)
    with crowded.database.read() as connection:
        assert [] == damaged_files.list_damaged_files(connection)
    assert 6 == compact(crowded).merged_files, "under another name than what was damaged"
    assert before == read_events(crowded)


def test_batches_that_are_not_settled_keep_their_files(crowded):
    """They go on, are read again, or wait for what was damaged."""
    with crowded.database.begin() as connection:
        connection.exec_driver_sql(f"INSERT INTO unfinished VALUES ('{name_batch(0)}', 2, false)")
        connection.execute(
            sa.update(tables.batches)
            .where(tables.batches.c.key == name_batch(1))
            .values(state=BatchState.DAMAGED)
        )
    for number in (6, 7):
        take_log_file(crowded, number)
    assert 6 == compact(crowded).merged_files
    kept = {file.path.split("/")[-1][:32] for file in list_files(crowded.database)}
    assert {name_batch(0), name_batch(1), name_batch(5)} == {
        key for key in kept if not key.startswith("compacted")
    }


def test_where_the_disk_has_no_room_for_both_nothing_is_made(crowded, monkeypatch):
    for number in range(5):
        take_window(crowded, number)
    monkeypatch.setattr("collector.ingest.compaction.MIN_FREE_BYTES", 1 << 60)
    (problem,) = crowded.pipeline.compactor.compact_days().problems
    assert "GB free: below" in problem
    assert 12 == len(list_files(crowded.database)) == count_on_disk(crowded)


def test_files_that_changed_meanwhile_are_not_swapped(crowded):
    files = [file for file in list_files(crowded.database) if file.date == "2026-03-01"]
    made = replace(files[0], path="other", rows=12)
    with crowded.database.begin() as connection:
        for changed in (replace(files[0], bytes=1), replace(files[0], path="gone")):
            listed = [changed, *files[1:]]
            assert not compacted_files.replace_files(connection, listed, made, now=NOON)
    with crowded.database.begin() as connection:
        assert compacted_files.replace_files(connection, files, made, now=NOON)


def test_an_altered_file_is_set_aside_and_the_others_become_one(crowded):
    """A flipped bit gives other values, and mostly no error."""
    before = list_batch_rows(crowded)
    path = crowded.places.archive.root / list_files(crowded.database)[2].path
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)

    assert 5 == compact(crowded).merged_files

    with crowded.database.read() as connection:
        (damaged,) = damaged_files.list_damaged_files(connection)
    assert (name_batch(2), "its bytes are not those that were committed") == (
        damaged.batch,
        damaged.reason,
    )
    assert {key: rows for key, rows in before.items() if key != name_batch(2)} == (
        list_batch_rows(crowded)
    )


@pytest.mark.slow
def test_columns_of_one_name_and_two_types_do_not_become_one(crowded):
    """One of them would have other values: files of the other type stay."""
    target = list_files(crowded.database)[0]
    (location,) = crowded.places.archive.locate_files([target])
    with engine.open_engine() as connection:
        connection.execute(
            f"COPY (SELECT * REPLACE (7 AS user_name) FROM '{location}') TO '{location}'"
            " (FORMAT parquet)"
        )
    sound = replace(
        target,
        bytes=(crowded.places.archive.root / target.path).stat().st_size,
        sha256=crowded.places.archive.compute_hash(target),
    )
    with crowded.database.begin() as connection:
        connection.execute(
            sa.update(tables.archive_files)
            .where(tables.archive_files.c.path == target.path)
            .values(bytes=sound.bytes, sha256=sound.sha256)
        )
    assert 5 == compact(crowded).merged_files
    assert sound in list_files(crowded.database)


@pytest.mark.slow
def test_what_would_not_hold_the_same_is_told_and_stays(crowded):
    files = list_files(crowded.database)
    with crowded.database.begin() as connection:
        connection.execute(sa.update(tables.archive_files).values(rows=3))

    (problem,) = crowded.pipeline.compactor.compact_days().problems

    assert problem == (
        "acme/Login 2026-03-01: the files have other numbers of events of a batch than the ledger"
    )
    assert [file.path for file in files] == [file.path for file in list_files(crowded.database)]
    assert len(files) == count_on_disk(crowded)


@pytest.mark.slow
def test_what_was_set_aside_of_a_batch_joins_it_when_it_can_be_read(crowded):
    lines = render_elf_csv([build_login_row(n) for n in range(4)]).splitlines(keepends=True)
    lines.insert(3, b'"one","two"\n')
    cutter = CsvSegmenter(crowded.places.spool, "q")
    cutter.feed_chunk(b"".join(lines))
    segments = cutter.finish_segments()
    batch = crowded.write_batch("Login", [build_login_row(1)], key=name_batch(9))
    batch = replace(batch, segments=segments.paths, columns=segments.columns)
    crowded.pipeline.ingest(batch)
    assert 7 == compact(crowded).merged_files
    (found,) = quarantine.list_batches(crowded.places.quarantine)
    (record_list,) = found.batch.segments
    good = b",".join(b'"x"' for _ in batch.columns)
    text = record_list.read_text().replace(r"\"one\",\"two\"", good.decode().replace('"', r"\""))
    record_list.write_text(text)
    (found,) = quarantine.list_batches(crowded.places.quarantine)

    assert 1 == crowded.pipeline.retry_quarantined(found).rows

    assert 5 == list_batch_rows(crowded)[name_batch(9)]
    assert (name_batch(9), "stored", 5, 0, 0) in read_batches(crowded.database)


@pytest.mark.slow
def test_an_event_that_is_served_again_is_known(bench):
    """The window of a minute that was read before brings nothing new, compacted or not."""
    for number in range(6):
        take_window(bench, number)
    before = read_events(bench)
    assert 6 == compact(bench).merged_files

    with bench.database.begin() as connection:  # the same window as another batch
        connection.exec_driver_sql("DELETE FROM members WHERE batch LIKE '%1003'")
        connection.exec_driver_sql("DELETE FROM batches WHERE key LIKE '%1003'")
    done = take_window(bench, 3)

    assert (0, 2) == (done.rows, done.duplicates)
    assert before == read_events(bench)


@pytest.mark.slow
def test_a_batch_that_is_prepared_while_files_become_one_is_not_written_again(crowded):
    """The list of files is another one then, and the events are the same."""
    context = crowded.pipeline._context
    batch = crowded.write_batch("Login", [build_login_row(1)], key="n" * 32, dedupe=True)
    lookup = context.committed.build_file_lookup(batch)
    lookup(("2026-03-01", "2026-03-01"))
    compact(crowded)
    assert not lookup.has_changed()

    for number in range(10, 14):
        take_log_file(crowded, number)
    assert lookup.has_changed()
    assert 5 == compact(crowded).merged_files
    assert lookup.has_changed(), "what came since is in the file, too"


@pytest.mark.slow
def test_the_proof_of_completeness_still_holds(crowded):
    def build_report():
        with crowded.database.read() as connection:
            return build_completeness_report(
                connection,
                org="acme",
                since=NOON,
                until=NOON + 3 * timedelta(minutes=1),
                archive=crowded.places.archive,
            )

    before = build_report()
    compact(crowded)
    (compared,) = build_report().archive_comparisons
    assert (8, 8, 1, []) == (compared.rows, compared.filed, compared.files, compared.missing)
    assert [] == [one for one in build_report().problems if one not in before.problems]


@pytest.mark.slow
def test_an_event_is_found_with_its_batch_and_file(crowded):
    compact(crowded)
    archive = crowded.places.archive
    with crowded.database.read() as connection, engine.open_engine() as opened:
        (trace,) = trace_event(connection, opened, "0AT000000000002AAA:0:1", archive=archive)
    assert [name_batch(2)] == [batch.key for batch in trace.batches]
    assert [get_compacted(crowded).path] == [file.path for file in trace.files]


# ---- the ledger from the files


FILES = ("files", "path, batch, org, event_type, date, rows, bytes, first, last, sha256")
MEMBERS = ("members", "path, batch, rows")
BATCHES = (
    "batches",
    "key, org, source, stream, event_type, rows, duplicates, nominal, received, facts",
)


def dump(database):
    with database.read() as connection:
        return [
            [
                tuple(row)
                for row in connection.exec_driver_sql(
                    f"SELECT {columns} FROM {table} ORDER BY 1, 2"
                )
            ]
            for table, columns in (FILES, MEMBERS, BATCHES)
        ]


def adopt(database, places):
    with engine.open_engine() as connection:
        return adopt_files(database, connection, places, lambda _: None)


@pytest.mark.parametrize("is_deleted", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_compacted_archive_whose_state_is_lost_is_adopted(crowded, is_deleted):
    """Compacted twice; with and without the files that were replaced."""
    for number in range(5):
        take_window(crowded, number)
    compact(crowded)
    for number in range(10, 15):
        take_log_file(crowded, number)
    assert 6 == compact(crowded).merged_files
    if is_deleted:
        later = clock.now() + 2 * GRACE
        archive = crowded.places.archive
        delete_retired_files(crowded.database, archive, BatchesAtWork(), now=later)
    before = dump(crowded.database)
    crowded.database.close()
    for path in crowded.places.state_dir.glob("state.db*"):
        path.unlink()
    database = open_database(crowded.places.state_dir)

    report = adopt(database, crowded.places)

    assert before == dump(database)
    assert (3, 16, 34, 0, {}) == (
        report.file_count,
        report.batch_count,
        report.event_count,
        report.undescribed_count,
        report.unreadable,
    )
    database.close()


@pytest.mark.slow
def test_what_a_batch_wrote_anew_to_the_place_of_a_replaced_file_is_adopted_too(crowded):
    """It was read again, and had one record more than what the compacted file has of it."""
    compact(crowded)
    with crowded.database.begin() as connection:
        query = sa.update(tables.batches).where(tables.batches.c.key == name_batch(0))
        connection.execute(query.values(state=BatchState.DAMAGED))
    take_log_file(crowded, 0, rows=3)
    before = dump(crowded.database)
    assert 3 == list_batch_rows(crowded)[name_batch(0)]
    crowded.database.close()
    for path in crowded.places.state_dir.glob("state.db*"):
        path.unlink()
    database = open_database(crowded.places.state_dir)

    adopt(database, crowded.places)

    assert before == dump(database)
    database.close()


@pytest.mark.slow
def test_a_file_that_was_made_and_not_committed_takes_the_place_of_its_sources(
    crowded, monkeypatch
):
    """A kill after the move: adopted or not, no event is there twice."""
    before = read_events(crowded)
    monkeypatch.setattr(compacted_files, "replace_files", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        crowded.pipeline.compactor.compact_days()
    monkeypatch.undo()
    assert 8 == count_on_disk(crowded)
    assert before == read_events(crowded)

    assert 1 == adopt(crowded.database, crowded.places).file_count
    assert before == read_events(crowded)
    assert 6 == len(list_retired(crowded.database))
    assert 0 == adopt(crowded.database, crowded.places).file_count
    assert {4, 2} == {row[2] for row in read_batches(crowded.database)}


@pytest.mark.slow
def test_files_of_earlier_versions_become_one_too(crowded):
    """Their footers say nothing: the ledger tells of their batches."""
    for file in list_files(crowded.database):
        (location,) = crowded.places.archive.locate_files([file])
        with engine.open_engine() as connection:
            connection.execute(
                f"COPY (SELECT * FROM '{location}') TO '{location}' (FORMAT parquet)"
            )
        size = (crowded.places.archive.root / file.path).stat().st_size
        with crowded.database.begin() as connection:
            connection.execute(
                sa.update(tables.archive_files)
                .where(tables.archive_files.c.path == file.path)
                .values(bytes=size, sha256="")
            )
    before = read_events(crowded)
    assert 6 == compact(crowded).merged_files
    assert before == read_events(crowded)
    with crowded.database.read() as connection:
        (origin,) = compacted_files.read_batches(connection, [name_batch(3)]).values()
        assert origin.facts.file_id == "0AT000000000003AAA"
        assert 6 == len(
            compacted_files.read_members(connection, [get_compacted(crowded).path]).popitem()[1]
        )
