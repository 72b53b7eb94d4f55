"""The org's records, log files and bulk jobs, each of which appears at its own time."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from collector.clock import EPOCH
from collector.demo.sobjects import SObjectKind, find_sobject
from collector.demo.soql_conditions import SObjectRow

JOB_LIFETIME = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgLogFile:
    """An event log file: what EventLogFile lists, and the CSV itself.

    `sequence` is 0 for a daily file; an hourly file has 1, its supplements count on.
    """

    id: str
    event_type: str
    log_date: datetime
    created: datetime
    sequence: int
    content: bytes = field(repr=False)
    api_version: float = 67.0

    @property
    def interval(self) -> str:
        """`Daily` or `Hourly`."""
        return "Hourly" if self.sequence else "Daily"

    def to_row(self) -> SObjectRow:
        """The record of EventLogFile, without the address of its content."""
        header = self.content.partition(b"\n")[0].decode().replace('"', "").strip()
        return {
            "Id": self.id,
            "IsDeleted": False,
            "CreatedDate": self.created,
            "LastModifiedDate": self.created,
            "SystemModstamp": self.created,
            "EventType": self.event_type,
            "LogDate": self.log_date,
            "LogFileLength": float(len(self.content)),
            "LogFileContentType": "text/csv",
            "ApiVersion": self.api_version,
            "Sequence": self.sequence,
            "Interval": self.interval,
            "LogFileFieldNames": header[:1333],
            "LogFileFieldTypes": ",".join("String" for _ in header.split(","))[:1333],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkJob:
    """A Bulk API job. `kind` is V2Query, V2Ingest or Classic.

    It runs from `created` to `finished` and vanishes when its owner deletes it, else after a week.
    """

    id: str
    kind: str
    operation: str
    object: str
    created_by: str
    created: datetime
    finished: datetime
    records: int
    deleted: datetime | None = None

    def exists_at(self, now: datetime) -> bool:
        """Whether the job resources show it at that time."""
        return self.created <= now < (self.deleted or self.created + JOB_LIFETIME)


class OrgStore:
    """The org's data. Safe to read and to extend from several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, list[tuple[datetime, SObjectRow]]] = {}
        self._files: dict[str, OrgLogFile] = {}
        self._jobs: dict[str, BulkJob] = {}

    def add_rows(self, name: str, *rows: SObjectRow, visible_from: datetime | None = None) -> None:
        """Add records of an object. Datetimes are `datetime`s.

        They appear at `visible_from`, else at their CreatedDate, LoginTime or Timestamp, else have
        always been there. Raises ApiError for an object or a field that the org does not know,
        ValueError for a record of a standard object without its Id.
        """
        sobject = find_sobject(name)
        if sobject.kind is SObjectKind.STANDARD and not all(row.get("Id") for row in rows):
            raise ValueError(f"a record of {sobject.name} has an Id")
        for field_name in {key for row in rows for key in row}:
            sobject.find_field(field_name)
        sobject_name = sobject.name
        arrivals = [(visible_from or _find_arrival(row), row) for row in rows]
        with self._lock:
            merged = [*self._rows.get(sobject_name, ()), *arrivals]
            merged.sort(key=lambda pair: pair[0])
            self._rows[sobject_name] = merged

    def add_files(self, files: Iterable[OrgLogFile]) -> None:
        """Add event log files; each appears when it is `created`."""
        files = list(files)
        with self._lock:
            self._files |= {file.id: file for file in files}
        self.add_rows("EventLogFile", *(file.to_row() for file in files))

    def add_jobs(self, jobs: Iterable[BulkJob]) -> None:
        """Add bulk jobs."""
        with self._lock:
            self._jobs |= {job.id: job for job in jobs}

    def remove_file(self, file_id: str) -> None:
        """Remove a file and its EventLogFile record."""
        with self._lock:
            self._files.pop(file_id, None)
        self.remove_rows("EventLogFile", lambda row: row["Id"] == file_id)

    def remove_rows(self, name: str, fits: Callable[[SObjectRow], bool]) -> None:
        """Remove the records of an object that fulfil the predicate."""
        with self._lock:
            self._rows[name] = [pair for pair in self._rows.get(name, ()) if not fits(pair[1])]

    def list_rows(self, name: str, now: datetime) -> list[SObjectRow]:
        """The records of an object that have appeared by `now`, in that order."""
        with self._lock:
            pairs = self._rows.get(name, [])
        return [row for _, row in pairs[: bisect_right(pairs, now, key=lambda pair: pair[0])]]

    def find_row(self, name: str, record_id: str, now: datetime) -> SObjectRow | None:
        """One record by its id of 15 or 18 characters."""
        short_id = record_id[:15]
        found = (row for row in self.list_rows(name, now) if row.get("Id", "")[:15] == short_id)
        return next(found, None)

    def find_file(self, file_id: str, now: datetime) -> OrgLogFile | None:
        """One log file by its id, once it has been created."""
        with self._lock:
            found = next((f for f in self._files.values() if f.id[:15] == file_id[:15]), None)
        return found if found is not None and found.created <= now else None

    def list_jobs(self, now: datetime) -> list[BulkJob]:
        """The bulk jobs that exist at that time, in no useful order."""
        with self._lock:
            jobs = list(self._jobs.values())
        return sorted((job for job in jobs if job.exists_at(now)), key=lambda job: job.id[::-1])


def _find_arrival(row: SObjectRow) -> datetime:
    moment = row.get("CreatedDate") or row.get("LoginTime") or row.get("Timestamp") or EPOCH
    return moment if isinstance(moment, datetime) else EPOCH
