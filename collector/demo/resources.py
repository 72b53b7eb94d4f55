"""The REST resources: versions, describe, limits, query, records, log files, bulk jobs."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from collector.demo import jobs
from collector.demo.answers import json_answer
from collector.demo.describe import catalogue, describe
from collector.demo.objects import FIXED_IDS, Kind, sobject
from collector.demo.org import NEWEST_VERSION, OLDEST_VERSION, Org, check_version
from collector.demo.pages import batch_size
from collector.demo.query import Result, View, read, run
from collector.demo.refusal import ApiError, malformed, not_found
from collector.demo.restrictions import page_size
from collector.demo.soql import parse

Endpoint = Callable[[Request], Awaitable[Response]]
Handler = Callable[[Org, Request, View], Response]
CHUNK = 65_536
_SEASONS = ("Winter", "Spring", "Summer")


def routes(org: Org) -> list[Route]:
    """Every resource under /services/data."""

    def route(path: str, handler: Handler) -> Route:
        return Route("/services/data/v{version}" + path, _authorized(org, handler))

    async def versions(request: Request) -> Response:
        return json_answer(request, _versions())

    return [
        Route("/services/data", versions),
        route("", _resources),
        route("/limits", _limits),
        route("/sobjects", _catalogue),
        route("/sobjects/{name}/describe", _describe),
        route("/sobjects/EventLogFile/{id}/LogFile", _log_file),
        route("/sobjects/{name}", _basic),
        route("/sobjects/{name}/{id}", _record),
        route("/query", _query),
        route("/queryAll", _query),
        route("/query/{locator}", _more),
        route("/queryAll/{locator}", _more),
        route("/jobs/{kind}", _jobs),
        route("/jobs/{kind}/{id}", _job),
    ]


def _authorized(org: Org, handler: Handler) -> Endpoint:
    """The handler behind the checks that every call passes: version, token, the day's limit."""

    async def endpoint(request: Request) -> Response:
        version = check_version(request.path_params["version"])
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in ("bearer", "oauth"):
            raise ApiError("INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE", status=401)
        if not org.sessions.spend(token.strip()):
            raise ApiError("INVALID_SESSION_ID", "Session expired or invalid", status=401)
        org.count_call()
        answer = handler(org, request, org.view(version))
        answer.headers["Sforce-Limit-Info"] = org.limit_info()
        return answer

    return endpoint


def _versions() -> list[dict[str, str]]:
    return [
        {
            "label": f"{_SEASONS[(number + 1) % 3]} '{(number + 10) // 3 + 1:02d}",
            "url": f"/services/data/v{number}.0",
            "version": f"{number}.0",
        }
        for number in range(OLDEST_VERSION, NEWEST_VERSION + 1)
    ]


def _resources(_: Org, request: Request, view: View) -> Response:
    base = f"/services/data/v{view.version}/"
    names = ("sobjects", "query", "queryAll", "limits", "jobs")
    return json_answer(request, {name: base + name for name in names})


def _limits(org: Org, request: Request, _: View) -> Response:
    def limit(most: int, used: int = 0) -> dict[str, int]:
        return {"Max": most, "Remaining": max(0, most - used)}

    figures: dict[str, Any] = {
        "ConcurrentAsyncGetReportInstances": limit(200),
        "DailyApiRequests": limit(org.behaviour.daily_calls, org.api_calls),
        "DailyAsyncApexExecutions": limit(250_000, 812),
        "DailyBulkApiBatches": limit(15_000),
        "DailyBulkV2QueryFileStorageMB": limit(976_562),
        "DailyBulkV2QueryJobs": limit(10_000, 1),
        "DataStorageMB": limit(12_288, 5_117),
        "FileStorageMB": limit(112_640, 20_480),
        "HourlyAsyncReportRuns": limit(1_200),
    }
    return json_answer(request, figures)


# ---- objects and records


def _catalogue(_: Org, request: Request, view: View) -> Response:
    return json_answer(request, catalogue(view))


def _visible(name: str, view: View) -> View:
    """Under /sobjects an object that is not there is a missing page, not a wrong type."""
    try:
        view.sobject(name)
    except ApiError:
        raise not_found() from None
    return view


def _describe(_: Org, request: Request, view: View) -> Response:
    name = request.path_params["name"]
    return json_answer(request, describe(_visible(name, view).sobject(name), view.version))


def _basic(_: Org, request: Request, view: View) -> Response:
    name = request.path_params["name"]
    whole = describe(_visible(name, view).sobject(name), view.version)
    basic = {key: value for key, value in whole.items() if key != "fields"}
    return json_answer(request, {"objectDescribe": basic, "recentItems": []})


def _record(_: Org, request: Request, view: View) -> Response:
    name = request.path_params["name"]
    found = _visible(name, view).sobject(name)
    wanted = request.path_params["id"][:15]
    rows = [] if found.kind in FIXED_IDS else view.rows(found)
    row = next((row for row in rows if row["Id"][:15] == wanted), None)
    if row is None:
        raise not_found()
    return json_answer(request, read(found, row, view))


def _log_file(org: Org, request: Request, view: View) -> Response:
    _visible("EventLogFile", view)
    file = org.store.file(request.path_params["id"], view.now)
    if file is None or (file.sequence and not view.hourly_files):
        raise not_found()
    headers = {"Content-Type": "application/octetstream"}
    chunks = _chunks(file.content)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        chunks = _gzip(chunks)
    return StreamingResponse(_asynchronously(chunks), headers=headers)


def _chunks(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), CHUNK):
        yield content[start : start + CHUNK]


def _gzip(chunks: Iterator[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
    for chunk in chunks:
        if compressed := compressor.compress(chunk):
            yield compressed
    yield compressor.flush()


async def _asynchronously(chunks: Iterator[bytes]) -> Any:
    for chunk in chunks:
        yield chunk


# ---- queries


def _query(org: Org, request: Request, view: View) -> Response:
    text = request.query_params.get("q")
    if text is None:
        raise malformed("A query string has to be specified")
    result = run(text, view)
    queried = sobject(parse(text).sobject)
    size = page_size(queried, batch_size(request.headers.get("sforce-query-options")))
    if not org.behaviour.big_object_locators and queried.kind is Kind.BIG:
        result = Result(total=len(result.records[:size]), records=result.records[:size])
    return json_answer(request, org.pages.first(result, size, view.version))


def _more(org: Org, request: Request, view: View) -> Response:
    return json_answer(request, org.pages.next(request.path_params["locator"], view.version))


# ---- bulk jobs


def _jobs(org: Org, request: Request, view: View) -> Response:
    found = org.store.jobs(view.now)
    kind = request.path_params["kind"]
    return json_answer(request, jobs.listing(found, kind, request.query_params, view))


def _job(org: Org, request: Request, view: View) -> Response:
    wanted = request.path_params["id"][:15]
    found = [job for job in org.store.jobs(view.now) if job.id[:15] == wanted]
    return json_answer(request, jobs.one(found, request.path_params["kind"], view))
