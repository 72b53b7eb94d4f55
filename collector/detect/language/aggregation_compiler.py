"""Compiles `first_seen` and `baseline` of valid rules."""

from __future__ import annotations

from collections.abc import Callable

from collector.detect.language.collector_block import CollectorBlock
from collector.model import Baseline, FirstSeen


def build_aggregation(
    block: CollectorBlock, resolve_column: Callable[[str], str]
) -> FirstSeen | Baseline | None:
    """What a rule over events looks at beyond one; None for a plain one.

    Fields are in the columns that `resolve_column` names.
    """
    if first_seen := block.first_seen:
        key = tuple(map(resolve_column, first_seen.key))
        return FirstSeen(
            key=key,
            learn=first_seen.learn,
            forget=first_seen.forget,
            missing=first_seen.missing,
        )
    if baseline := block.baseline:
        return Baseline(
            metric=baseline.metric,
            field=None if baseline.field is None else resolve_column(baseline.field),
            group_by=tuple(map(resolve_column, baseline.groups)),
            window=baseline.window,
            history=baseline.window if baseline.peers else baseline.history,
            deviations=baseline.least_deviations,
            times_mean=baseline.times_mean,
            floor=baseline.floor,
            minimum=baseline.least_windows,
            cold_start=baseline.cold_start,
            missing=baseline.missing,
            peers=tuple(map(resolve_column, baseline.peer_fields)),
        )
    return None
