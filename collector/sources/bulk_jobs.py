"""Bulk API jobs, from the job resources: minutes before the log files, and with removed ones.

A job's owner may delete it as soon as its result is read, and the query with it. Sources: Bulk API
2.0 guide, "Get Information About All Query Jobs" and "Get Information About a Query Job".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from collector.errors import EndlessAnswerError, NotAvailableError, SalesforceError, TurnOverError
from collector.model import Batch, Cursor, Stream
from collector.salesforce.page_watch import check_next_page
from collector.salesforce.soql import parse_datetime
from collector.settings import SourceSettings
from collector.settings.values import Duration, Period
from collector.sources.availability import check_resource, probe_resource
from collector.sources.contract import SourceContext, UnavailableStream
from collector.sources.observation import Observation
from collector.sources.spec import Lane, SourceSpec, StreamGroup, SuppliedTypes

KIND = "bulk_jobs"
PERMISSION = "API Enabled"
QUERY_JOBS, INGEST_JOBS = "query", "ingest"
JOB_LISTS = (QUERY_JOBS, INGEST_JOBS)

JOB_LIFETIME = timedelta(days=7)
"""Salesforce itself deletes a job after this time: that it is gone then is no event."""

MAX_LIST_PAGES = 100
"""The most pages of a list that are read: of as many as 1,000 jobs each."""

MAX_DETAIL_REQUESTS = 200
"""How many jobs are asked for by themselves in one poll; the others wait for the next one."""

RUNNING_STATE = "InProgress"
"""The state in which a job's number of records grows without its list entry changing."""

_FIELDS = (
    *("id", "operation", "object", "createdById", "createdDate", "systemModstamp", "state"),
    *("jobType", "concurrencyMode", "contentType", "externalIdFieldName", "errorMessage"),
    *("numberRecordsProcessed", "numberRecordsFailed", "retries", "totalProcessingTime"),
    *("apiActiveProcessingTime", "apexProcessingTime"),
)
_PROGRESS_FIELDS = ("state", "numberRecordsProcessed", "numberRecordsFailed")
_ID_PATTERN = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")

JobRecord = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _JobSighting:
    """A job as it is now, or with `is_removed` as it was known last."""

    id: str
    job: JobRecord
    is_removed: bool = False


class BulkJobsSettings(SourceSettings):
    """The job resources of the Bulk API. At first, jobs older than `lookback` are not told of.

    `every` is for query jobs, which take data out; ingest jobs are listed every `ingest_every`, but
    never more often.
    """

    every: Period = timedelta(minutes=1)
    ingest_every: Period = timedelta(minutes=5)
    lookback: Duration = timedelta(hours=24)


class BulkJobsReader:
    """The query jobs and the ingest jobs, each list a stream."""

    def __init__(self, settings: BulkJobsSettings) -> None:
        self._lookback = settings.lookback

    def list_streams(self, context: SourceContext) -> Sequence[Stream | UnavailableStream]:
        """Both lists; an org without the Bulk API 2.0 does not answer them."""
        return [_check_stream(context, name) for name in JOB_LISTS]

    def fetch(
        self, context: SourceContext, stream: Stream, cursor: Cursor | None
    ) -> Iterator[Batch]:
        """The changes of the jobs since the last look.

        At the first look, jobs older than `lookback` are stored, and become no events.
        """
        stored = context.read_state(KIND)
        known_jobs = {job_id: job for job_id, job in stored.items() if job["list"] == stream.name}
        # Classic jobs may stand in both lists: the first that shows one keeps it.
        listed = {
            job["id"]: job
            for job in _list_jobs(context, stream.name)
            if job["id"] in known_jobs or job["id"] not in stored
        }
        now = context.client.estimate_org_time()
        observation = Observation(
            context=context, stream=stream, since=cursor.time if cursor else None, time=now
        )
        old = {
            job_id: job
            for job_id, job in listed.items()
            if cursor is None and _compute_age(job, now) > self._lookback
        }
        expired = {
            job_id
            for job_id, job in known_jobs.items()
            if job_id not in listed and _compute_age(job, now) >= JOB_LIFETIME
        }
        updates = {**old, **dict.fromkeys(expired)}
        yield observation.build_silent_batch("BulkJobInfo", state_updates=updates)
        changes = _find_changes(context, stream.name, {**known_jobs, **old}, listed, expired)
        sightings = list(islice(changes, MAX_DETAIL_REQUESTS))
        yield from _build_batches(observation, known_jobs, sightings)


def _build_batches(
    observation: Observation, known_jobs: Mapping[str, JobRecord], sightings: Sequence[_JobSighting]
) -> Iterator[Batch]:
    present = {sighting.id: sighting.job for sighting in sightings if not sighting.is_removed}
    removed = {sighting.id: sighting.job for sighting in sightings if sighting.is_removed}
    if present:
        changed = [
            job
            for job_id, job in present.items()
            if _extract_progress(job) != _extract_progress(known_jobs.get(job_id, {}))
        ]
        yield observation.build_batch("BulkJobInfo", _FIELDS, changed, state_updates=present)
    if removed:
        columns = (*_FIELDS, "ageSeconds")
        records = [
            {**job, "ageSeconds": int(_compute_age(job, observation.time).total_seconds())}
            for job in removed.values()
        ]
        updates = dict.fromkeys(removed)
        yield observation.build_batch("BulkJobRemoved", columns, records, state_updates=updates)


