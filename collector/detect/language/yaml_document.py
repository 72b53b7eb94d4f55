"""Rule files to YAML documents that know where each of their keys stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from yaml.constructor import SafeConstructor
from yaml.reader import Reader

from collector.errors import Problem, RulesError

MAX_FILE_BYTES = 1_000_000
MAX_NESTING = 20

YamlPath: TypeAlias = tuple[str | int, ...]
"""The keys and positions that lead to a value: `("tags", 0)`."""

_TIMESTAMP_TAG = "tag:yaml.org,2002:timestamp"
_TEXT_TAG = "tag:yaml.org,2002:str"


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlDocument:
    """One YAML document of a rule file: plain `data`, in which dates are text as written."""

    path: Path
    node: yaml.Node
    data: dict[str, Any]

    def find_line(self, place: YamlPath) -> int:
        """The line, counted from 1, on which the key or item at `place` stands."""
        return _find_mark(self.node, place).line + 1

    def build_problem(self, place: YamlPath, message: str) -> Problem:
        """Something wrong at `place`, or at the nearest key on the way that does exist."""
        return _build_problem(self.path, _find_mark(self.node, place), message)


def read_documents(path: Path) -> list[YamlDocument]:
    """The documents of a rule file, without empty ones.

    Raises RulesError for what cannot be read, is no YAML or does not hold mappings, and for
    aliases and duplicate keys, which read differently from what they do.
    """
    text = _read_text(path)
    _refuse_control_characters(path, text)
    try:
        _refuse_bombs(path, text)
        nodes = list(yaml.compose_all(text, Loader=yaml.CSafeLoader))
    except yaml.MarkedYAMLError as error:
        message = f"not YAML: {error.problem or error.context}"
        raise RulesError([_build_problem(path, error.problem_mark, message)]) from None
    except (yaml.YAMLError, ValueError) as error:
        raise RulesError(
            [_build_problem(path, None, f"not YAML: {type(error).__name__}")]
        ) from None
    documents = [node for node in nodes if node.tag != "tag:yaml.org,2002:null"]
    if problems := [problem for node in documents for problem in _find_defects(path, node)]:
        raise RulesError(problems)
    return [_build_document(path, node) for node in documents]


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise RulesError(
            [_build_problem(path, None, f"cannot be read: {error.strerror}")]
        ) from None
    if len(content) > MAX_FILE_BYTES:
        raise RulesError([_build_problem(path, None, f"larger than {MAX_FILE_BYTES:,} bytes")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = Problem(path=path, line=line, column=1, message="not UTF-8 text")
        raise RulesError([problem]) from None


def _refuse_control_characters(path: Path, text: str) -> None:
    if not (found := Reader.NON_PRINTABLE.search(text)):
        return
    before = text[: found.start()]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    message = f"the character U+{ord(found[0]):04X} may not stand in YAML"
    raise RulesError([Problem(path=path, line=line, column=column, message=message)])


def _refuse_bombs(path: Path, text: str) -> None:
    """Aliases and deep nesting, seen in the parser's events before anything is built of them."""
    depth = 0
    # Not the C parser: it has a limit of its own, which depends on the version of libyaml.
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            message = "aliases (*name) are not served; repeat the value"
        elif isinstance(event, yaml.CollectionStartEvent) and depth == MAX_NESTING:
            message = f"nested more than {MAX_NESTING} levels deep"
        else:
            starts = isinstance(event, yaml.CollectionStartEvent)
            depth += starts - isinstance(event, yaml.CollectionEndEvent)
            continue
        raise RulesError([_build_problem(path, event.start_mark, message)])


def _find_defects(path: Path, root: yaml.Node) -> Iterator[Problem]:
    if not isinstance(root, yaml.MappingNode):
        message = "a document is a mapping of keys, such as `title:` in rules"
        yield _build_problem(path, root.start_mark, message)
        return
    for node in _walk_nodes(root):
        if isinstance(node, yaml.MappingNode):
            yield from _find_bad_keys(path, node)
        if not node.tag.startswith("tag:yaml.org,2002:"):
            yield _build_problem(path, node.start_mark, f"unknown tag {node.tag}")


def _find_bad_keys(path: Path, mapping: yaml.MappingNode) -> Iterator[Problem]:
    seen: set[str] = set()
    for key, _ in mapping.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag != _TEXT_TAG:
            yield _build_problem(path, key.start_mark, "a key must be text; put it into quotes")
        elif key.value in seen:
            yield _build_problem(path, key.start_mark, f"{key.value!r} stands here twice")
        else:
            seen.add(key.value)


def _walk_nodes(node: yaml.Node) -> Iterator[yaml.Node]:
    yield node
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _walk_nodes(item)
    elif isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from _walk_nodes(value)


def _build_document(path: Path, root: yaml.Node) -> YamlDocument:
    for node in _walk_nodes(root):
        if node.tag == _TIMESTAMP_TAG:  # Sigma and the records of tests have dates as text
            node.tag = _TEXT_TAG
    try:
        data = SafeConstructor().construct_document(root)
    except (yaml.MarkedYAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None) or root.start_mark
        raise RulesError([_build_problem(path, mark, "a value that YAML cannot build")]) from None
    return YamlDocument(path=path, node=root, data=data)


def _find_mark(node: yaml.Node, place: Sequence[str | int]) -> yaml.Mark:
    mark = node.start_mark
    for step in place:
        found = _find_child(node, step)
        if found is None:
            break
        mark, node = found
    return mark


def _find_child(node: yaml.Node, step: str | int) -> tuple[yaml.Mark, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        pairs = [(key.start_mark, value) for key, value in node.value if key.value == step]
        return pairs[0] if pairs else None
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark, node.value[step]
    return None


def _build_problem(path: Path, mark: Any, message: str) -> Problem:
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Problem(path=path, line=line, column=column, message=message)
