"""The Bulk API 2.0 job resources: lists without order or row counts, and single jobs with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collector.demo.api_errors import ApiError, build_not_found
from collector.demo.org_store import BulkJob
from collector.demo.sobjects import to_json_value
from collector.demo.soql_execution import RequestView

PAGE_SIZE = 1000
_RESOURCE_KINDS = {"query": ("V2Query", "Classic"), "ingest": ("V2Ingest", "Classic")}
_READ_OPERATIONS = ("query", "queryAll")


def list_jobs(
    jobs: list[BulkJob], resource: str, parameters: Mapping[str, str], view: RequestView
) -> dict[str, Any]:
    """A page of jobs. Raises ApiError for an unknown resource or locator."""
    job_type = parameters.get("jobType", "").lower()
    selected = [
        job for job in _select_jobs(jobs, resource) if not job_type or job.kind.lower() == job_type
    ]
    locator = parameters.get("queryLocator", "0")
    if not locator.isdigit():
        raise ApiError("INVALID_QUERY_LOCATOR", "invalid query locator")
    start, end = int(locator), int(locator) + PAGE_SIZE
    next_url = f"/services/data/v{view.version}/jobs/{resource}?queryLocator={end}"
    done = end >= len(selected)
    return {
        "done": done,
        "records": [_summarize_job(job, view) for job in selected[start:end]],
        "nextRecordsUrl": None if done else next_url,
    }


def describe_job(jobs: list[BulkJob], resource: str, view: RequestView) -> dict[str, Any]:
    """The whole of the first job. Raises ApiError where there is none."""
    selected = _select_jobs(jobs, resource)
    if not selected:
        raise build_not_found()
    job = selected[0]
    is_running = view.now < job.finished
    elapsed = (min(view.now, job.finished) - job.created).total_seconds()
    share = elapsed / max(1.0, (job.finished - job.created).total_seconds())
    description = {
        **_summarize_job(job, view),
        "numberRecordsProcessed": int(job.records * share) if is_running else job.records,
        "retries": 0,
        "totalProcessingTime": int(elapsed * 1000),
    }
    return description if resource == "query" else {**description, "numberRecordsFailed": 0}


def _select_jobs(jobs: list[BulkJob], resource: str) -> list[BulkJob]:
    kinds = _RESOURCE_KINDS.get(resource)
    if kinds is None:
        raise build_not_found()
    is_query = resource == "query"
    return [
        job for job in jobs if job.kind in kinds and (job.operation in _READ_OPERATIONS) is is_query
    ]


def _summarize_job(job: BulkJob, view: RequestView) -> dict[str, Any]:
    return {
        "id": job.id,
        "operation": job.operation,
        "object": job.object,
        "createdById": job.created_by,
        "createdDate": to_json_value(job.created),
        "systemModstamp": to_json_value(min(view.now, job.finished)),
        "state": "InProgress" if view.now < job.finished else "JobComplete",
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(view.version),
        "jobType": job.kind,
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
    }
