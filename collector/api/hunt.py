"""SQL over the archive."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, count

import duckdb

from collector import normalize
from collector.api.json_values import JsonObject, to_json_object
from collector.api.readable_files import select_sound_files
from collector.api.state_view import (
    list_committed_files,
    open_state_view,
    select_readable_files,
)
from collector.archive import hunt_query
from collector.archive.column_sets import ColumnSetCache
from collector.archive.hunt_directory import (
    CURRENT_VIEWS,
    NO_DIRECTORY,
    VERSION_VIEWS,
    HuntDirectory,
    list_named_kinds,
)
from collector.archive.hunt_query import HuntResult
from collector.archive.hunt_views import ALL_TIMES, select_files_of_span
from collector.archive.store import ArchiveStore
from collector.archive.time_bounds import TimeBounds
from collector.errors import (
    CollectorError,
    HuntError,
    HuntLimitError,
    HuntReadError,
    InvalidSqlError,
)
from collector.escaping import collapse_whitespace
from collector.ingest.state_paths import StatePaths
from collector.model import ArchiveFile
from collector.normalize.derived_types import MAX_EVENT_DISTANCE
from collector.settings import Settings
from collector.store import directory_entries

__all__ = ["HuntResult", "TimeBounds", "run_hunt", "to_json_lines"]

_RESOURCE_ERRORS = (duckdb.InterruptException, duckdb.OutOfMemoryException, duckdb.IOException)
"""What ends a query that is well written."""


def run_hunt(
    settings: Settings,
    sql: str,
    *,
    timeout_seconds: float,
    limit: int,
    span: TimeBounds = ALL_TIMES,
) -> HuntResult:
    """The rows of one SELECT over `events`, a view for each event type, and the directory.

    With a `span` they hold its events alone, the end excluded.

    Raises:
        InvalidSqlError: a mistake in the SQL; where a table is unknown, it says which there are.
        HuntError: the query took too much time or memory.
        CollectorError: the archive is empty.
    """
    paths = StatePaths(state_dir=settings.state_dir)
    archive = paths.archive
    directory = _read_directory(settings, sql)
    committed_files = _list_files(settings, directory)
    files = _select_files(settings, committed_files, span)
    column_sets = ColumnSetCache(path=paths.column_sets, committed_files=committed_files)

    def run_query(readable_files: Sequence[ArchiveFile]) -> HuntResult:
        return hunt_query.run_hunt_query(
            sql,
            archive=archive,
            files=readable_files,
            derived_types=normalize.DERIVED_EVENT_TYPES,
            span=span,
            column_sets=column_sets,
            directory=directory,
            timeout_seconds=timeout_seconds,
            limit=limit,
        )

    try:
        return _run_over_sound_files(run_query, archive, files)
    except HuntLimitError:
        raise
    except HuntError as error:
        if isinstance(error.__context__, _RESOURCE_ERRORS):
            raise
        raise InvalidSqlError(_explain_error(str(error), files)) from error


def _read_directory(settings: Settings, sql: str) -> HuntDirectory:
    """What the query names of the directory, which is read for no other one."""
    kinds = list_named_kinds(sql)
    if not kinds:
        return NO_DIRECTORY
    with open_state_view(settings) as connection:
        versions = tuple(directory_entries.list_versions(connection, kinds))
    return HuntDirectory(versions=versions, claims=settings.directory.build_claims())


def _list_files(settings: Settings, directory: HuntDirectory) -> list[ArchiveFile]:
    """The committed files; the directory can be asked before there are any."""
    try:
        return list_committed_files(settings)
    except CollectorError:
        if directory.versions:
            return []
        raise


def _select_files(
    settings: Settings, committed_files: Sequence[ArchiveFile], span: TimeBounds
) -> list[ArchiveFile]:
    if not committed_files:
        return []
    return select_readable_files(
        settings, select_files_of_span(committed_files, span, MAX_EVENT_DISTANCE)
    )


def _run_over_sound_files(
    run_query: Callable[[Sequence[ArchiveFile]], HuntResult],
    archive: ArchiveStore,
    files: Sequence[ArchiveFile],
) -> HuntResult:
    """The answer without the files that are damaged, each of which is read to know it.

    First those alone that seem to be; where there are more of them, all that the query reads.
    """
    try:
        return run_query(files)
    except HuntReadError as error:
        sound = _leave_out_damaged(archive, files, error.suspects)
        if len(sound) == len(files):
            raise
    try:
        return run_query(sound)
    except HuntReadError as error:
        return run_query(_leave_out_damaged(archive, sound, error.read_paths))


def _leave_out_damaged(
    archive: ArchiveStore, files: Sequence[ArchiveFile], suspects: Sequence[str]
) -> list[ArchiveFile]:
    suspected_paths = frozenset(suspects)
    suspected = [file for file in files if file.path in suspected_paths]
    sound_paths = {file.path for file in select_sound_files(archive, suspected)}
    kept = [file for file in files if file.path not in suspected_paths or file.path in sound_paths]
    if not kept:
        raise CollectorError("no file of the archive can be read: see `collector status`")
    return kept


def to_json_lines(answer: HuntResult) -> Iterator[JsonObject]:
    """An object for each row; columns of the same name are numbered."""
    names = _number_duplicates(answer.columns)
    for row in answer.rows:
        yield to_json_object(dict(zip(names, row, strict=True)))


def _explain_error(message: str, files: Sequence[ArchiveFile]) -> str:
    """What is wrong with the SQL, in one sentence; where a table is unknown, which there are."""
    if not message.startswith("Catalog Error: Table "):
        return collapse_whitespace(message)
    stored_types = {file.event_type for file in files}
    derived_types = {
        name
        for name, derived_type in normalize.DERIVED_EVENT_TYPES.items()
        if not stored_types.isdisjoint(derived_type.source_types)
    }
    tables = ", ".join(["events", *sorted(stored_types | derived_types), *CURRENT_VIEWS])
    versions = ", ".join(VERSION_VIEWS)
    return f"{message.splitlines()[0]} There are {tables}, {versions}"


def _number_duplicates(names: Sequence[str]) -> list[str]:
    """The names of columns, each once: `n`, `n_2`."""
    result: list[str] = []
    for name in names:
        numbered = (f"{name}_{number}" for number in count(2))
        result.append(next(each for each in chain([name], numbered) if each not in result))
    return result
