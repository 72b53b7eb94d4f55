"""What can be wrong with `first_seen` and `baseline` beyond their shape, each at its line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collector.detect.language.block import KEY, Baseline, Block
from collector.detect.language.computed import RESERVED
from collector.detect.language.document import Document, Place
from collector.detect.language.scope import Scope
from collector.errors import Problem


def over_problems(document: Document, block: Block, scope: Scope) -> Iterator[Problem]:
    """What is wrong with what a rule over single events looks at beyond them."""
    if block.first_seen and block.baseline:
        yield document.problem((KEY, "baseline"), "first_seen and baseline: name one of them")
    if block.first_seen:
        place: Place = (KEY, "first_seen", "key")
        yield from _unknown(document, block.first_seen.key, place, scope)
    if block.baseline:
        yield from _baseline_problems(document, block.baseline, (KEY, "baseline"), scope)


def group_problems(document: Document, groups: Sequence[str], place: Place) -> Iterator[Problem]:
    """Names that windows cannot tell groups apart by."""
    taken: set[str] = set()
    for position, name in enumerate(groups):
        if name.lower() in RESERVED:
            message = f"groups cannot be told apart by {name!r}, which windows have of their own"
            yield document.problem((*place, position), message)
        elif name.lower() in taken:
            yield document.problem((*place, position), f"{name!r} stands here twice")
        taken.add(name.lower())


def _unknown(
    document: Document, fields: Sequence[str], place: Place, scope: Scope
) -> Iterator[Problem]:
    for position, field in enumerate(fields):
        if not scope.knows(field):
            yield document.problem((*place, position), scope.unknown(field))


def _baseline_problems(
    document: Document, baseline: Baseline, place: Place, scope: Scope
) -> Iterator[Problem]:
    counts = baseline.metric == "count"
    if counts and baseline.field is not None:
        message = "a count is of events and has no 'field'; did you mean distinct?"
        yield document.problem((*place, "field"), message)
    elif not counts and baseline.field is None:
        yield document.problem(place, f"the metric {baseline.metric} needs a 'field'")
    elif baseline.field is not None and not scope.knows(baseline.field):
        yield document.problem((*place, "field"), scope.unknown(baseline.field))
    yield from _unknown(document, baseline.group_by, (*place, "group_by"), scope)
    yield from group_problems(document, baseline.group_by, (*place, "group_by"))
    yield from _history_problems(document, baseline, place)


def _history_problems(document: Document, baseline: Baseline, place: Place) -> Iterator[Problem]:
    windows = baseline.history // baseline.window
    if windows < 2:
        yield document.problem((*place, "history"), "'history' must hold two windows or more")
    elif windows < baseline.minimum:
        message = (
            f"history holds {windows} windows, so a minimum of {baseline.minimum} is never met"
        )
        yield document.problem((*place, "minimum"), message)
