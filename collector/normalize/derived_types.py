"""Event types derived from logged ones: one record per bulk job, and one per login."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from types import MappingProxyType

from collector.model.event_columns import CANONICAL_COLUMNS
from collector.normalize import sign_ins

MAX_JOB_AGE = timedelta(days=8)
"""Salesforce deletes a bulk job about 7 days, at most 8, after its creation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedTypeSql:
    """An event type that is computed from stored ones and never stored.

    Attributes:
        source_types: the stored event types that it is computed from.
        required_columns: what `build_select`'s relation must have, NULL where a source lacks it.
        build_select: SQL for the canonical columns from a SQL FROM item over events of the sources.
        build_affected: a SQL FROM item with all events that the records of fresh ones are made of,
            from two with the required columns: the fresh events, and all stored ones, the fresh
            among them. `build_select` makes the same records of it as of everything.
        build_nearby: a SQL FROM item from the same two, cheaply: stored events of which
            `build_affected` makes the same as of all.
        restrict_sources: the same type, where there are events of only some of the source types.
        max_event_distance: how far apart in time the events of one record may lie; whole days.
    """

    event_type: str
    source_types: tuple[str, ...]
    required_columns: tuple[str, ...]
    build_select: Callable[[str], str]
    build_affected: Callable[[str, str], str]
    build_nearby: Callable[[str, str], str]
    restrict_sources: Callable[[Collection[str]], DerivedTypeSql]
    max_event_distance: timedelta


_COLUMN_OVERRIDES = {
    "event_uid": "'job:' || org || ':' || job_id",
    "org": "org",
    "event_type": "'BulkJob'",
    "time": "min(time)",
    "received": "max(received)",
    "job_id": "job_id",
    "record_count": "try_cast(greatest(max(job_total), sum(batch_total)) AS BIGINT)",
    "score": "NULL",
}


def build_bulk_job_select(relation: str) -> str:
    """SQL that gives one event per bulk job: what its newest event says, and how many records.

    Bulk API 2.0 and the job resource count up over a job's events: the number is the highest. Bulk
    API 1.0 counts each batch, perhaps repeatedly: the sum of each batch's highest. Events are never
    summed; of the two numbers the greater one holds.
    """
    columns = ", ".join(
        f"({_COLUMN_OVERRIDES.get(name, f'arg_max({name}, age)')})::{kind} AS {name}"
        for name, kind in CANONICAL_COLUMNS.items()
    )
    return f"SELECT {columns} FROM ({_build_counted_events(relation)}) GROUP BY org, job_id"


def _build_counted_events(relation: str) -> str:
    """SQL: the jobs' events with their order, each total on exactly one row of its job."""
    batch = 'PARTITION BY org, job_id, event_type, "BATCH_ID"'
    return (
        "SELECT *, row_number() OVER (PARTITION BY org, job_id ORDER BY time, received, event_uid)"
        " AS age, CASE WHEN event_type <> 'BulkApi' THEN record_count END AS job_total,"
        " CASE WHEN event_type = 'BulkApi' AND row_number() OVER"
        f" ({batch} ORDER BY record_count DESC NULLS LAST) = 1 THEN record_count END"
        f" AS batch_total FROM {relation}"
        # Rows without an operation are Bulk API 1.0's bookkeeping.
        " WHERE job_id IS NOT NULL AND (event_type <> 'BulkApi' OR operation IS NOT NULL)"
    )


def _build_same_jobs(fresh: str, stored: str) -> str:
    return f"(SELECT * FROM {stored} WHERE job_id IN (SELECT job_id FROM {fresh}))"


def _define_bulk_job(_: Collection[str]) -> DerivedTypeSql:
    return DerivedTypeSql(
        event_type="BulkJob",
        source_types=("BulkApi2", "BulkApi", "BulkJobInfo"),
        required_columns=(*CANONICAL_COLUMNS, "BATCH_ID"),
        build_select=build_bulk_job_select,
        build_affected=_build_same_jobs,
        build_nearby=_build_same_jobs,
        restrict_sources=_define_bulk_job,
        max_event_distance=MAX_JOB_AGE,
    )


def _define_sign_in(types: Collection[str]) -> DerivedTypeSql:
    kinds = tuple(name for name in sign_ins.SOURCE_TYPES if name in types)
    return DerivedTypeSql(
        event_type="SignIn",
        source_types=sign_ins.SOURCE_TYPES,
        required_columns=sign_ins.REQUIRED_COLUMNS,
        build_select=partial(sign_ins.build_sign_in_select, kinds=kinds),
        build_affected=partial(sign_ins.build_affected_events, kinds=kinds),
        build_nearby=sign_ins.build_nearby_events,
        restrict_sources=_define_sign_in,
        max_event_distance=timedelta(days=1),
    )


DERIVED_EVENT_TYPES: Mapping[str, DerivedTypeSql] = MappingProxyType(
    {"BulkJob": _define_bulk_job(()), "SignIn": _define_sign_in(sign_ins.SOURCE_TYPES)}
)
"""Every derived event type, by name."""


def expand_derived_types(event_types: tuple[str, ...]) -> tuple[str, ...]:
    """The types with each derived one replaced by its source types; each once."""
    names: dict[str, None] = {}
    for name in event_types:
        derived = DERIVED_EVENT_TYPES.get(name)
        names |= dict.fromkeys(derived.source_types if derived else (name,))
    return tuple(names)
