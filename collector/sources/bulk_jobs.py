"""Bulk API jobs, from the job resources: minutes before the log files, and what vanishes is told.

A job's owner may delete it as soon as its result is read, and the query with it. Sources: Bulk API
2.0 guide, "Get Information About All Query Jobs" and "Get Information About a Query Job".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from collector.errors import NotAvailable, SalesforceError
from collector.model import Batch, Cursor, Stream
from collector.salesforce.soql import parse_datetime
from collector.settings import BulkJobsSource
from collector.sources.contract import Context, Unavailable
from collector.sources.observation import Observation

KIND = "bulk_jobs"
LISTS = ("query", "ingest")

JOB_LIFE = timedelta(days=7)
"""Salesforce itself deletes a job after this time: that it is gone then is no event."""

MOST = 200
"""How many jobs are asked for by themselves in one poll; the others wait for the next one."""

RUNNING = "InProgress"
"""The state in which a job's number of records grows without its list entry changing."""

_FIELDS = (
    *("id", "operation", "object", "createdById", "createdDate", "systemModstamp", "state"),
    *("jobType", "concurrencyMode", "contentType", "externalIdFieldName", "errorMessage"),
    *("numberRecordsProcessed", "numberRecordsFailed", "retries", "totalProcessingTime"),
    *("apiActiveProcessingTime", "apexProcessingTime"),
)
_PROGRESS = ("state", "numberRecordsProcessed", "numberRecordsFailed")
_ID = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")

Job = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A job as it is now; `gone` if it is not any more, with what was known of it last."""

    id: str
    job: Job
    gone: bool = False


class BulkJobs:
    """The query jobs and the ingest jobs, each list a stream."""

    kind = KIND

    def __init__(self, settings: BulkJobsSource) -> None:
        self.every = settings.every
        self._lookback = settings.lookback

    def streams(self, context: Context) -> Sequence[Stream | Unavailable]:
        """Both lists; an org without the Bulk API 2.0 does not answer them."""
        return [_stream_or_reason(context, name) for name in LISTS]

    def fetch(self, context: Context, stream: Stream, cursor: Cursor | None) -> Iterator[Batch]:
        """What has become of the jobs since the last look.

        At the first look, jobs older than `lookback` are remembered and not told of.
        """
        remembered = context.recall(KIND)
        known = {one: job for one, job in remembered.items() if job["list"] == stream.name}
        # Classic jobs may stand in both lists: the first that shows one keeps it.
        listed = {
            job["id"]: job
            for job in _listing(context, stream.name)
            if job["id"] in known or job["id"] not in remembered
        }
        now = context.client.now()
        look = Observation(
            context=context, stream=stream, since=cursor.time if cursor else None, time=now
        )
        old = {}
        if cursor is None:
            old = {one: job for one, job in listed.items() if _age(job, now) > self._lookback}
        expired = [
            one for one, job in known.items() if one not in listed and _age(job, now) >= JOB_LIFE
        ]
        yield look.silent("BulkJobInfo", remember={**old, **dict.fromkeys(expired)})
        asked = {**known, **old}
        seen = list(islice(_changes(context, stream.name, asked, listed, set(expired)), MOST))
        yield from _told(look, known, seen)


def _told(look: Observation, known: Mapping[str, Job], seen: Sequence[_Seen]) -> Iterator[Batch]:
    present = [one for one in seen if not one.gone]
    news = [one.job for one in present if _progress(one.job) != _progress(known.get(one.id, {}))]
    gone = [one for one in seen if one.gone]
    if present:
        remember = {one.id: one.job for one in present}
        yield look.batch("BulkJobInfo", _FIELDS, news, remember=remember)
    if gone:
        records = [
            {**one.job, "ageSeconds": int(_age(one.job, look.time).total_seconds())} for one in gone
        ]
        forget = dict.fromkeys(one.id for one in gone)
        yield look.batch("BulkJobRemoved", (*_FIELDS, "ageSeconds"), records, remember=forget)


def _changes(
    context: Context,
    resource: str,
    known: Mapping[str, Job],
    listed: Mapping[str, Job],
    expired: set[str],
) -> Iterator[_Seen]:
    """The jobs that are new, running, changed or gone; each is asked for when it is wanted.

    A list whose order is undefined may miss a job between two pages, so one that is not listed is
    gone only if its own resource says so, too.
    """
    for one in sorted(known.keys() - listed.keys() - expired):
        detail = _detail(context, resource, one)
        job = {**known[one], **(detail or {})}
        yield _Seen(id=one, job=job, gone=detail is None)
    for one, entry in sorted(listed.items(), key=lambda item: item[1]["createdDate"], reverse=True):
        before = known.get(one, {})
        if before.get("state") == RUNNING or any(before.get(k) != v for k, v in entry.items()):
            detail = _detail(context, resource, one)
            yield _Seen(id=one, job={**before, **entry, **(detail or {})})


def _stream_or_reason(context: Context, name: str) -> Stream | Unavailable:
    stream = Stream(org=context.org, source=KIND, name=name)
    if context.catalog.answers(f"jobs/{name}"):
        return stream
    reason = f"the org does not answer jobs/{name} for this user: it needs 'API Enabled'"
    return Unavailable(stream=stream, reason=reason)


def _listing(context: Context, resource: str) -> Iterator[Job]:
    """The list entries of all pages. Nothing is concluded from a list that breaks off."""
    path, read = f"jobs/{resource}", set[str]()
    while path:
        read.add(path)
        page = context.client.get(path)
        records, path = page.get("records"), page.get("nextRecordsUrl") or ""
        if not isinstance(records, list) or not isinstance(path, str) or path in read:
            raise _unexpected(context, resource)
        if page.get("done") is not (path == ""):
            raise _unexpected(context, resource)
        for record in records:
            yield _job(context, resource, record)


def _detail(context: Context, resource: str, job_id: str) -> Job | None:
    """All that the job's own resource says; None where there is none.

    There may be none for a Classic job in a list of Bulk API 2.0, so its entry has to do.
    """
    try:
        record = context.client.get(f"jobs/{resource}/{job_id}")
    except NotAvailable as error:
        if error.code == "NOT_FOUND":
            return None
        raise
    except SalesforceError as error:
        # A code that means nothing to us, such as that of a job of the other API.
        if type(error) is SalesforceError:
            return None
        raise
    return _job(context, resource, record)


def _job(context: Context, resource: str, record: Any) -> Job:
    """What is kept of a job."""
    if not isinstance(record, dict):
        raise _unexpected(context, resource)
    job = {name: record[name] for name in _FIELDS if isinstance(record.get(name), str | int)}
    try:
        parse_datetime(str(job["createdDate"]))
    except (KeyError, ValueError):
        raise _unexpected(context, resource) from None
    if not _ID.fullmatch(str(job.get("id"))):
        raise _unexpected(context, resource)
    return {**job, "list": resource}


def _progress(job: Job) -> tuple[object, ...]:
    return tuple(job.get(name) for name in _PROGRESS)


def _age(job: Job, now: datetime) -> timedelta:
    return now - parse_datetime(job["createdDate"])


def _unexpected(context: Context, resource: str) -> SalesforceError:
    return SalesforceError(
        f"{context.org}: jobs/{resource}: the answer is not what Salesforce sends"
    )
