"""The hash chain: what became of the archive's files, each entry bound to the one before it.

The document of an entry is JSON in one form: sorted keys, no spaces, ASCII. Its hash is the SHA-256
of the previous entry's hash (64 hex digits; nothing for the first), a newline and the document.
`added` maps the path of each file that came, or changed, to its rows and its SHA-256; `removed`
lists the paths of those that are committed no more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from collector import clock
from collector.model import ArchiveFile
from collector.store import tables
from collector.store.archive_file_rows import parse_archive_file
from collector.store.chunks import split_chunks
from collector.store.verification_tables import chain_entries

_FILES_PER_ENTRY = 1000


class EntryKind(StrEnum):
    """What an entry is about.

    `started` lists the files that are there, in several entries where they are many, and the first
    of them forgets all before; after `stopped` nothing is recorded until the next `started`.
    """

    STARTED = "started"
    STOPPED = "stopped"
    BATCH = "batch"
    DAMAGED = "damaged"
    HASHED = "hashed"
    COMPACTED = "compacted"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainHead:
    """The last entry: its number, from 1, and its hash."""

    number: int
    hash: str


def read_chain_head(connection: sa.Connection) -> ChainHead | None:
    """The last entry of the chain; None where none was ever begun."""
    last = _read_last_entry(connection)
    return None if last is None else last[0]


def append_chain_entry(
    connection: sa.Connection, kind: EntryKind, document: Mapping[str, Any]
) -> None:
    """Append what this transaction does to the archive's files; nothing where the chain is off.

    `document` is JSON; of its keys `added` (`describe_files`) and `removed` say what changes.
    """
    if is_chain_on(connection):
        _append_entry(connection, kind, document)


def append_batch_entry(
    connection: sa.Connection, document: Mapping[str, Any], files: Iterable[ArchiveFile]
) -> None:
    """Append that a batch has these files from now on, before the ledger says so.

    `document` has the `key` of the batch, and what else is to be kept of it.
    """
    if not is_chain_on(connection):
        return
    table = tables.archive_files
    query = sa.select(table).where(table.c.batch == document["key"])
    before = describe_files(map(parse_archive_file, connection.execute(query)))
    after = describe_files(files)
    changes = {
        "added": {path: value for path, value in after.items() if before.get(path) != value},
        "removed": sorted(before.keys() - after.keys()),
    }
    _append_entry(connection, EntryKind.BATCH, {**document, **changes})


def describe_files(files: Iterable[ArchiveFile]) -> dict[str, list[int | str]]:
    """The rows and the hash of files by their paths, as a document has them."""
    return {file.path: [file.rows, file.sha256] for file in files}


def is_chain_on(connection: sa.Connection) -> bool:
    """Whether what happens to files is recorded."""
    last = _read_last_entry(connection)
    return last is not None and last[1] != EntryKind.STOPPED


def start_chain(connection: sa.Connection) -> None:
    """Record from now on what happens to files, those that are there first."""
    if is_chain_on(connection):
        return
    table = tables.archive_files
    rows = connection.execute(sa.select(table).order_by(table.c.path))
    chunks = list(split_chunks(map(parse_archive_file, rows), _FILES_PER_ENTRY)) or [[]]
    for index, files in enumerate(chunks):
        document = {"added": describe_files(files), "forgets": index == 0}
        _append_entry(connection, EntryKind.STARTED, document)


def stop_chain(connection: sa.Connection) -> None:
    """Record no more; the chain says that, too."""
    append_chain_entry(connection, EntryKind.STOPPED, {})


def compute_entry_hash(previous_hash: str, document: str) -> str:
    """The hash of an entry, in 64 hex digits."""
    return hashlib.sha256(f"{previous_hash}\n{document}".encode()).hexdigest()


def _append_entry(connection: sa.Connection, kind: EntryKind, document: Mapping[str, Any]) -> None:
    if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
        connection.execute(sa.text(f"LOCK TABLE {chain_entries.name} IN EXCLUSIVE MODE"))
    head = read_chain_head(connection) or ChainHead(number=0, hash="")
    number = head.number + 1
    fixed = {"number": number, "kind": kind, "time": clock.now().isoformat()}
    text = json.dumps({**document, **fixed}, sort_keys=True, separators=(",", ":"))
    values = {
        "number": number,
        "kind": kind,
        "document": text,
        "hash": compute_entry_hash(head.hash, text),
    }
    connection.execute(sa.insert(chain_entries).values(values))


def _read_last_entry(connection: sa.Connection) -> tuple[ChainHead, str] | None:
    """The last entry and its kind."""
    query = sa.select(chain_entries.c.number, chain_entries.c.kind, chain_entries.c.hash)
    row = connection.execute(query.order_by(chain_entries.c.number.desc()).limit(1)).first()
    return None if row is None else (ChainHead(number=row.number, hash=row.hash), row.kind)
