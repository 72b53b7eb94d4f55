"""Reads JSON of a stranger in bounded memory: whole documents, and pages of records one by one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MAX_VALUES = 1_000_000
"""The most objects, lists and members of a document or a record; each costs up to 200 bytes."""

MAX_PAGE_RECORDS = 10_000
"""The most records of a page; Salesforce documents 2,000."""

MAX_DEPTH = 100

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_STRING_PATTERN = re.compile(_STRING, re.DOTALL)
_BRACKET_PATTERN = re.compile(
    rb'[^"{}\[\]]*+(?:' + _STRING + rb'[^"{}\[\]]*+)*+([{}\[\]])', re.DOTALL
)
"""Everything up to the next bracket that does not stand in a string."""

_RECORDS_KEY_PATTERN = re.compile(rb'(?<!\\)"records"\s{0,100}:\s{0,100}\Z')
_KEY_BYTES = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPage:
    """One page of what a query finds. Each record is parsed when it is its turn, and not kept.

    Attributes:
        envelope: what stands around the records: `done`, `totalSize`, `nextRecordsUrl`.
        content: the page as it came.
        spans: where each record begins and ends in it.
    """

    envelope: dict[str, Any]
    content: bytes = field(repr=False)
    spans: tuple[tuple[int, int], ...] = field(repr=False)

    @property
    def size(self) -> int:
        """Its bytes."""
        return len(self.content)

    def __len__(self) -> int:
        return len(self.spans)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The records, as Salesforce writes them. Raises ValueError for one that is not JSON."""
        for start, end in self.spans:
            record = load_document(self.content[start:end])
            if isinstance(record, dict):  # It begins with a brace.
                yield record


def load_document(content: bytes) -> object:
    """The document in UTF-8; bytes that are none become U+FFFD.

    Raises:
        ValueError: it is not JSON, too deep, or has more than `MAX_VALUES` values.
    """
    _check_count(content, b",", b"{", b"[")
    try:
        return json.loads(content.decode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("the document is nested too deeply") from None


def parse_query_page(content: bytes) -> QueryPage:
    """The page in a body of the query resource, its records not yet parsed.

    Raises:
        ValueError: it is no object with a list of objects as `records`, and that once.
    """
    _check_count(content, b"{", b"[")
    spans, (start, end) = _find_records(content)
    envelope = load_document(b"%b[]%b" % (content[:start], content[end:]))
    if not isinstance(envelope, dict):
        raise ValueError("the page is no object")  # noqa: TRY004 - what came is wrong, not a type
    return QueryPage(envelope=envelope, content=content, spans=tuple(spans))


def _check_count(content: bytes, *marks: bytes) -> None:
    """Whether there are not too many of these marks; those in strings do not count."""
    if (
        sum(map(content.count, marks)) > MAX_VALUES
        and sum(map(_STRING_PATTERN.sub(b"", content).count, marks)) > MAX_VALUES
    ):
        raise ValueError("the document has too many values")


def _find_records(content: bytes) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """Where each record is, and where the list of them is."""
    spans: list[tuple[int, int]] = []
    found: tuple[int, int] | None = None
    depth, list_start, record_start, position = 0, -1, -1, 0
    for bracket, at in _walk_brackets(content):
        if bracket in b"{[":
            if depth == 1 and _opens_records(content, bracket, at):
                if found is not None:
                    raise ValueError("the page has two lists of records")
                list_start, position = at, at + 1
            elif depth == 2 and list_start >= 0:
                _check_gap(content[position:at], bracket, has_comma=bool(spans))
                record_start = at
            depth += 1
            continue
        depth -= 1
        if depth == 2 and list_start >= 0:
            position = at + 1
            spans.append((record_start, position))
            if len(spans) > MAX_PAGE_RECORDS:
                raise ValueError(f"the page has more than {MAX_PAGE_RECORDS} records")
        elif depth == 1 and list_start >= 0:
            _check_gap(content[position:at], b"{", has_comma=False)
            found, list_start = (list_start, at + 1), -1
    if found is None or depth:
        raise ValueError("the page has no list of records")
    return spans, found


def _walk_brackets(content: bytes) -> Iterator[tuple[bytes, int]]:
    """Every bracket outside of strings, with its place."""
    position = depth = 0
    while match := _BRACKET_PATTERN.match(content, position):
        bracket, position = match[1], match.end()
        depth += 1 if bracket in b"{[" else -1
        if depth < 0 or depth > MAX_DEPTH:
            raise ValueError("the brackets of the page do not fit")
        yield bracket, position - 1


def _opens_records(content: bytes, bracket: bytes, at: int) -> bool:
    before = content[max(0, at - _KEY_BYTES) : at]
    return bracket == b"[" and _RECORDS_KEY_PATTERN.search(before) is not None


def _check_gap(gap: bytes, bracket: bytes, *, has_comma: bool) -> None:
    """Whether nothing but a comma stands between two records, and the next one is an object."""
    if bracket != b"{" or gap.strip() != (b"," if has_comma else b""):
        raise ValueError("the list of records holds something else")
