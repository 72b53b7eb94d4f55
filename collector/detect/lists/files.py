"""Files of value lists to their entries, or to everything that is wrong with them.

YAML says where an entry comes from and until when it counts; plain text has one entry a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from collector.detect import files
from collector.detect.language import document
from collector.detect.lists.check import entry_of, list_problems, plain_entry
from collector.detect.lists.entries import ListEntry, ValueList
from collector.errors import Problem, RulesError

FOLDER = "lists"
"""What a folder below the rules is called that holds lists, not rules."""

MAX_ENTRIES = 50_000
MAX_BYTES = 5_000_000


def below(paths: Iterable[Path]) -> Iterator[Path]:
    """The YAML files in folders called `lists` below the paths, each once."""
    found = {
        each: None
        for path in paths
        for each in files.below(path)
        if FOLDER in each.relative_to(path).parts[:-1]
    }
    return iter(found)


def read(source: Path | Sequence[str], *, name: str | None) -> ValueList:
    """A list out of a file, or out of values as they stand in the configuration.

    `name` is what rules know it by; without one, the file says so, or its name.

    Raises RulesError with every problem.
    """
    if not isinstance(source, Path):
        return _plain(Path(f"rules.lists.{name}"), source, name or "")
    if source.suffix in files.SUFFIXES:
        return _yaml(source, name)
    return _plain(source, _lines(source), name or source.stem)


def _yaml(path: Path, name: str | None) -> ValueList:
    documents = document.read(path)
    if len(documents) != 1:
        raise _refused(path, "a file of a list holds one document with the key 'entries'")
    (whole,) = documents
    problems = list(list_problems(whole, name))
    entries = whole.data.get("entries")
    if isinstance(entries, list) and len(entries) > MAX_ENTRIES:
        problems = [whole.problem(("entries",), f"more than {MAX_ENTRIES:,} entries")]
    if problems:
        raise RulesError(problems)
    about = {key: value for key, value in whole.data.items() if key != "entries"}
    return ValueList(
        name=name or str(whole.data.get("name", path.stem)),
        entries=tuple(entry_of(each, about) for each in whole.data["entries"]),
    )


def _lines(path: Path) -> list[str]:
    """The lines of a file without comments, which begin with `#`; those stay as empty ones."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _refused(path, f"cannot be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise _refused(path, f"larger than {MAX_BYTES:,} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refused(path, "not UTF-8 text", line=line) from None
    stripped = (line.strip() for line in text.split("\n"))
    return ["" if line.startswith("#") else line for line in stripped]


def _plain(path: Path, values: Sequence[str], name: str) -> ValueList:
    """A list of one entry a value; empty ones are none, and what stands there twice counts once."""
    problems: list[Problem] = []
    entries: dict[ListEntry, None] = {}
    for line, value in enumerate(values, start=1):
        try:
            entries.update({plain_entry(value): None} if value else {})
        except ValueError as error:
            problems.append(Problem(path=path, line=line, column=1, message=str(error)))
    if len(entries) > MAX_ENTRIES:
        raise _refused(path, f"more than {MAX_ENTRIES:,} entries")
    if problems:
        raise RulesError(problems)
    return ValueList(name=name, entries=tuple(entries))


def _refused(path: Path, message: str, *, line: int = 1) -> RulesError:
    return RulesError([Problem(path=path, line=line, column=1, message=message)])
