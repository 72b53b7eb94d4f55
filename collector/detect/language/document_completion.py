"""What public Sigma files leave out, filled in, so that they load as they are.

A name comes from the file, an id from the name; a rule without a level is medium. A `timeframe`
belonged to conditions with counts, which correlations have replaced; beside other conditions it has
always meant nothing.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from collector.detect.language.document_library import determine_kind
from collector.detect.language.yaml_document import YamlDocument

TIMEFRAME_KEY = "timeframe"
MAX_NAME_LENGTH = 80
DEFAULT_LEVEL = "medium"

_ID_NAMESPACE = uuid.UUID("5c0f7c0e-0d0b-4c57-9a3e-6a3f5b1d7e42")
_UNNAMEABLE = re.compile(r"[^a-z0-9_]+")


def complete_documents(documents: Sequence[YamlDocument]) -> list[YamlDocument]:
    """The documents of one file, with names, ids and levels for those that have none.

    The first is called as the file, the second as that with `-2`, and so on.
    """
    return [_complete_document(each, n) for n, each in enumerate(documents, start=1)]


def has_level(document: YamlDocument) -> bool:
    """Whether it was written with a level."""
    entry = document.node.find_entry("level")
    return entry is not None and entry.node.value is not None


def has_timeframe(document: YamlDocument) -> bool:
    """Whether its detection was written with a timeframe."""
    return TIMEFRAME_KEY in document.node.get_child("detection").entries


def _complete_document(document: YamlDocument, position: int) -> YamlDocument:
    if determine_kind(document) == "filter":  # nobody refers to it
        return document
    data = {**document.data}
    name = _build_name(document.path.stem, position)
    if data.get("name") is None and name:
        data["name"] = name
    if data.get("id") is None and data.get("name") is not None:
        data["id"] = str(uuid.uuid5(_ID_NAMESPACE, str(data["name"])))
    if data.get("level") is None:
        data["level"] = DEFAULT_LEVEL
    if isinstance(data.get("falsepositives"), str):  # Sigma takes one, pySigma only a list
        data["falsepositives"] = [data["falsepositives"]]
    if isinstance(data.get("detection"), Mapping):
        data["detection"] = _remove_timeframe(data["detection"])
    return replace(document, data=data)


def _build_name(stem: str, position: int) -> str:
    suffix = f"-{position}" if position > 1 else ""
    slug = _UNNAMEABLE.sub("-", stem.lower()).strip("-_")
    return slug[: MAX_NAME_LENGTH - len(suffix)] + suffix if slug else ""


def _remove_timeframe(detection: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in detection.items() if name != TIMEFRAME_KEY}
