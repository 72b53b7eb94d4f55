"""Problems of the `peers` of a baseline beyond their shape, each at its line."""

from __future__ import annotations

from collections.abc import Iterator

from collector.detect.language.collector_block import BaselineBlock
from collector.detect.language.field_scope import FieldScope
from collector.detect.language.window_columns import RESERVED_COLUMNS
from collector.detect.language.yaml_document import YamlDocument
from collector.errors import Problem
from collector.yaml_source.nodes import YamlPath


def find_peer_problems(
    document: YamlDocument, baseline: BaselineBlock, place: YamlPath, scope: FieldScope
) -> Iterator[Problem]:
    """The problems of a baseline that compares with peers; `place` is that of the baseline."""
    if not baseline.group_by:
        words = "peers are other groups: 'group_by' says of what, such as [user_id]"
        yield document.build_problem((*place, "peers"), words)
    if "history" in baseline.model_fields_set:
        words = "peers are compared in the same window, so there is no 'history' to look at"
        yield document.build_problem((*place, "history"), words)
    seen = {name.lower() for name in baseline.group_by}
    for position, name in enumerate(baseline.peer_fields):
        if message := _explain_field(name, seen, scope):
            step = () if isinstance(baseline.peers, str) else (position,)
            yield document.build_problem((*place, "peers", *step), message)
        seen.add(name.lower())


def _explain_field(name: str, seen: set[str], scope: FieldScope) -> str | None:
    """What is wrong with a field of `peers`, given the groups before it; None where nothing is."""
    if not scope.has_field(name):
        return scope.explain_unknown_field(name)
    if name.lower() in RESERVED_COLUMNS:
        return f"peers cannot have {name!r} in common, which windows have of their own"
    if name.lower() in seen:
        return f"{name!r} tells groups apart already, so none has peers by it"
    return None
