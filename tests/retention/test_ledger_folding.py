"""Old query windows become numbers while their events stay: every count stays true to the end."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from collector.completeness import build_completeness_report
from collector.model import (
    ArchiveFile,
    BatchState,
    DamageState,
    UnknownFacts,
    WindowFacts,
)
from collector.settings import ArchiveSettings
from collector.store import (
    compacted_files,
    damaged_files,
    file_expiry,
    folded_events,
    holds,
    ledger,
    ledger_folding,
    ledger_totals,
    tables,
)
from collector.store.holds import HoldScope
from collector.store.retention_tables import folded_batches
from fakes.model_samples import NOON
from fakes.old_state import (
    DAY,
    build_pruner,
    build_window_batch,
    list_values,
    open_old_state,
)

NOW = NOON
AGE = 50
MONTH = f"{NOON - AGE * DAY:%Y-%m}"
WINDOWS = 6
MINUTE = timedelta(minutes=1)


@pytest.fixture
def state(tmp_path):
    """Six windows of two events in one file, and the newest of the stream without any."""
    with open_old_state(tmp_path) as opened:
        keys = [store_window(opened, AGE, number) for number in range(WINDOWS)]
        store_window(opened, 1, 0, rows=0)
        with opened.database.begin() as connection:
            compacted_files.insert_compacted_file(connection, build_file(), dict.fromkeys(keys, 2))
        yield opened


def store_window(state, age, number, rows=2):
    until = NOW - age * DAY + number * MINUTE
    facts = WindowFacts(start=until - MINUTE, until=until, rows=rows, is_truncated=False)
    batch = build_window_batch(age, key=f"{age}-{number}", facts=facts, log_time=until)
    with state.database.begin() as connection:
        entry = ledger.LedgerEntry(state=BatchState.STORED, rows=rows)
        ledger.record_batch(connection, batch, entry, [])
    return batch.key


def build_file(rows=2 * WINDOWS, day=NOW - AGE * DAY):
    return ArchiveFile(
        path=f"org=acme/event_type=ApiEvent/date={day:%Y-%m-%d}/compacted-1.parquet",
        org="acme",
        event_type="ApiEvent",
        date=f"{day:%Y-%m-%d}",
        rows=rows,
        bytes=4,
        first_time=day,
        last_time=day + WINDOWS * MINUTE,
    )


def fold(state, *numbers):
    """Fold some of the windows, as if pruning had ended in the middle."""
    with state.database.begin() as connection:
        keys = [f"{AGE}-{number}" for number in numbers]
        return ledger_folding.fold_batches(connection, keys, holds=[], now=NOW)


def count(state):
    """Stored and pruned events, and batches, of all that was ever taken in."""
    with state.database.read() as connection:
        (total,) = ledger_totals.list_ledger_totals(connection)
    return (total.rows, total.pruned, total.batches)


def list_folded(state):
    return list_values(state, folded_batches, "month", "batches", "rows", "pruned")


def list_members(state):
    return list_values(state, tables.file_members, "batch", "rows")


def expire(state):
    with state.database.begin() as connection:
        return file_expiry.expire_files(connection, [build_file()], now=NOW)


def damage(state):
    with state.database.begin() as connection:
        damaged_files.record_damage(connection, build_file(), reason="it is gone", now=NOW)
        return damaged_files.list_damaged_files(connection)


# ---- what is folded


def test_of_a_file_some_of_whose_windows_stay_each_event_counts_once(state):
    assert (12, 0, 7) == count(state)

    assert 4 == fold(state, 0, 1, 2, 3)

    assert [(f"{AGE}-4", 2), (f"{AGE}-5", 2)] == list_members(state)
    assert [(MONTH, 4, 8, 0)] == list_folded(state)
    assert (12, 0, 7) == count(state)
    assert [build_file()] == expire(state)
    assert [] == expire(state), "it is not there a second time"
    assert [(MONTH, 4, 0, 8)] == list_folded(state)
    assert (0, 12, 7) == count(state)


@pytest.mark.slow
def test_windows_that_are_young_newest_or_under_a_hold_stay(state, monkeypatch):
    monkeypatch.setattr(ledger_folding, "KEYS_AT_ONCE", 2)
    build_pruner(state).prune(NOW - (AGE - 34) * DAY)
    assert WINDOWS == len(list_members(state))
    with state.database.begin() as connection:
        scope = HoldScope(org="acme", event_type="Api*", until=NOW - AGE * DAY - MINUTE)
        hold = holds.insert_hold(connection, scope, reason="case 7", placed_by="ada", now=NOW)
    build_pruner(state).prune(NOW)
    assert WINDOWS == len(list_members(state))

    with state.database.begin() as connection:
        holds.mark_hold_released(connection, hold.id, released_by="bob", now=NOW)
    assert WINDOWS == build_pruner(state).prune(NOW).batches
    assert ["1-0"] == list_values(state, tables.batches, "key")
    assert [(MONTH, 6, 12, 0)] == list_folded(state)


@pytest.mark.slow
def test_what_is_no_window_stays_while_a_file_has_its_events(state):
    with state.database.begin() as connection:
        connection.execute(sa.update(tables.batches).values(facts={}))

    build_pruner(state, ArchiveSettings.model_validate({"retention": "3650d"})).prune(
        NOW + 400 * DAY
    )

    assert WINDOWS == len(list_members(state))


@pytest.mark.slow
def test_windows_of_one_moment_are_listed_each_once(state, monkeypatch):
    monkeypatch.setattr(ledger_folding, "KEYS_AT_ONCE", 4)
    with state.database.begin() as connection:
        old = tables.batches.c.nominal < NOW - 2 * DAY
        connection.execute(sa.update(tables.batches).where(old).values(nominal=NOW - AGE * DAY))
        stream = build_window_batch(AGE).stream
        first = ledger_folding.list_foldable_batches(connection, stream, now=NOW)
        rest = ledger_folding.list_foldable_batches(connection, stream, now=NOW, after=first[-1])

    assert [f"{AGE}-{number}" for number in range(WINDOWS)] == [
        batch.key for batch in (*first, *rest)
    ]


# ---- which of the totals


@pytest.mark.parametrize(
    ("amount", "left"),
    [
        (7, [("2026-01", 1, 2), ("2026-02", 0, 5), ("2026-04", 4, 0)]),
        pytest.param(
            5,
            [("2026-01", 3, 0), ("2026-02", 0, 5), ("2026-04", 4, 0)],
            marks=pytest.mark.slow,
        ),
        (99, [("2026-01", 0, 3), ("2026-02", 0, 5), ("2026-04", 0, 4)]),
    ],
)
def test_the_month_of_a_file_is_taken_first_and_none_becomes_negative(tmp_path, amount, left):
    names = ("duplicates", "quarantined", "bad_records", "unknown_times", "lost", "pruned")
    common = {
        **dict.fromkeys(names, 0),
        "org": "acme",
        "source": "stored_events",
        "batches": 1,
        "newest": NOW,
    }
    with open_old_state(tmp_path) as state:
        totals = [("2026-01", 3), ("2026-02", 5), ("2026-04", 4)]
        rows = [
            {**common, "event_type": "ApiEvent", "month": month, "rows": rows}
            for month, rows in totals
        ]
        other = {**common, "event_type": "Login", "month": "2026-02", "rows": 9}
        with state.database.begin() as connection:
            connection.execute(sa.insert(folded_batches), [*rows, other])
            february = NOW.replace(year=2026, month=2, day=28)
            folded_events.count_as_pruned(connection, build_file(day=february), amount)
        found = list_values(state, folded_batches, "month", "rows", "pruned")
        assert sorted([*left, ("2026-02", 9, 0)]) == found


# ---- damage


def test_damage_of_folded_windows_is_told_as_that_of_one_batch(state):
    assert WINDOWS == build_pruner(state).prune(NOW).batches

    (damaged,) = damage(state)

    assert (build_file(), UnknownFacts(rows=12), DamageState.WAITING) == (
        damaged.file,
        damaged.facts,
        damaged.state,
    )
    assert build_window_batch(AGE).stream == damaged.stream
    assert [(damaged.batch, BatchState.DAMAGED, 0)] == [
        row
        for row in list_values(state, tables.batches, "key", "state", "rows")
        if row[0] == damaged.batch
    ]
    assert [(MONTH, 6, 0, 0)] == list_folded(state)
    assert (0, 0, 8) == count(state), "its events are in no file"
    assert ["acme/stored_events/ApiEvent: 12 records unaccounted for"] == list_problems(state)
    with state.database.begin() as connection:
        damaged_files.mark_replaced(connection, damaged)
    assert [] == list_problems(state)


def list_problems(state):
    with state.database.read() as connection:
        return build_completeness_report(
            connection,
            org="acme",
            since=NOW - 60 * DAY,
            until=NOW,
            archive=state.places.archive,
        ).problems


@pytest.mark.slow
def test_damage_of_a_file_with_both_is_told_of_each(state):
    fold(state, 0, 1, 2, 3)

    damages = {damaged.batch: damaged.file.rows for damaged in damage(state)}

    assert {"compacted-1": 8, f"{AGE}-4": 2, f"{AGE}-5": 2} == damages
    assert (0, 0, 8) == count(state)


@pytest.mark.slow
def test_what_was_lost_of_folded_windows_is_forgotten_with_its_day(state):
    build_pruner(state).prune(NOW)
    (damaged,) = damage(state)
    with state.database.begin() as connection:
        damaged_files.mark_lost(connection, damaged, reason="none served", now=NOW)

    build_pruner(state).prune(NOW + 400 * DAY)

    assert [] == list_values(state, tables.damaged_files, "path")
    assert [(MONTH, 7, 0, 0)] == list_folded(state)
    assert [1] == list_values(state, folded_batches, "lost")


# ---- what it costs


def test_no_statement_of_folding_reads_a_whole_table(state):
    statements = []
    with state.database.begin() as connection:
        sa.event.listen(
            connection, "before_cursor_execute", lambda *args: statements.append(args[2:4])
        )
        stream = build_window_batch(AGE).stream
        first = ledger_folding.list_foldable_batches(connection, stream, now=NOW)
        rest = ledger_folding.list_foldable_batches(connection, stream, now=NOW, after=first[1])
        assert first[2:] == rest
        keys = [batch.key for batch in first]
        assert WINDOWS == ledger_folding.fold_batches(connection, keys, holds=[], now=NOW)
        driver = connection.connection.driver_connection
        steps = [
            row[3]
            for text, values in statements
            if not isinstance(values, list)
            for row in driver.execute(f"EXPLAIN QUERY PLAN {text}", values)
        ]

    assert len(steps) > len(statements) > 6
    scans = {" ".join(step.split()[:2]) for step in steps if step.startswith("SCAN")}
    assert {"SCAN damaged"} == scans, "nearly always empty, and once a statement"
    assert "SEARCH members USING COVERING INDEX members_of_batch (batch=?)" in steps
