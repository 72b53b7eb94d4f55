"""`${env:NAME}` and `${file:/path}` in any text of the file; `$${` stands for `${` itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from collector.named_files import read_small_file
from collector.yaml_source.nodes import YamlEntry, YamlNode
from collector.yaml_source.problem_report import ProblemReport

MAX_FILE_BYTES = 100_000

_REFERENCE_PATTERN = re.compile(
    r"(?P<escape>\$\$\{)|\$\{(?:(?P<kind>env|file):(?P<name>[^{}]+)\})?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceResolver:
    """Where references lead. Relative paths are relative to `folder`.

    What is looked up is never looked into for further references.
    """

    folder: Path
    environ: Mapping[str, str]
    report: ProblemReport

    def resolve_node(self, node: YamlNode) -> YamlNode:
        """The same tree with every reference replaced; those that lead nowhere are reported."""
        match node.value:
            case tuple():
                return replace(node, value=tuple(map(self.resolve_node, node.value)))
            case Mapping():
                entries = {
                    key: YamlEntry(position=entry.position, node=self.resolve_node(entry.node))
                    for key, entry in node.value.items()
                }
                return replace(node, value=entries)
            case str(text) if "${" in text:
                return self._resolve_text(node, text)
        return node

    def _resolve_text(self, node: YamlNode, text: str) -> YamlNode:
        problem_count = len(self.report.problems)
        has_reference = any(match["kind"] for match in _REFERENCE_PATTERN.finditer(text))
        value = _REFERENCE_PATTERN.sub(lambda match: self._replace_match(match, node), text)
        if len(self.report.problems) > problem_count:
            return replace(node, value="", has_problem=True)
        return replace(node, value=value, has_reference=has_reference)

    def _replace_match(self, match: re.Match[str], node: YamlNode) -> str:
        if match["escape"]:
            return "${"
        try:
            return self._look_up(match["kind"], match["name"])
        except ValueError as error:
            self.report.add_problem(node.position, str(error))
            return ""

    def _look_up(self, kind: str | None, name: str) -> str:
        if kind == "env":
            return _read_variable(name, self.environ)
        if kind == "file":
            return _read_content(name, self.folder)
        # What stands behind may be a part of a password, so it is not shown.
        raise ValueError(
            "'${' begins a reference: write ${env:NAME} or ${file:/path}, or $${ for '${' itself"
        )


def _read_variable(name: str, environ: Mapping[str, str]) -> str:
    what = f"environment variable {_quote_name(name)}"
    value = environ.get(name)
    if value is None:
        raise ValueError(f"{what} is not set")
    if not value:
        raise ValueError(f"{what} is empty")
    return _check_text(value, what)


def _read_content(name: str, folder: Path) -> str:
    what = f"file {_quote_name(name)}"
    try:
        data = read_small_file(folder / name, limit=MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{what} cannot be read: {error.strerror}") from None
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"{what} is larger than {MAX_FILE_BYTES:,} bytes")
    text = _check_text(data.decode("utf-8-sig", "surrogateescape"), what).rstrip("\r\n")
    if not text:
        raise ValueError(f"{what} is empty")
    return text


def _quote_name(name: str) -> str:
    return repr(name if len(name) <= 60 else name[:59] + "…")


def _check_text(text: str, what: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what} is not UTF-8 text") from None
    if "\0" in text:
        raise ValueError(f"{what} holds a NUL character")
    return text
