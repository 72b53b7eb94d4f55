"""The Bulk API 2.0 job resources: lists without order or row counts, and single jobs with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collector.demo.objects import json_value
from collector.demo.query import View
from collector.demo.refusal import ApiError, not_found
from collector.demo.store import BulkJob

PAGE = 1000
_KINDS = {"query": ("V2Query", "Classic"), "ingest": ("V2Ingest", "Classic")}
_READS = ("query", "queryAll")


def listing(
    found: list[BulkJob], resource: str, parameters: Mapping[str, str], view: View
) -> dict[str, Any]:
    """A page of jobs. Raises ApiError for an unknown resource or locator."""
    wanted = parameters.get("jobType", "").lower()
    fitting = [job for job in _of(found, resource) if not wanted or job.kind.lower() == wanted]
    locator = parameters.get("queryLocator", "0")
    if not locator.isdigit():
        raise ApiError("INVALID_QUERY_LOCATOR", "invalid query locator")
    start, end = int(locator), int(locator) + PAGE
    more = f"/services/data/v{view.version}/jobs/{resource}?queryLocator={end}"
    done = end >= len(fitting)
    return {
        "done": done,
        "records": [_summary(job, view) for job in fitting[start:end]],
        "nextRecordsUrl": None if done else more,
    }


def one(found: list[BulkJob], resource: str, view: View) -> dict[str, Any]:
    """The whole of the first job. Raises ApiError where there is none."""
    own = _of(found, resource)
    if not own:
        raise not_found()
    job = own[0]
    running = view.now < job.finished
    elapsed = (min(view.now, job.finished) - job.created).total_seconds()
    share = elapsed / max(1.0, (job.finished - job.created).total_seconds())
    whole = {
        **_summary(job, view),
        "numberRecordsProcessed": int(job.records * share) if running else job.records,
        "retries": 0,
        "totalProcessingTime": int(elapsed * 1000),
    }
    return whole if resource == "query" else {**whole, "numberRecordsFailed": 0}


def _of(found: list[BulkJob], resource: str) -> list[BulkJob]:
    kinds = _KINDS.get(resource)
    if kinds is None:
        raise not_found()
    reads = resource == "query"
    return [job for job in found if job.kind in kinds and (job.operation in _READS) is reads]


def _summary(job: BulkJob, view: View) -> dict[str, Any]:
    return {
        "id": job.id,
        "operation": job.operation,
        "object": job.object,
        "createdById": job.created_by,
        "createdDate": json_value(job.created),
        "systemModstamp": json_value(min(view.now, job.finished)),
        "state": "InProgress" if view.now < job.finished else "JobComplete",
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(view.version),
        "jobType": job.kind,
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
    }
