"""The hash chain: every change of what it has recorded shows, and which entry it is."""

import hashlib
import json
from contextlib import suppress
from dataclasses import replace

import pytest

from collector.model import BatchState
from collector.store import damaged_files, file_verification, hash_chain, ledger
from collector.store.chain_walk import walk_chain
from collector.store.hash_chain import ChainHead, EntryKind
from fakes.databases import DATABASE_KINDS, open_test_database
from fakes.model_samples import NOON, build_archive_file, build_batch

FILES = [build_archive_file(path=f"org=acme/{n}.parquet", sha256=f"{n:064x}") for n in range(5)]
ENTRY = ledger.LedgerEntry(state=BatchState.STORED, rows=3)


@pytest.fixture(params=DATABASE_KINDS)
def database(request, tmp_path):
    with open_test_database(request.param, tmp_path) as opened:
        yield opened


def record(database, key, *files):
    with database.begin() as connection:
        ledger.record_batch(connection, build_batch(key=key), ENTRY, files)


def change(database, function, *arguments, **named):
    with database.begin() as connection:
        function(connection, *arguments, **named)


def run_sql(database, statement):
    change(database, lambda connection: connection.exec_driver_sql(statement))


def walk(database, kept_head=None):
    with database.read() as connection:
        return walk_chain(connection, kept_head)


def read_entries(database):
    with database.read() as connection:
        rows = connection.exec_driver_sql("SELECT document, hash FROM chain ORDER BY number").all()
    return [(json.loads(document), document, hash_) for document, hash_ in rows]


@pytest.fixture
def history(database):
    """A chain of six entries that has seen everything."""
    record(database, "k0", FILES[0])
    change(database, hash_chain.start_chain)
    record(database, "k1", FILES[1], replace(FILES[2], sha256=""))
    record(database, "k1", FILES[1], replace(FILES[2], sha256=""), FILES[3])
    change(database, file_verification.save_hashes, [FILES[2]])
    change(database, damaged_files.record_damage, FILES[1], reason="it is not there", now=NOON)
    change(
        database,
        hash_chain.append_chain_entry,
        EntryKind.EXPIRED,
        {"removed": [FILES[0].path], "reason": "retention"},
    )
    run_sql(database, "DELETE FROM files WHERE batch = 'k0'")
    return database


def test_it_fits_what_the_ledger_says_after_whatever_happened(history):
    report = walk(history)

    assert ("", 6, True) == (report.fault, report.head.number, report.is_on)
    kinds = [document["kind"] for document, _, _ in read_entries(history)]
    assert ["started", "batch", "batch", "hashed", "damaged", "expired"] == kinds


def test_a_hash_is_that_of_the_hash_before_and_the_document(history):
    entries = read_entries(history)
    previous = ""
    for _, document, digest in entries:
        assert hashlib.sha256(f"{previous}\n{document}".encode()).hexdigest() == digest
        previous = digest
    assert ChainHead(number=6, hash=previous) == walk(history).head
    batch = entries[2][0]
    assert ("k1", "stored", 3, {FILES[3].path: [3, FILES[3].sha256]}, []) == tuple(
        batch[key] for key in ("key", "state", "rows", "added", "removed")
    )


class RollbackError(Exception):
    """Takes back what a test has changed."""


def walk_changed(database, statement):
    """What a walk finds after a change, which is taken back."""
    with suppress(RollbackError), database.begin() as connection:
        connection.exec_driver_sql(statement)
        report = walk_chain(connection)
        raise RollbackError
    return report


CHANGES = [
    "UPDATE chain SET document = replace(document, 'acme', 'emca') || ' ' WHERE number = {number}",
    "UPDATE chain SET hash = '{number:064x}' WHERE number = {number}",
    "DELETE FROM chain WHERE number = {number}",
    "UPDATE chain SET document = 'x' WHERE number = {number}",
]


