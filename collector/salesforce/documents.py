"""Reads the JSON documents of an org: the parts that we need, checked before they are believed."""

from __future__ import annotations

import re
from typing import Any

from collector.errors import Unreachable

Document = dict[str, Any]

_NEXT_PAGE = re.compile(r"/services/data/v\d+\.\d+/query/([\w.~-]+)", re.ASCII)
_VERSION = re.compile(r"\d{1,4}\.\d", re.ASCII)


def document(where: str, answer: object) -> Document:
    """The answer, if it is an object. Raises Unreachable: something else speaks for the org."""
    if not isinstance(answer, dict):
        raise _unexpected(where)
    return answer


def objects(where: str, value: object) -> list[Document]:
    """A list of objects. Raises Unreachable for anything else."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _unexpected(where)
    return value


def records(where: str, page: Document) -> list[Document]:
    """The records of a page, without the `attributes` that Salesforce adds to every object."""
    return [_bare(record) for record in objects(where, page.get("records"))]


def next_page(where: str, page: Document, present: str) -> str:
    """The locator of the page after this one, whose own is `present`; empty if it is the last.

    Raises Unreachable when the page neither is the last nor leads on: never taken for the end.
    """
    if page.get("done") is True:
        return ""
    found = _NEXT_PAGE.fullmatch(str(page.get("nextRecordsUrl", "")))
    if page.get("done") is not False or not found or found[1] == present:
        raise _unexpected(where)
    return found[1]


def newest_version(where: str, answer: object, known: str) -> str:
    """The newest of the listed API versions that is not newer than the one `known` to us."""
    listed = [str(item.get("version")) for item in objects(where, answer)]
    versions = [version for version in listed if _VERSION.fullmatch(version)]
    if not versions:
        raise _unexpected(where)
    return min(max(versions, key=_order), known, key=_order)


def _order(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _bare(inner) for key, inner in value.items() if key != "attributes"}
    if isinstance(value, list):
        return [_bare(inner) for inner in value]
    return value


def _unexpected(where: str) -> Unreachable:
    return Unreachable(f"{where}: the answer is not what Salesforce sends")