def _find_changes(
    context: SourceContext,
    resource: str,
    known_jobs: Mapping[str, JobRecord],
    listed: Mapping[str, JobRecord],
    expired: set[str],
) -> Iterator[_JobSighting]:
    """The jobs that are new, running, changed or removed; each is asked for when it is wanted.

    A list whose order is undefined may miss a job between two pages, so one that is not listed is
    removed only if its own resource says so, too.
    """
    for job_id in sorted(known_jobs.keys() - listed.keys() - expired):
        detail = _fetch_detail(context, resource, job_id)
        job = {**known_jobs[job_id], **(detail or {})}
        yield _JobSighting(id=job_id, job=job, is_removed=detail is None)
    for job_id, entry in sorted(
        listed.items(), key=lambda item: item[1]["createdDate"], reverse=True
    ):
        before = known_jobs.get(job_id, {})
        if before.get("state") == RUNNING_STATE or any(
            before.get(k) != v for k, v in entry.items()
        ):
            detail = _fetch_detail(context, resource, job_id)
            yield _JobSighting(id=job_id, job={**before, **entry, **(detail or {})})


def _check_stream(context: SourceContext, name: str) -> Stream | UnavailableStream:
    stream = Stream(org=context.org, source=KIND, name=name)
    return check_resource(context, stream, f"jobs/{name}", f"'{PERMISSION}'")


def _list_jobs(context: SourceContext, resource: str) -> Iterator[JobRecord]:
    """The list entries of all pages. Nothing is concluded from a list that breaks off."""
    name, endless_answers = f"jobs/{resource}", context.client.endless_answers
    endless_answers.check_object(name)
    try:
        yield from _read_list_pages(context, resource, name)
    except (EndlessAnswerError, TurnOverError):
        endless_answers.record_endless(name)
        raise
    endless_answers.record_end(name)


def _read_list_pages(context: SourceContext, resource: str, first_path: str) -> Iterator[JobRecord]:
    path, read_paths = first_path, set[str]()
    while path:
        if len(read_paths) == MAX_LIST_PAGES:
            raise EndlessAnswerError(
                f"{context.org}: {first_path}: the list goes on after {MAX_LIST_PAGES} pages"
            )
        if read_paths:
            check_next_page()
        read_paths.add(path)
        page = context.client.get_resource(path)
        records, path = page.get("records"), page.get("nextRecordsUrl") or ""
        if not isinstance(records, list) or not isinstance(path, str) or path in read_paths:
            raise _build_unexpected_error(context, resource)
        if page.get("done") is not (path == ""):
            raise _build_unexpected_error(context, resource)
        for record in records:
            yield _parse_job(context, resource, record)


def _fetch_detail(context: SourceContext, resource: str, job_id: str) -> JobRecord | None:
    """All that the job's own resource says; None where there is none.

    There may be none for a Classic job in a list of Bulk API 2.0, so its entry has to do.
    """
    try:
        record = context.client.get_resource(f"jobs/{resource}/{job_id}")
    except NotAvailableError as error:
        if error.code == "NOT_FOUND":
            return None
        raise
    except SalesforceError as error:
        # A code that means nothing to us, such as that of a job of the other API.
        if type(error) is SalesforceError:
            return None
        raise
    return _parse_job(context, resource, record)


def _parse_job(context: SourceContext, resource: str, record: Any) -> JobRecord:
    """What is kept of a job."""
    if not isinstance(record, dict):
        raise _build_unexpected_error(context, resource)
    job = {name: record[name] for name in _FIELDS if isinstance(record.get(name), str | int)}
    try:
        parse_datetime(str(job["createdDate"]))
    except (KeyError, ValueError):
        raise _build_unexpected_error(context, resource) from None
    if not _ID_PATTERN.fullmatch(str(job.get("id"))):
        raise _build_unexpected_error(context, resource)
    return {**job, "list": resource}


def _extract_progress(job: JobRecord) -> tuple[object, ...]:
    return tuple(job.get(name) for name in _PROGRESS_FIELDS)


def _compute_age(job: JobRecord, now: datetime) -> timedelta:
    return now - parse_datetime(job["createdDate"])


def _build_unexpected_error(context: SourceContext, resource: str) -> SalesforceError:
    return SalesforceError(
        f"{context.org}: jobs/{resource}: the answer is not what Salesforce sends"
    )


def _split_groups(settings: BulkJobsSettings) -> tuple[StreamGroup, ...]:
    return (
        StreamGroup(
            name="query jobs",
            interval=settings.every,
            value_rank=20,
            max_stretch=10.0,
            stream_names=frozenset({QUERY_JOBS}),
        ),
        StreamGroup(
            name="ingest jobs",
            interval=max(settings.every, settings.ingest_every),
            setting="ingest_every",
            value_rank=25,
            max_stretch=10.0,
        ),
    )


SPEC = SourceSpec(
    kind=KIND,
    settings=BulkJobsSettings,
    build=BulkJobsReader,
    event_types=SuppliedTypes(names=frozenset({"BulkJobInfo", "BulkJobRemoved"})),
    windowed=False,
    backfillable=False,
    value_rank=20,
    split_groups=_split_groups,
    lane=Lane.URGENT,
    probe=partial(probe_resource, folder="jobs/"),
    permissions=(PERMISSION,),
)
