"""Problems of `first_seen` and `baseline` beyond their shape, each at its line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collector.detect.language.collector_block import COLLECTOR_KEY, BaselineBlock, CollectorBlock
from collector.detect.language.field_scope import FieldScope
from collector.detect.language.peer_checks import find_peer_problems
from collector.detect.language.window_columns import RESERVED_COLUMNS
from collector.detect.language.yaml_document import YamlDocument
from collector.errors import Problem
from collector.yaml_source.nodes import YamlPath


def find_aggregation_problems(
    document: YamlDocument, block: CollectorBlock, scope: FieldScope
) -> Iterator[Problem]:
    """The problems of a rule's `first_seen` and `baseline`."""
    if block.first_seen and block.baseline:
        yield document.build_problem(
            (COLLECTOR_KEY, "baseline"), "first_seen and baseline: name one of them"
        )
    if block.first_seen:
        place: YamlPath = (COLLECTOR_KEY, "first_seen", "key")
        yield from find_unknown_fields(document, block.first_seen.key, place, scope)
    if block.baseline:
        yield from _find_baseline_problems(
            document, block.baseline, (COLLECTOR_KEY, "baseline"), scope
        )


def find_group_problems(
    document: YamlDocument, groups: Sequence[str], place: YamlPath
) -> Iterator[Problem]:
    """Problems of group-by names: reserved ones and duplicates."""
    seen: set[str] = set()
    for position, name in enumerate(groups):
        if name.lower() in RESERVED_COLUMNS:
            message = f"groups cannot be told apart by {name!r}, which windows have of their own"
            yield document.build_problem((*place, position), message)
        elif name.lower() in seen:
            yield document.build_problem((*place, position), f"{name!r} stands here twice")
        seen.add(name.lower())


def find_unknown_fields(
    document: YamlDocument, fields: Sequence[str], place: YamlPath, scope: FieldScope
) -> Iterator[Problem]:
    """Problems of fields in a list at `place` that the scope does not have."""
    for position, field in enumerate(fields):
        if not scope.has_field(field):
            yield document.build_problem((*place, position), scope.explain_unknown_field(field))


def _find_baseline_problems(
    document: YamlDocument, baseline: BaselineBlock, place: YamlPath, scope: FieldScope
) -> Iterator[Problem]:
    is_count = baseline.metric == "count"
    if is_count and baseline.field is not None:
        message = "a count is of events and has no 'field'; did you mean distinct?"
        yield document.build_problem((*place, "field"), message)
    elif not is_count and baseline.field is None:
        yield document.build_problem(place, f"the metric {baseline.metric} needs a 'field'")
    elif baseline.field is not None and not scope.has_field(baseline.field):
        yield document.build_problem((*place, "field"), scope.explain_unknown_field(baseline.field))
    yield from find_unknown_fields(document, baseline.group_by, (*place, "group_by"), scope)
    yield from find_group_problems(document, baseline.group_by, (*place, "group_by"))
    if baseline.peers:
        yield from find_peer_problems(document, baseline, place, scope)
    else:
        yield from _find_history_problems(document, baseline, place)


def _find_history_problems(
    document: YamlDocument, baseline: BaselineBlock, place: YamlPath
) -> Iterator[Problem]:
    windows = baseline.history // baseline.window
    if windows < 2:
        yield document.build_problem((*place, "history"), "'history' must hold two windows or more")
    elif windows < baseline.least_windows:
        message = (
            f"history holds {windows} windows, so a minimum of {baseline.least_windows} is never"
            " met"
        )
        yield document.build_problem((*place, "minimum"), message)
