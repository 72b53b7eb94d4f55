"""Runs after some of their events turned out to lie elsewhere, from a look at those around."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from collector.detect.past.novelty import Run, joined

_AFTER_ALL = "\U0010ffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The times from `first` to `last`, and the runs of all events of one key that lie in them."""

    first: int
    last: int
    runs: Sequence[Run]


def resettled(
    known: Sequence[Run], gone: Sequence[int], around: Around, forget: int
) -> list[Run] | None:
    """The runs of a key without the events that were at the times `gone`.

    None where `around` does not reach far enough to tell.
    """
    settled = list(around.runs)
    for run in known:
        lost = [time for time in gone if run.start <= time <= run.last]
        if not lost:
            settled.append(run)
            continue
        ends = _ends(run, lost, around)
        if ends is None:
            return None
        settled += ends
    return joined(settled, forget)


def _ends(run: Run, lost: Sequence[int], around: Around) -> list[Run] | None:
    """What lies of a run before and after `around`; each hangs on an event that is still there."""
    ends = []
    if run.start < around.first:
        held = [each.start for each in around.runs if run.start <= each.start < min(lost)]
        if not held:
            return None
        ends.append(run._replace(last=min(held)))
    if run.last > around.last:
        held = [each.last for each in around.runs if max(lost) < each.last <= run.last]
        if not held:
            return None
        ends.append(Run(max(held), _AFTER_ALL, run.last))
    return ends
