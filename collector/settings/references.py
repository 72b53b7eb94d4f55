"""`${env:NAME}` and `${file:/path}` in any text of the file; `$${` stands for `${` itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from collector.settings.nodes import Entry, Node
from collector.settings.report import Report

MAX_FILE_BYTES = 100_000

_TOKEN = re.compile(r"(?P<escape>\$\$\{)|\$\{(?:(?P<kind>env|file):(?P<name>[^{}]+)\})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """Where references lead. Relative paths are relative to `folder`.

    What is looked up is never looked into for further references.
    """

    folder: Path
    environ: Mapping[str, str]
    report: Report

    def resolve(self, node: Node) -> Node:
        """The same tree with every reference replaced; those that lead nowhere are reported."""
        match node.value:
            case tuple():
                return replace(node, value=tuple(map(self.resolve, node.value)))
            case Mapping():
                entries = {
                    key: Entry(place=entry.place, node=self.resolve(entry.node))
                    for key, entry in node.value.items()
                }
                return replace(node, value=entries)
            case str(text) if "${" in text:
                return self._text(node, text)
        return node

    def _text(self, node: Node, text: str) -> Node:
        before = len(self.report.problems)
        referenced = any(match["kind"] for match in _TOKEN.finditer(text))
        value = _TOKEN.sub(lambda match: self._value(match, node), text)
        if len(self.report.problems) > before:
            return replace(node, value="", spoilt=True)
        return replace(node, value=value, referenced=referenced)

    def _value(self, match: re.Match[str], node: Node) -> str:
        if match["escape"]:
            return "${"
        try:
            return self._look_up(match["kind"], match["name"])
        except ValueError as error:
            self.report.add(node.place, str(error))
            return ""

    def _look_up(self, kind: str | None, name: str) -> str:
        if kind == "env":
            return _variable(name, self.environ)
        if kind == "file":
            return _content(name, self.folder)
        # What stands behind may be a part of a password, so it is not shown.
        raise ValueError(
            "'${' begins a reference: write ${env:NAME} or ${file:/path}, or $${ for '${' itself"
        )


def _variable(name: str, environ: Mapping[str, str]) -> str:
    what = f"environment variable {_quoted(name)}"
    value = environ.get(name)
    if value is None:
        raise ValueError(f"{what} is not set")
    if not value:
        raise ValueError(f"{what} is empty")
    return _checked(value, what)


def _content(name: str, folder: Path) -> str:
    what = f"file {_quoted(name)}"
    try:
        with (folder / name).open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{what} cannot be read: {error.strerror}") from None
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"{what} is larger than {MAX_FILE_BYTES:,} bytes")
    text = _checked(data.decode("utf-8-sig", "surrogateescape"), what).rstrip("\r\n")
    if not text:
        raise ValueError(f"{what} is empty")
    return text


def _quoted(name: str) -> str:
    return repr(name if len(name) <= 60 else name[:59] + "…")


def _checked(text: str, what: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what} is not UTF-8 text") from None
    if "\0" in text:
        raise ValueError(f"{what} holds a NUL character")
    return text
