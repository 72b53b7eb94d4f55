"""One event per bulk job, from what BulkApi2, BulkApi and the job's resource say of it."""

from __future__ import annotations

from datetime import timedelta

from collector.escaping import quote_identifier
from collector.model.event_columns import CANONICAL_COLUMNS
from collector.normalize.fact_changes import DerivedChanges, TableMaker

SOURCE_TYPES = ("BulkApi2", "BulkApi", "BulkJobInfo")

REQUIRED_COLUMNS = (*CANONICAL_COLUMNS, "BATCH_ID")

FRESH_COLUMNS = ("event_uid", "job_id")
"""Those of fresh events by which it is known what other events are of the same jobs."""

MAX_JOB_AGE = timedelta(days=8)
"""Salesforce deletes a bulk job about 7 days, at most 8, after its creation."""

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


def build_same_jobs(fresh: str, stored: str) -> str:
    """A FROM item: of the stored events, those of the jobs of fresh ones."""
    return f"(SELECT * FROM {stored} WHERE job_id IN (SELECT job_id FROM {fresh}))"


def keep_jobs(tables: TableMaker, stored: str) -> str:
    """A FROM item with all jobs of stored events."""
    return tables.create_table(build_bulk_job_select(stored))


def compute_job_changes(tables: TableMaker, fresh: str, stored: str) -> DerivedChanges:
    """The jobs that change with fresh events, which are among the stored ones.

    `fresh` is a FROM item with their FRESH_COLUMNS.
    """
    columns = ", ".join(map(quote_identifier, REQUIRED_COLUMNS))
    affected = tables.create_table(f"SELECT {columns} FROM {build_same_jobs(fresh, stored)}")
    after = tables.create_table(build_bulk_job_select(affected))
    rest = f"(SELECT * FROM {affected} WHERE event_uid NOT IN (SELECT event_uid FROM {fresh}))"
    if not tables.read_values(f"SELECT 1 FROM {rest} LIMIT 1"):
        return DerivedChanges(after=after, before=None)
    return DerivedChanges(after=after, before=f"({build_bulk_job_select(rest)})")
