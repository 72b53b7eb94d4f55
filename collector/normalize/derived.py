"""Event types that nobody logs: one record for each bulk job, computed from what it logged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from collector.normalize.schema import CANONICAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """An event type that is computed from stored ones and never stored.

    Attributes:
        event_type: its name.
        sources: the stored event types that it is computed from.
        needs: the columns that `select`'s relation must have, NULL where a source lacks them.
        select: SQL that gives the canonical columns from a SQL FROM item over events of `sources`.
    """

    event_type: str
    sources: tuple[str, ...]
    needs: tuple[str, ...]
    select: Callable[[str], str]


_OWN = {
    "event_uid": "'job:' || org || ':' || job_id",
    "org": "org",
    "event_type": "'BulkJob'",
    "time": "min(time)",
    "received": "max(received)",
    "job_id": "job_id",
    "record_count": "try_cast(coalesce(max(job_total), sum(batch_total)) AS BIGINT)",
    "score": "NULL",
}


def bulk_jobs(relation: str) -> str:
    """SQL that gives one event per bulk job: what its newest event says, and how many records.

    Bulk API 2.0 counts up over a job's events: the job's number is the highest. Bulk API 1.0 counts
    each batch, perhaps repeatedly: the sum of each batch's highest. Events are never summed.
    """
    columns = ", ".join(
        f"({_OWN.get(name, f'arg_max({name}, age)')})::{kind} AS {name}"
        for name, kind in CANONICAL.items()
    )
    return f"SELECT {columns} FROM ({_counted(relation)}) GROUP BY org, job_id"


def _counted(relation: str) -> str:
    """The jobs' events with their order, and each total on exactly one of the rows it is for."""
    batch = 'PARTITION BY org, job_id, event_type, "BATCH_ID"'
    return (
        "SELECT *, row_number() OVER (PARTITION BY org, job_id ORDER BY time, received, event_uid)"
        " AS age, CASE WHEN event_type = 'BulkApi2' THEN record_count END AS job_total,"
        " CASE WHEN event_type = 'BulkApi' AND row_number() OVER"
        f" ({batch} ORDER BY record_count DESC NULLS LAST) = 1 THEN record_count END"
        f" AS batch_total FROM {relation}"
        # Rows without an operation are Bulk API 1.0's bookkeeping.
        " WHERE job_id IS NOT NULL AND (event_type = 'BulkApi2' OR operation IS NOT NULL)"
    )


DERIVED: Mapping[str, Derived] = MappingProxyType(
    {
        "BulkJob": Derived(
            event_type="BulkJob",
            sources=("BulkApi2", "BulkApi"),
            needs=(*CANONICAL, "BATCH_ID"),
            select=bulk_jobs,
        )
    }
)
"""Every derived event type, by name."""