def test_an_entry_that_was_changed_is_the_first_that_does_not_fit(history):
    found = {
        (change, number): walk_changed(history, change.format(number=number))
        for change in CHANGES
        for number in range(1, 7)
    }
    last_deleted = found.pop((CHANGES[2], 6))

    assert {one: one[1] for one in found} == {
        one: report.fault_number for one, report in found.items()
    }
    assert "" not in {report.fault for report in found.values()}
    assert "entry 5 does not fit: the ledger has no file" not in last_deleted.fault
    assert "the ledger has no file" in last_deleted.fault


def test_a_ledger_that_was_changed_does_not_fit_the_entry_that_says_otherwise(history):
    changes = {
        f"UPDATE files SET sha256 = 'f' || substr(sha256, 2) WHERE path = '{FILES[2].path}'": 4,
        f"UPDATE files SET rows = 2 WHERE path = '{FILES[3].path}'": 3,
        f"DELETE FROM files WHERE path = '{FILES[3].path}'": 3,
        f"UPDATE files SET path = path || 'x' WHERE path = '{FILES[3].path}'": None,
    }
    reports = {statement: walk_changed(history, statement) for statement in changes}

    assert changes == {statement: one.fault_number for statement, one in reports.items()}
    assert "" not in {one.fault for one in reports.values()}


def rewrite_chain(database):
    """As somebody does who may write the whole database: entry 2 told of another file."""
    entries = read_entries(database)
    previous = ""
    for number, (_, document, _) in enumerate(entries, start=1):
        changed = document.replace(FILES[3].sha256, "e" * 64)
        digest = hashlib.sha256(f"{previous}\n{changed}".encode()).hexdigest()
        values = f"document = '{changed}', hash = '{digest}'"
        run_sql(database, f"UPDATE chain SET {values} WHERE number = {number}")
        previous = digest
    statement = f"UPDATE files SET sha256 = '{'e' * 64}' WHERE path = '{FILES[3].path}'"
    run_sql(database, statement)


def test_a_chain_that_was_rewritten_whole_fits_but_for_a_head_that_was_kept(history):
    kept = [ChainHead(number=n, hash=one[2]) for n, one in enumerate(read_entries(history), 1)]
    assert [""] * 6 == [walk(history, head).fault for head in kept]
    rewrite_chain(history)

    assert "" == walk(history).fault
    assert [None, None, 3, 4, 5, 6] == [walk(history, head).fault_number for head in kept]
    assert "it was rewritten" in walk(history, kept[5]).fault


def test_a_chain_that_was_cut_short_with_its_ledger_shows_by_a_kept_head(history):
    kept = walk(history).head
    run_sql(history, "DELETE FROM chain")
    assert walk(history) is None
    assert "entry 6, which was kept, is not there" in walk(history, kept).fault


def test_off_it_records_nothing_and_on_again_it_begins_with_what_is_there(history):
    change(history, hash_chain.stop_chain)
    change(history, hash_chain.stop_chain)
    record(history, "k9", FILES[4])
    report = walk(history)
    assert (7, False, "") == (report.head.number, report.is_on, report.fault)

    change(history, hash_chain.start_chain)
    change(history, hash_chain.start_chain)

    report = walk(history)
    assert (8, True, "") == (report.head.number, report.is_on, report.fault)
    (document, _, _) = read_entries(history)[-1]
    assert sorted(file.path for file in FILES[2:]) == sorted(document["added"])


def test_where_it_was_never_on_there_is_nothing_to_say(database):
    record(database, "k1", FILES[1])
    change(database, hash_chain.stop_chain)

    assert walk(database) is None
    assert [] == read_entries(database)


def test_what_a_transaction_takes_back_is_in_no_chain(history):
    def fail_after_recording(connection):
        ledger.record_batch(connection, build_batch(key="k5"), ENTRY, [FILES[4]])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        change(history, fail_after_recording)
    record(history, "k6", FILES[4])

    assert (7, "") == (walk(history).head.number, walk(history).fault)
