"""Event types derived from logged ones: one record for each bulk job, login, API call and so on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from types import MappingProxyType

from collector.model.event_columns import CANONICAL_COLUMNS, ColumnType
from collector.normalize import bulk_jobs
from collector.normalize.api_calls import API_CALL
from collector.normalize.fact_changes import (
    DerivedChanges,
    TableMaker,
    compute_fact_changes,
    keep_facts,
)
from collector.normalize.fact_records import (
    NEARBY_DISTANCE,
    build_affected_events,
    build_fact_select,
    build_nearby_events,
)
from collector.normalize.fact_types import FactType
from collector.normalize.file_downloads import FILE_DOWNLOAD
from collector.normalize.impersonations import IMPERSONATION
from collector.normalize.report_runs import REPORT_RUN
from collector.normalize.sign_ins import SIGN_IN


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedTypeSql:
    """An event type that is computed from stored ones and never stored.

    Attributes:
        uid_prefix: what its uids begin with.
        key_column: the column of the events that it is made of which has the rest of its uid.
        source_types: the stored event types that it is computed from.
        columns: those of its records, in order.
        required_columns: what `build_select`'s relation must have, NULL where a source lacks it.
        build_select: SQL for `columns` from a SQL FROM item over events of the sources.
        keep_records: the same as a FROM item that is computed once.
        build_affected: a SQL FROM item with all events that the records of fresh ones are made of,
            from two with the required columns: the fresh events, and all stored ones, the fresh
            among them. `build_select` makes the same records of it as of everything.
        fresh_columns: those of fresh events by which it is known what else is near them.
        build_nearby: a SQL FROM item with all events that decide what the records of fresh ones
            are, from two with `fresh_columns`: the fresh events, and all stored ones.
        nearby_distance: how far in time these may lie from the fresh events.
        compute_changes: the records that differ with the fresh events, from a FROM item with their
            `fresh_columns`, and one with the required columns of (at least) what is near them.
        restrict_sources: the same type, where there are events of only some of the source types.
        max_event_distance: how far apart in time the events of one record may lie; whole days.
    """

    event_type: str
    uid_prefix: str
    key_column: str
    source_types: tuple[str, ...]
    columns: Mapping[str, ColumnType]
    required_columns: tuple[str, ...]
    build_select: Callable[[str], str]
    keep_records: Callable[[TableMaker, str], str]
    build_affected: Callable[[str, str], str]
    fresh_columns: tuple[str, ...]
    build_nearby: Callable[[str, str], str]
    nearby_distance: timedelta
    compute_changes: Callable[[TableMaker, str, str], DerivedChanges]
    restrict_sources: Callable[[Collection[str]], DerivedTypeSql]
    max_event_distance: timedelta


_MAX_FACT_AGE = timedelta(days=1)


def _define_bulk_job(_: Collection[str]) -> DerivedTypeSql:
    return DerivedTypeSql(
        event_type="BulkJob",
        uid_prefix="job",
        key_column="job_id",
        source_types=bulk_jobs.SOURCE_TYPES,
        columns=CANONICAL_COLUMNS,
        required_columns=bulk_jobs.REQUIRED_COLUMNS,
        build_select=bulk_jobs.build_bulk_job_select,
        keep_records=bulk_jobs.keep_jobs,
        build_affected=bulk_jobs.build_same_jobs,
        fresh_columns=bulk_jobs.FRESH_COLUMNS,
        build_nearby=bulk_jobs.build_same_jobs,
        nearby_distance=bulk_jobs.MAX_JOB_AGE,
        compute_changes=bulk_jobs.compute_job_changes,
        restrict_sources=_define_bulk_job,
        max_event_distance=bulk_jobs.MAX_JOB_AGE,
    )


def _define_fact(fact: FactType, types: Collection[str]) -> DerivedTypeSql:
    return DerivedTypeSql(
        event_type=fact.event_type,
        uid_prefix=fact.uid_prefix,
        key_column="event_uid",
        source_types=fact.source_types,
        columns=fact.columns,
        required_columns=fact.required_columns,
        build_select=partial(build_fact_select, fact, event_types=types),
        keep_records=partial(keep_facts, fact),
        build_affected=partial(build_affected_events, fact, event_types=types),
        fresh_columns=fact.fresh_columns,
        build_nearby=partial(build_nearby_events, fact),
        nearby_distance=_MAX_FACT_AGE if fact.link_columns else NEARBY_DISTANCE,
        compute_changes=partial(compute_fact_changes, fact),
        restrict_sources=partial(_define_fact, fact),
        max_event_distance=_MAX_FACT_AGE,
    )


FACT_TYPES = (SIGN_IN, API_CALL, REPORT_RUN, FILE_DOWNLOAD, IMPERSONATION)
"""The types with one event for each fact that several sources may tell of."""

DERIVED_EVENT_TYPES: Mapping[str, DerivedTypeSql] = MappingProxyType(
    {"BulkJob": _define_bulk_job(())}
    | {fact.event_type: _define_fact(fact, fact.source_types) for fact in FACT_TYPES}
)
"""Every derived event type, by name."""


MAX_EVENT_DISTANCE = max(derived.max_event_distance for derived in DERIVED_EVENT_TYPES.values())
"""How far apart in time the events of any derived record may lie."""


def list_affected_types(event_type: str) -> tuple[str, ...]:
    """The type that was logged, and those that are derived from it."""
    derived = (each for each in DERIVED_EVENT_TYPES.values() if event_type in each.source_types)
    return (event_type, *(each.event_type for each in derived))


def expand_derived_types(event_types: tuple[str, ...]) -> tuple[str, ...]:
    """The types with each derived one replaced by its source types; each once."""
    names: dict[str, None] = {}
    for name in event_types:
        derived = DERIVED_EVENT_TYPES.get(name)
        names |= dict.fromkeys(derived.source_types if derived else (name,))
    return tuple(names)
