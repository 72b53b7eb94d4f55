"""SQL over the archive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, count

import duckdb

from collector import normalize
from collector.api.json_values import JsonObject, to_json_object
from collector.api.readable_files import select_sound_files
from collector.api.state_view import read_archive_files
from collector.archive import hunt_query
from collector.archive.hunt_query import HuntResult
from collector.errors import HuntError, HuntLimitError, InvalidSqlError
from collector.escaping import collapse_whitespace
from collector.ingest.state_paths import StatePaths
from collector.model import ArchiveFile
from collector.settings import Settings

__all__ = ["HuntResult", "run_hunt", "to_json_lines"]

_RESOURCE_ERRORS = (duckdb.InterruptException, duckdb.OutOfMemoryException, duckdb.IOException)
"""What ends a query that is well written."""

_READ_ERRORS = (duckdb.IOException, duckdb.InvalidInputException, duckdb.SerializationException)


def run_hunt(settings: Settings, sql: str, *, timeout_seconds: float, limit: int) -> HuntResult:
    """The rows of one SELECT over the table `events` and a view for each event type.

    Raises:
        InvalidSqlError: a mistake in the SQL; where a table is unknown, it says which there are.
        HuntError: the query took too much time or memory.
        CollectorError: the archive is empty.
    """
    archive = StatePaths(state_dir=settings.state_dir).archive
    files = read_archive_files(settings)

    def run_query(readable_files: Sequence[ArchiveFile]) -> HuntResult:
        return hunt_query.run_hunt_query(
            sql,
            archive=archive,
            files=readable_files,
            derived_types=normalize.DERIVED_EVENT_TYPES,
            timeout_seconds=timeout_seconds,
            limit=limit,
        )

    try:
        return run_query(files)
    except HuntLimitError:
        raise
    except HuntError as error:
        if _may_be_damage(error):
            sound = select_sound_files(archive, files)
            if not sound:
                raise HuntError(
                    "no file of the archive can be read: see `collector status`"
                ) from None
            if len(sound) < len(files):
                return run_query(sound)
        if isinstance(error.__context__, _RESOURCE_ERRORS):
            raise
        raise InvalidSqlError(_explain_error(str(error), files)) from error


def to_json_lines(answer: HuntResult) -> Iterator[JsonObject]:
    """An object for each row; columns of the same name are numbered."""
    names = _number_duplicates(answer.columns)
    for row in answer.rows:
        yield to_json_object(dict(zip(names, row, strict=True)))


def _may_be_damage(error: HuntError) -> bool:
    """Whether it may come from a damaged file: the engine has no error of its own for that."""
    cause = error.__context__
    return isinstance(cause, _READ_ERRORS) or type(cause) is duckdb.Error


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
    tables = ", ".join(["events", *sorted(stored_types | derived_types)])
    return f"{message.splitlines()[0]} There are {tables}"


def _number_duplicates(names: Sequence[str]) -> list[str]:
    """The names of columns, each once: `n`, `n_2`."""
    result: list[str] = []
    for name in names:
        numbered = (f"{name}_{number}" for number in count(2))
        result.append(next(each for each in chain([name], numbered) if each not in result))
    return result
