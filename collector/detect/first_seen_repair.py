"""Recomputes runs that lost events, from the events around these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from collector.detect.first_seen_sql import EventRun, join_runs

_GREATEST_UID = "\U0010ffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class SurroundingRuns:
    """The times from `first` to `last`, and the runs of all events of one key that lie in them."""

    first: int
    last: int
    runs: Sequence[EventRun]


def recompute_runs(
    remembered: Sequence[EventRun],
    lost_times: Sequence[int],
    surrounding: SurroundingRuns,
    forget: int,
) -> list[EventRun] | None:
    """The runs of a key without the events that were at `lost_times`.

    None where `surrounding` does not reach far enough to tell.
    """
    settled = list(surrounding.runs)
    for run in remembered:
        lost = [time for time in lost_times if run.start <= time <= run.last]
        if not lost:
            settled.append(run)
            continue
        ends = _trim_run_ends(run, lost, surrounding)
        if ends is None:
            return None
        settled += ends
    return join_runs(settled, forget)


def _trim_run_ends(
    run: EventRun, lost_times: Sequence[int], surrounding: SurroundingRuns
) -> list[EventRun] | None:
    """The parts of a run before and after `surrounding`; None where no event there joins one."""
    ends = []
    if run.start < surrounding.first:
        joining_times = [
            each.start for each in surrounding.runs if run.start <= each.start < min(lost_times)
        ]
        if not joining_times:
            return None
        ends.append(run._replace(last=min(joining_times)))
    if run.last > surrounding.last:
        joining_times = [
            each.last for each in surrounding.runs if max(lost_times) < each.last <= run.last
        ]
        if not joining_times:
            return None
        ends.append(EventRun(max(joining_times), _GREATEST_UID, run.last))
    return ends
