"""A YAML or JSON file to a tree of nodes.

Judges the parser's events one by one, so that a bomb is refused before it is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from collector.yaml_source.nodes import YamlEntry, YamlNode, YamlScalar, quote_name
from collector.yaml_source.problem_report import START_POSITION, ProblemReport, SourcePosition

MAX_BYTES = 1_000_000
MAX_NODES = 50_000
MAX_DEPTH = 20


def read_tree(path: Path, report: ProblemReport) -> YamlNode:
    """The tree of a YAML or JSON file; an empty file is a node without a value.

    Small mistakes are added to `report`. Raises SettingsError where reading cannot go on.
    """
    text = _decode_text(_read_bytes(path, report), report)
    try:
        return _TreeBuilder(yaml.parse(text, Loader=yaml.SafeLoader), report).build_tree()
    except yaml.MarkedYAMLError as error:
        place, message = _to_position(error.problem_mark), _explain_error(error)
    except yaml.reader.ReaderError as error:
        place = _locate_end(text[: error.position])
        message = f"the character U+{ord(text[error.position]):04X} may not stand in YAML"
    raise report.build_fatal_error(place, message)


def _read_bytes(path: Path, report: ProblemReport) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise report.build_fatal_error(
            START_POSITION, f"cannot be read: {error.strerror}"
        ) from None
    except ValueError:
        raise report.build_fatal_error(
            START_POSITION, "cannot be read: its name holds a NUL character"
        ) from None
    if len(data) > MAX_BYTES:
        raise report.build_fatal_error(START_POSITION, f"larger than {MAX_BYTES:,} bytes")
    return data


def _decode_text(data: bytes, report: ProblemReport) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
    raise report.build_fatal_error(_locate_end(before), "not UTF-8 text")


def _locate_end(text: str) -> SourcePosition:
    line_start = text.rfind("\n") + 1
    return SourcePosition(line=text.count("\n") + 1, column=len(text) - line_start + 1)


def _to_position(mark: Any) -> SourcePosition:
    return SourcePosition(line=mark.line + 1, column=mark.column + 1) if mark else START_POSITION


class _TreeBuilder:
    """One pass over the events of one document."""

    def __init__(self, events: Iterator[yaml.Event], report: ProblemReport) -> None:
        self._events = events
        self._report = report
        self._node_count = 0
        self._last_position = START_POSITION

    def build_tree(self) -> YamlNode:
        self._next_event()  # the start of the stream
        if isinstance(self._next_event(), yaml.StreamEndEvent):
            return YamlNode()
        root = self._build_node(self._next_event(), depth=1)
        self._next_event()  # the end of the document
        further = self._next_event()
        if isinstance(further, yaml.DocumentStartEvent):
            self._report.add_problem(
                _to_position(further.start_mark), "a second document: one per file"
            )
        return root

    def _next_event(self) -> yaml.Event:
        try:
            event = next(self._events)
        except (ValueError, OverflowError):  # PyYAML hands "\UFFFFFFFF" to chr() as it is
            event = None
        if event is None:
            raise self._report.build_fatal_error(
                self._last_position, "beyond this, a number is out of range"
            )
        self._last_position = _to_position(event.start_mark)
        return event

    def _build_node(self, event: yaml.Event, *, depth: int) -> YamlNode:
        place = _to_position(event.start_mark)
        self._check_bounds(place, depth)
        spoilt = self._refuse_feature(event, place)
        match event:
            case yaml.MappingStartEvent():
                return YamlNode(
                    position=place, value=self._build_mapping(depth), has_problem=spoilt
                )
            case yaml.SequenceStartEvent():
                return YamlNode(
                    position=place, value=self._build_sequence(depth), has_problem=spoilt
                )
            case yaml.ScalarEvent():
                text = self._read_text(event, place)
                if text is not None:
                    value = text if event.style or event.tag else _parse_scalar(text)
                    return YamlNode(position=place, value=value, has_problem=spoilt)
        return YamlNode(position=place, value="", has_problem=True)

    def _check_bounds(self, place: SourcePosition, depth: int) -> None:
        self._node_count += 1
        if self._node_count > MAX_NODES:
            raise self._report.build_fatal_error(
                place, f"more than {MAX_NODES:,} values in one file"
            )
        if depth > MAX_DEPTH:
            raise self._report.build_fatal_error(place, f"nested more than {MAX_DEPTH} levels deep")

    def _refuse_feature(self, event: yaml.Event, place: SourcePosition) -> bool:
        if isinstance(event, yaml.AliasEvent):
            self._report.add_problem(place, "an alias (*name) is not allowed: write the value out")
            return True
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            self._report.add_problem(
                place, "an anchor (&name) is not allowed: write the value out twice"
            )
        if getattr(event, "tag", None) is None:
            return False
        self._report.add_problem(
            place, "a tag (!name) is not allowed: quote a text that begins with '!'"
        )
        return True

    def _build_sequence(self, depth: int) -> tuple[YamlNode, ...]:
        items = []
        while not isinstance(event := self._next_event(), yaml.SequenceEndEvent):
            items.append(self._build_node(event, depth=depth + 1))
        return tuple(items)

    def _build_mapping(self, depth: int) -> Mapping[str, YamlEntry]:
        entries: dict[str, YamlEntry] = {}
        while not isinstance(event := self._next_event(), yaml.MappingEndEvent):
            place = _to_position(event.start_mark)
            name = self._read_key(event, depth)
            node = self._build_node(self._next_event(), depth=depth + 1)
            if name in entries:
                first = entries[name].position.line
                self._report.add_problem(
                    place, f"key {quote_name(name)} already stands on line {first}"
                )
            elif name is not None:
                entries[name] = YamlEntry(position=place, node=node)
        return entries

    def _read_key(self, event: yaml.Event, depth: int) -> str | None:
        if not isinstance(event, yaml.ScalarEvent):
            node = self._build_node(event, depth=depth + 1)
            if not node.has_problem:
                self._report.add_problem(node.position, "a key must be text")
            return None
        place = _to_position(event.start_mark)
        self._check_bounds(place, depth)
        self._refuse_feature(event, place)
        return self._read_text(event, place)

    def _read_text(self, event: yaml.ScalarEvent, place: SourcePosition) -> str | None:
        text = _join_surrogates(event.value)
        if text is not None and "\0" not in text:
            return text
        self._report.add_problem(
            place, "holds a character that is no text: NUL or half a surrogate pair"
        )
        return None


def _join_surrogates(text: str) -> str | None:
    """JSON writes an emoji as two escapes, which PyYAML leaves apart. None for half of one."""
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        return None


_SCALAR_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER_PATTERN = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_FLOAT_PATTERN = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?([eE][-+]?[0-9]{1,2})?")


def _parse_scalar(text: str) -> YamlScalar:
    """What JSON would have written without quotes; everything else is text."""
    if text in _SCALAR_WORDS:
        return _SCALAR_WORDS[text]
    if _INTEGER_PATTERN.fullmatch(text):
        return int(text)
    if _FLOAT_PATTERN.fullmatch(text):
        return float(text)
    return text


_ERROR_EXPLANATIONS = {
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


def _explain_error(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "syntax error"
    for beginning, words in _ERROR_EXPLANATIONS.items():
        if problem.startswith(beginning):
            return words
    return f"not YAML: {problem}"
