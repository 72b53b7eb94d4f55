"""`link` of a correlation: an event between those that it looks at, which says what they lack."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

from collector.detect.language.block_model import BlockModel
from collector.detect.language.field_scope import FieldScope
from collector.detect.language.yaml_document import YamlDocument
from collector.settings.values import Duration


class LinkBlock(BlockModel):
    """A rule whose events fill fields of others that have the same value in `by`.

    They lie up to `within` before or after these.
    """

    rule: str
    by: str
    fill: Annotated[list[str], Field(min_length=1)]
    within: Duration = timedelta(hours=12)


def list_filled_fields(document: YamlDocument, scope: FieldScope) -> frozenset[str]:
    """The fields that the link of a correlation fills in events of a scope; read as it stands."""
    block = document.data.get("collector")
    link: Any = block.get("link") if isinstance(block, Mapping) else None
    if not isinstance(link, Mapping) or not isinstance(link.get("fill"), list):
        return frozenset()
    is_found = isinstance(link.get("by"), str) and scope.has_field(link["by"])
    return frozenset(map(str, link["fill"])) if is_found else frozenset()
