"""Walks the hash chain from its beginning, and compares the ledger with what it says."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from collector.store import tables
from collector.store.hash_chain import ChainHead, EntryKind, compute_entry_hash, is_chain_on
from collector.store.verification_tables import chain_entries

_ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReport:
    """What a walk has found, up to `head`, the last entry whose hash fits.

    `fault` is the first thing that does not fit, as a sentence; empty where everything does.
    `fault_number` is the entry that it is about, None where that is not one.
    """

    head: ChainHead
    is_on: bool
    fault: str = ""
    fault_number: int | None = None


@dataclass(slots=True)
class _Walk:
    """How far a walk is: the last hash, and what each file is by its path, said by which entry."""

    number: int = 0
    hash: str = ""
    files: dict[str, tuple[int, int, str]] = field(default_factory=dict)


def walk_chain(connection: sa.Connection, kept_head: ChainHead | None = None) -> ChainReport | None:
    """Recompute every hash, and compare the files of the ledger; None where there is no chain.

    `kept_head` is one that was written down elsewhere, now or before: the chain must have it.
    """
    walk, is_on = _Walk(), is_chain_on(connection)
    fault, number = _walk_entries(connection, walk, kept_head)
    if fault:
        return _build_report(walk, is_on, fault, number)
    if kept_head is not None and kept_head.number > walk.number:
        fault = f"entry {kept_head.number:,}, which was kept, is not there: the chain ends before"
        return _build_report(walk, is_on, fault, None)
    if not walk.number:
        return None
    fault, number = _compare_ledger(connection, walk) if is_on else ("", None)
    return _build_report(walk, is_on, fault, number)


def _build_report(walk: _Walk, is_on: bool, fault: str, number: int | None) -> ChainReport:  # noqa: FBT001
    head = ChainHead(number=walk.number, hash=walk.hash)
    return ChainReport(head=head, is_on=is_on, fault=fault, fault_number=number)


def _walk_entries(
    connection: sa.Connection, walk: _Walk, kept_head: ChainHead | None
) -> tuple[str, int | None]:
    """Take every entry in; returns the first fault and its number, empty where there is none."""
    query = sa.select(chain_entries).order_by(chain_entries.c.number)
    with connection.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)) as rows:
        for row in rows:
            if fault := _take_entry(walk, row):
                return fault, walk.number + 1
            if fault := _check_kept_head(walk, kept_head):
                return fault, walk.number
    return "", None


def _take_entry(walk: _Walk, row: sa.Row[Any]) -> str:
    """Go on by an entry; returns what is wrong with it, empty where it fits."""
    if row.number != walk.number + 1:
        return f"entry {walk.number + 1:,} is not there"
    if row.hash != compute_entry_hash(walk.hash, row.document):
        return f"entry {row.number:,} is not what was written, or the one before it is not"
    try:
        document = json.loads(row.document)
        if (document["number"], document["kind"]) != (row.number, row.kind):
            return f"entry {row.number:,} stands in the place of another"
        _apply_document(walk, document)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return f"entry {row.number:,} cannot be read: {error!r:.100}"
    walk.number, walk.hash = row.number, row.hash
    return ""


def _apply_document(walk: _Walk, document: dict[str, Any]) -> None:
    if document["kind"] == EntryKind.STARTED and document["forgets"]:
        walk.files.clear()
    for path in document.get("removed", ()):
        walk.files.pop(path, None)
    for path, (rows, sha256) in document.get("added", {}).items():
        walk.files[path] = (document["number"], rows, sha256)


def _check_kept_head(walk: _Walk, kept_head: ChainHead | None) -> str:
    if kept_head is None or kept_head.number != walk.number or kept_head.hash == walk.hash:
        return ""
    return f"entry {walk.number:,} has another hash than the one that was kept: it was rewritten"


def _compare_ledger(connection: sa.Connection, walk: _Walk) -> tuple[str, int | None]:
    """What the ledger says otherwise than the chain, by the earliest entry; empty if nothing."""
    table = tables.archive_files
    query = sa.select(table.c.path, table.c.rows, table.c.sha256).order_by(table.c.path)
    expected = dict(walk.files)
    faults: list[tuple[str, int]] = []
    for path, rows, sha256 in connection.execute(query):
        said = expected.pop(path, None)
        if said is None:
            return f"the ledger has a file that no entry tells of: {path}", None
        if said[1:] != (rows, sha256):
            faults.append((f"the ledger has another hash or number of rows of {path}", said[0]))
    faults += [(f"the ledger has no file {path}", said[0]) for path, said in expected.items()]
    if not faults:
        return "", None
    fault, number = min(faults, key=lambda one: one[1])
    return f"entry {number:,} does not fit: {fault}", number
