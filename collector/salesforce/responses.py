"""Reads the JSON documents of an org: the parts that we need, checked before they are used."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from collector.errors import UnreachableError

JsonObject = dict[str, Any]

_NEXT_PAGE_PATTERN = re.compile(r"/services/data/v\d+\.\d+/query/([\w.~-]+)", re.ASCII)
_VERSION_PATTERN = re.compile(r"\d{1,4}\.\d", re.ASCII)


def require_object(where: str, answer: object) -> JsonObject:
    """The answer, if it is an object. Raises UnreachableError for anything else."""
    if not isinstance(answer, dict):
        raise _build_unexpected_error(where)
    return answer


def require_objects(where: str, value: object) -> list[JsonObject]:
    """A list of objects. Raises UnreachableError for anything else."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _build_unexpected_error(where)
    return value


def parse_next_locator(where: str, page: Mapping[str, Any], present_locator: str) -> str:
    """The locator of the page after this one, whose own is `present_locator`; empty after the last.

    Raises UnreachableError when the page neither is the last nor leads on.
    """
    if page.get("done") is True:
        return ""
    match = _NEXT_PAGE_PATTERN.fullmatch(str(page.get("nextRecordsUrl", "")))
    if page.get("done") is not False or not match or match[1] == present_locator:
        raise _build_unexpected_error(where)
    return match[1]


def parse_api_versions(where: str, answer: object) -> list[str]:
    """The API versions that an org lists, the oldest first; at least one."""
    names = [str(item.get("version")) for item in require_objects(where, answer)]
    versions = [version for version in names if _VERSION_PATTERN.fullmatch(version)]
    if not versions:
        raise _build_unexpected_error(where)
    return sorted(versions, key=_parse_version)


def select_api_version(versions: Sequence[str], newest_known: str) -> str:
    """The newest of these API versions that is not newer than `newest_known`."""
    return min(max(versions, key=_parse_version), newest_known, key=_parse_version)


def _parse_version(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def strip_attributes(value: Any) -> Any:
    """The value without the `attributes` of any object in it."""
    if isinstance(value, dict):
        return {key: strip_attributes(inner) for key, inner in value.items() if key != "attributes"}
    if isinstance(value, list):
        return [strip_attributes(inner) for inner in value]
    return value


def _build_unexpected_error(where: str) -> UnreachableError:
    return UnreachableError(f"{where}: the answer is not what Salesforce sends")
