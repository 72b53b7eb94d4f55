"""Files of value lists to their entries, or to everything that is wrong with them.

YAML may give an entry's source and expiry; plain text has one entry a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from collector.detect.language.yaml_document import YamlDocument, read_documents
from collector.detect.lists.entry_lines import read_line_entry
from collector.detect.lists.list_checks import (
    METADATA_KEYS,
    build_entry,
    build_plain_entry,
    find_entry_doubt,
    find_list_problems,
)
from collector.detect.lists.value_list import ListEntry, ValueList
from collector.errors import Problem, RulesError
from collector.yaml_source import yaml_files
from collector.yaml_source.problem_report import ProblemReport
from collector.yaml_source.source_text import read_text

LISTS_FOLDER = "lists"
"""The name of folders below the rules that hold lists, not rules."""

ListSource: TypeAlias = Path | Sequence[str] | YamlDocument
"""A file, values, or a document whose `entries` may have attributes."""

MAX_ENTRIES = 50_000
MAX_FILE_BYTES = 5_000_000


def find_list_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The YAML files in folders called `lists`, below folders and beside files; each once."""
    yield from dict.fromkeys(file for path in paths for file in _list_files_around(path))


def _list_files_around(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield from yaml_files.list_yaml_files(path.parent / LISTS_FOLDER)
        return
    for file in yaml_files.list_yaml_files(path):
        if LISTS_FOLDER in file.relative_to(path).parts[:-1]:
            yield file


def read_list(source: ListSource, *, name: str | None) -> ValueList:
    """The list of a file, or of values or entries with attributes in the configuration.

    `name` is its name in rules; without one, the file's key `name`, or the name of the file.

    Raises RulesError with every problem.
    """
    if isinstance(source, YamlDocument):
        return _build_document_list(source, name)
    if not isinstance(source, Path):
        return _build_plain_list(Path(f"rules.lists.{name}"), source, name or "")
    if source.suffix in yaml_files.YAML_SUFFIXES:
        return _read_yaml_list(source, name)
    return _build_plain_list(source, _read_lines(source), name or source.stem)


def _read_yaml_list(path: Path, name: str | None) -> ValueList:
    documents = read_documents(path)
    if len(documents) != 1:
        raise _build_error(path, "a file of a list holds one document with the key 'entries'")
    return _build_document_list(documents[0], name)


def _build_document_list(document: YamlDocument, name: str | None) -> ValueList:
    problems = list(find_list_problems(document, name))
    entries = document.data.get("entries")
    if isinstance(entries, list) and len(entries) > MAX_ENTRIES:
        problems = [document.build_problem(("entries",), f"more than {MAX_ENTRIES:,} entries")]
    if problems:
        raise RulesError(problems)
    metadata = {key: document.data[key] for key in METADATA_KEYS & document.data.keys()}
    entries_read = tuple(build_entry(each, metadata) for each in document.data["entries"])
    return ValueList(
        name=name or str(document.data.get("name", document.path.stem)),
        entries=entries_read,
        is_optional=bool(document.data.get("optional")),
        warnings=tuple(
            document.build_problem(("entries", position), message)
            for position, entry in enumerate(entries_read)
            if (message := find_entry_doubt(entry))
        ),
    )


def _read_lines(path: Path) -> list[str]:
    """The entry on each line of a file; it is empty on empty lines and on those of comments."""
    report = ProblemReport(path=path, error_type=RulesError)
    text = read_text(report, max_bytes=MAX_FILE_BYTES)
    return [read_line_entry(line) for line in text.split("\n")]


def _build_plain_list(path: Path, values: Sequence[str], name: str) -> ValueList:
    """A list with an entry for each distinct value that is not empty."""
    problems: list[Problem] = []
    warnings: list[Problem] = []
    entries: dict[ListEntry, None] = {}
    for line, value in enumerate(values, start=1):
        if not value:
            continue
        try:
            entry = build_plain_entry(value)
        except ValueError as error:
            problems.append(Problem(path=path, line=line, column=1, message=str(error)))
            continue
        entries[entry] = None
        if message := find_entry_doubt(entry):
            warnings.append(Problem(path=path, line=line, column=1, message=message))
    if len(entries) > MAX_ENTRIES:
        raise _build_error(path, f"more than {MAX_ENTRIES:,} entries")
    if problems:
        raise RulesError(problems)
    return ValueList(name=name, entries=tuple(entries), warnings=tuple(warnings))


def _build_error(path: Path, message: str) -> RulesError:
    return RulesError([Problem(path=path, line=1, column=1, message=message)])
