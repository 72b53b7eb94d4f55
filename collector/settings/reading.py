"""A YAML or JSON file to a tree of nodes.

Judges the parser's events one by one, so that a bomb is refused before it is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from collector.settings.nodes import Entry, Node, Scalar, shown
from collector.settings.report import START, Place, Report

MAX_BYTES = 1_000_000
MAX_NODES = 50_000
MAX_DEPTH = 20


def read(path: Path, report: Report) -> Node:
    """The tree of a YAML or JSON file; an empty file is a node without a value.

    Small mistakes are added to `report`. Raises SettingsError where reading cannot go on.
    """
    text = _decode(_bytes(path, report), report)
    try:
        return _Reader(yaml.parse(text, Loader=yaml.SafeLoader), report).document()
    except yaml.MarkedYAMLError as error:
        place, message = _mark(error.problem_mark), _plain_words(error)
    except yaml.reader.ReaderError as error:
        place = _place_after(text[: error.position])
        message = f"the character U+{ord(text[error.position]):04X} may not stand in YAML"
    raise report.fatal(place, message)


def _bytes(path: Path, report: Report) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise report.fatal(START, f"cannot be read: {error.strerror}") from None
    except ValueError:
        raise report.fatal(START, "cannot be read: its name holds a NUL character") from None
    if len(data) > MAX_BYTES:
        raise report.fatal(START, f"larger than {MAX_BYTES:,} bytes")
    return data


def _decode(data: bytes, report: Report) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
    raise report.fatal(_place_after(before), "not UTF-8 text")


def _place_after(text: str) -> Place:
    line_start = text.rfind("\n") + 1
    return Place(line=text.count("\n") + 1, column=len(text) - line_start + 1)


def _mark(mark: Any) -> Place:
    return Place(line=mark.line + 1, column=mark.column + 1) if mark else START


class _Reader:
    """One pass over the events of one document."""

    def __init__(self, events: Iterator[yaml.Event], report: Report) -> None:
        self._events = events
        self._report = report
        self._nodes = 0
        self._last = START

    def document(self) -> Node:
        self._next()  # the start of the stream
        if isinstance(self._next(), yaml.StreamEndEvent):
            return Node()
        root = self._node(self._next(), depth=1)
        self._next()  # the end of the document
        further = self._next()
        if isinstance(further, yaml.DocumentStartEvent):
            self._report.add(_mark(further.start_mark), "a second document: one per file")
        return root

    def _next(self) -> yaml.Event:
        try:
            event = next(self._events)
        except (ValueError, OverflowError):  # PyYAML hands "\UFFFFFFFF" to chr() as it is
            event = None
        if event is None:
            raise self._report.fatal(self._last, "beyond this, a number is out of range")
        self._last = _mark(event.start_mark)
        return event

    def _node(self, event: yaml.Event, *, depth: int) -> Node:
        place = _mark(event.start_mark)
        self._bound(place, depth)
        spoilt = self._refuse(event, place)
        match event:
            case yaml.MappingStartEvent():
                return Node(place=place, value=self._mapping(depth), spoilt=spoilt)
            case yaml.SequenceStartEvent():
                return Node(place=place, value=self._sequence(depth), spoilt=spoilt)
            case yaml.ScalarEvent():
                text = self._text(event, place)
                if text is not None:
                    value = text if event.style or event.tag else _scalar(text)
                    return Node(place=place, value=value, spoilt=spoilt)
        return Node(place=place, value="", spoilt=True)

    def _bound(self, place: Place, depth: int) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._report.fatal(place, f"more than {MAX_NODES:,} values in one file")
        if depth > MAX_DEPTH:
            raise self._report.fatal(place, f"nested more than {MAX_DEPTH} levels deep")

    def _refuse(self, event: yaml.Event, place: Place) -> bool:
        if isinstance(event, yaml.AliasEvent):
            self._report.add(place, "an alias (*name) is not allowed: write the value out")
            return True
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            self._report.add(place, "an anchor (&name) is not allowed: write the value out twice")
        if getattr(event, "tag", None) is None:
            return False
        self._report.add(place, "a tag (!name) is not allowed: quote a text that begins with '!'")
        return True

    def _sequence(self, depth: int) -> tuple[Node, ...]:
        items = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, depth=depth + 1))
        return tuple(items)

    def _mapping(self, depth: int) -> Mapping[str, Entry]:
        entries: dict[str, Entry] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            place = _mark(event.start_mark)
            name = self._key(event, depth)
            node = self._node(self._next(), depth=depth + 1)
            if name in entries:
                first = entries[name].place.line
                self._report.add(place, f"key {shown(name)} already stands on line {first}")
            elif name is not None:
                entries[name] = Entry(place=place, node=node)
        return entries

    def _key(self, event: yaml.Event, depth: int) -> str | None:
        if not isinstance(event, yaml.ScalarEvent):
            node = self._node(event, depth=depth + 1)
            if not node.spoilt:
                self._report.add(node.place, "a key must be text")
            return None
        place = _mark(event.start_mark)
        self._bound(place, depth)
        self._refuse(event, place)
        return self._text(event, place)

    def _text(self, event: yaml.ScalarEvent, place: Place) -> str | None:
        text = _joined(event.value)
        if text is not None and "\0" not in text:
            return text
        self._report.add(place, "holds a character that is no text: NUL or half a surrogate pair")
        return None


def _joined(text: str) -> str | None:
    """JSON writes an emoji as two escapes, which PyYAML leaves apart. None for half of one."""
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        return None


_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?([eE][-+]?[0-9]{1,2})?")


def _scalar(text: str) -> Scalar:
    """What JSON would have written without quotes; everything else is text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


_PLAIN_WORDS = {
    "found character '\\t'": "a tab: indent with spaces",
    "mapping values are not allowed": "a ':' cannot stand here: check the indentation, "
    "or put the value in quotes",
    "could not find expected ':'": "expected 'key: value'",
    "expected <block end>": "the indentation does not fit the lines above",
    "found unexpected end of stream": "a quote is not closed",
    "expected ',' or": "expected ',' or a closing bracket",
    "found unknown escape character": "unknown escape after a backslash: use single quotes "
    "where a backslash is meant",
}


def _plain_words(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "syntax error"
    for beginning, words in _PLAIN_WORDS.items():
        if problem.startswith(beginning):
            return words
    return f"not YAML: {problem}"
