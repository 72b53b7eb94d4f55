"""The events of a YAML parser to trees of nodes, checked one by one.

So a bomb is refused before it is built.
"""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from collector.yaml_source.dialect import YamlDialect
from collector.yaml_source.event_stream import YamlEventStream, to_position
from collector.yaml_source.nodes import YamlEntry, YamlNode, quote_name
from collector.yaml_source.problem_report import ProblemReport, SourcePosition

MAX_DEPTH = 20


class TreeBuilder:
    """One pass over the events of a file, document by document."""

    def __init__(
        self, events: YamlEventStream, report: ProblemReport, dialect: YamlDialect
    ) -> None:
        self._events = events
        self._report = report
        self._dialect = dialect
        self._node_count = 0

    def start_document(self) -> SourcePosition | None:
        """Where the next document starts; None at the end of the file."""
        event = self._events.next_event()
        while not isinstance(event, yaml.DocumentStartEvent | yaml.StreamEndEvent):
            event = self._events.next_event()
        is_start = isinstance(event, yaml.DocumentStartEvent)
        return to_position(event.start_mark) if is_start else None

    def build_root(self) -> YamlNode:
        """The tree of the document that has started.

        Small mistakes are added to the report. Raises its error where reading cannot go on.
        """
        return self._build_node(self._events.next_event(), depth=1)

    def _build_node(self, event: yaml.Event, *, depth: int) -> YamlNode:
        position = self._count_node(event)
        has_problem = self._refuse_feature(event, position)
        match event:
            case yaml.CollectionStartEvent():
                if depth > MAX_DEPTH:
                    message = f"nested more than {MAX_DEPTH} levels deep"
                    raise self._report.build_fatal_error(position, message)
                value = self._build_collection(event, depth)
                return YamlNode(position=position, value=value, has_problem=has_problem)
            case yaml.ScalarEvent():
                return self._build_scalar(event, position, has_problem=has_problem)
        return YamlNode(position=position, value="", has_problem=True)

    def _count_node(self, event: yaml.Event) -> SourcePosition:
        position = to_position(event.start_mark)
        self._node_count += 1
        if self._node_count > self._dialect.max_nodes:
            message = f"more than {self._dialect.max_nodes:,} values in one file"
            raise self._report.build_fatal_error(position, message)
        return position

    def _refuse_feature(self, event: yaml.Event, position: SourcePosition) -> bool:
        """Whether what the event begins is spoilt by an alias or a tag, which is reported."""
        if isinstance(event, yaml.AliasEvent):
            self._report.add_problem(position, self._dialect.alias_message)
            return True
        if not isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            return False
        if event.anchor is not None and self._dialect.anchor_message is not None:
            self._report.add_problem(position, self._dialect.anchor_message)
        if event.tag is None or event.tag in self._dialect.allowed_tags.get(type(event), ()):
            return False
        self._report.add_problem(position, self._dialect.tag_message.format(tag=event.tag))
        return True

    def _build_collection(
        self, event: yaml.CollectionStartEvent, depth: int
    ) -> tuple[YamlNode, ...] | Mapping[str, YamlEntry]:
        if isinstance(event, yaml.MappingStartEvent):
            return self._build_mapping(depth)
        items = []
        while not isinstance(item := self._events.next_event(), yaml.SequenceEndEvent):
            items.append(self._build_node(item, depth=depth + 1))
        return tuple(items)

    def _build_mapping(self, depth: int) -> Mapping[str, YamlEntry]:
        entries: dict[str, YamlEntry] = {}
        while not isinstance(event := self._events.next_event(), yaml.MappingEndEvent):
            position = to_position(event.start_mark)
            key = self._read_key(event, depth)
            node = self._build_node(self._events.next_event(), depth=depth + 1)
            if key in entries:
                message = self._dialect.duplicate_message.format(
                    key=key, name=quote_name(key), line=entries[key].position.line
                )
                self._report.add_problem(position, message)
            elif key is not None:
                entries[key] = YamlEntry(position=position, node=node)
        return entries

    def _read_key(self, event: yaml.Event, depth: int) -> str | None:
        """The text of a key; None for what is none, which is reported."""
        if not isinstance(event, yaml.ScalarEvent):
            node = self._build_node(event, depth=depth + 1)
            if not node.has_problem:
                self._report.add_problem(node.position, "a key must be text")
            return None
        position = self._count_node(event)
        has_problem = self._refuse_feature(event, position)
        text = self._read_text(event, position)
        if text is None or has_problem:
            return text
        return self._parse_key(text, event, position)

    def _parse_key(
        self, text: str, event: yaml.ScalarEvent, position: SourcePosition
    ) -> str | None:
        try:
            key = self._dialect.parse_key(text, event)
        except ValueError:
            key = None
        if isinstance(key, str):
            return key
        self._report.add_problem(position, "a key must be text; put it into quotes")
        return None

    def _build_scalar(
        self, event: yaml.ScalarEvent, position: SourcePosition, *, has_problem: bool
    ) -> YamlNode:
        text = self._read_text(event, position)
        if text is None or has_problem:
            return YamlNode(position=position, value=text or "", has_problem=True)
        try:
            return YamlNode(position=position, value=self._dialect.parse_value(text, event))
        except ValueError as error:
            self._report.add_problem(position, str(error))
            return YamlNode(position=position, value="", has_problem=True)

    def _read_text(self, event: yaml.ScalarEvent, position: SourcePosition) -> str | None:
        text = _join_surrogates(event.value)
        if text is not None and "\0" not in text:
            return text
        self._report.add_problem(position, self._dialect.character_message)
        return None


def _join_surrogates(text: str) -> str | None:
    """JSON writes an emoji as two escapes, which PyYAML leaves apart. None for half of one."""
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        return None
