"""The REST resources: versions, describe, limits, query, records, log files, bulk jobs."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from collector.demo import bulk_jobs
from collector.demo.api_errors import ApiError, build_malformed_query, build_not_found
from collector.demo.composite import answer_composite
from collector.demo.describe import describe_global, describe_sobject
from collector.demo.json_responses import build_json_response
from collector.demo.org_backend import NEWEST_VERSION, OLDEST_VERSION, OrgBackend, check_version
from collector.demo.query_pages import parse_batch_size
from collector.demo.sobjects import FIXED_IDS, SObjectKind, find_sobject
from collector.demo.soql_execution import QueryResult, RequestView, render_record, run_query
from collector.demo.soql_parser import parse_query
from collector.demo.soql_restrictions import limit_page_size

Endpoint = Callable[[Request], Awaitable[Response]]
ResourceHandler = Callable[[OrgBackend, Request, RequestView], Response]
CHUNK_BYTES = 65_536
_SEASONS = ("Winter", "Spring", "Summer")


def build_routes(org: OrgBackend) -> list[Route]:
    """Every resource under /services/data."""

    def build_route(path: str, handler: ResourceHandler, method: str = "GET") -> Route:
        endpoint = _require_authorization(org, handler)
        return Route("/services/data/v{version}" + path, endpoint, methods=[method])

    async def answer_versions(request: Request) -> Response:
        return build_json_response(request, _list_versions())

    return [
        Route("/services/data", answer_versions),
        build_route("", _answer_resources),
        build_route("/limits", _answer_limits),
        build_route("/sobjects", _answer_describe_global),
        build_route("/sobjects/{name}/describe", _answer_describe),
        build_route("/sobjects/EventLogFile/{id}/LogFile", _answer_log_file),
        build_route("/sobjects/{name}", _answer_basic_info),
        build_route("/sobjects/{name}/{id}", _answer_record),
        build_route("/query", _answer_query),
        build_route("/queryAll", _answer_query),
        build_route("/query/{locator}", _answer_next_page),
        build_route("/queryAll/{locator}", _answer_next_page),
        build_route("/composite", _answer_composite, "POST"),
        build_route("/jobs/{kind}", _answer_jobs),
        build_route("/jobs/{kind}/{id}", _answer_job),
    ]


def _require_authorization(org: OrgBackend, handler: ResourceHandler) -> Endpoint:
    """The handler behind the checks of every call: version, token, the day's limit."""

    async def answer_request(request: Request) -> Response:
        version = check_version(request.path_params["version"])
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in ("bearer", "oauth"):
            raise ApiError("INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE", status=401)
        if not org.access_tokens.spend_token(token.strip()):
            raise ApiError("INVALID_SESSION_ID", "Session expired or invalid", status=401)
        org.count_call()
        request.state.body = await request.body()
        response = handler(org, request, org.build_view(version))
        response.headers["Sforce-Limit-Info"] = org.render_limit_info()
        return response

    return answer_request


def _list_versions() -> list[dict[str, str]]:
    return [
        {
            "label": f"{_SEASONS[(number + 1) % 3]} '{(number + 10) // 3 + 1:02d}",
            "url": f"/services/data/v{number}.0",
            "version": f"{number}.0",
        }
        for number in range(OLDEST_VERSION, NEWEST_VERSION + 1)
    ]


def _answer_resources(_: OrgBackend, request: Request, view: RequestView) -> Response:
    base = f"/services/data/v{view.version}/"
    names = ("sobjects", "query", "queryAll", "limits", "jobs", "composite")
    return build_json_response(request, {name: base + name for name in names})


def _answer_limits(org: OrgBackend, request: Request, _: RequestView) -> Response:
    def build_limit(maximum: int, used: int = 0) -> dict[str, int]:
        return {"Max": maximum, "Remaining": max(0, maximum - used)}

    figures: dict[str, Any] = {
        "ConcurrentAsyncGetReportInstances": build_limit(200),
        "DailyApiRequests": build_limit(org.behaviour.daily_call_limit, org.api_calls),
        "DailyAsyncApexExecutions": build_limit(250_000, 812),
        "DailyBulkApiBatches": build_limit(15_000),
        "DailyBulkV2QueryFileStorageMB": build_limit(976_562),
        "DailyBulkV2QueryJobs": build_limit(10_000, 1),
        "DataStorageMB": build_limit(12_288, 5_117),
        "FileStorageMB": build_limit(112_640, 20_480),
        "HourlyAsyncReportRuns": build_limit(1_200),
    }
    return build_json_response(request, figures)


# ---- objects and records


def _answer_describe_global(_: OrgBackend, request: Request, view: RequestView) -> Response:
    return build_json_response(request, describe_global(view))


def _require_sobject(name: str, view: RequestView) -> RequestView:
    """Under /sobjects an object that is not there is a missing page, not a wrong type."""
    try:
        view.find_sobject(name)
    except ApiError:
        raise build_not_found() from None
    return view


def _answer_describe(_: OrgBackend, request: Request, view: RequestView) -> Response:
    name = request.path_params["name"]
    return build_json_response(
        request, describe_sobject(_require_sobject(name, view).find_sobject(name), view.version)
    )


def _answer_basic_info(_: OrgBackend, request: Request, view: RequestView) -> Response:
    name = request.path_params["name"]
    description = describe_sobject(_require_sobject(name, view).find_sobject(name), view.version)
    basic = {key: value for key, value in description.items() if key != "fields"}
    return build_json_response(request, {"objectDescribe": basic, "recentItems": []})


def _answer_record(_: OrgBackend, request: Request, view: RequestView) -> Response:
    name = request.path_params["name"]
    sobject = _require_sobject(name, view).find_sobject(name)
    short_id = request.path_params["id"][:15]
    rows = [] if sobject.kind in FIXED_IDS else view.list_rows(sobject)
    row = next((row for row in rows if row["Id"][:15] == short_id), None)
    if row is None:
        raise build_not_found()
    return build_json_response(request, render_record(sobject, row, view))


def _answer_log_file(org: OrgBackend, request: Request, view: RequestView) -> Response:
    _require_sobject("EventLogFile", view)
    file = org.store.find_file(request.path_params["id"], view.now)
    if file is None or (file.sequence and not view.hourly_files):
        raise build_not_found()
    headers = {"Content-Type": "application/octetstream"}
    chunks = _split_chunks(file.content)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        chunks = _compress_chunks(chunks)
    return StreamingResponse(_iterate_async(chunks), headers=headers)


def _split_chunks(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), CHUNK_BYTES):
        yield content[start : start + CHUNK_BYTES]


def _compress_chunks(chunks: Iterator[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
    for chunk in chunks:
        if compressed := compressor.compress(chunk):
            yield compressed
    yield compressor.flush()


async def _iterate_async(chunks: Iterator[bytes]) -> Any:
    for chunk in chunks:
        yield chunk


# ---- queries


def _answer_query(org: OrgBackend, request: Request, view: RequestView) -> Response:
    options = request.headers.get("sforce-query-options")
    page = _open_query(org, view, request.query_params.get("q"), options)
    return build_json_response(request, page)


def _open_query(
    org: OrgBackend, view: RequestView, text: str | None, options: str | None
) -> Mapping[str, Any]:
    """The first page of a query, with the value of its Sforce-Query-Options."""
    if text is None:
        raise build_malformed_query("A query string has to be specified")
    result = run_query(text, view)
    queried = find_sobject(parse_query(text).sobject)
    size = limit_page_size(queried, parse_batch_size(options))
    if not org.behaviour.big_object_locators and queried.kind is SObjectKind.BIG:
        result = QueryResult(total=len(result.records[:size]), records=result.records[:size])
    return org.query_pager.open_first_page(result, size, view.version)


def _answer_composite(org: OrgBackend, request: Request, view: RequestView) -> Response:
    return build_json_response(
        request, answer_composite(org, view, request.state.body, _open_query)
    )


def _answer_next_page(org: OrgBackend, request: Request, view: RequestView) -> Response:
    return build_json_response(
        request, org.query_pager.read_next_page(request.path_params["locator"], view.version)
    )


# ---- bulk jobs


def _answer_jobs(org: OrgBackend, request: Request, view: RequestView) -> Response:
    jobs = org.store.list_jobs(view.now)
    kind = request.path_params["kind"]
    return build_json_response(request, bulk_jobs.list_jobs(jobs, kind, request.query_params, view))


def _answer_job(org: OrgBackend, request: Request, view: RequestView) -> Response:
    short_id = request.path_params["id"][:15]
    jobs = [job for job in org.store.list_jobs(view.now) if job.id[:15] == short_id]
    return build_json_response(
        request, bulk_jobs.describe_job(jobs, request.path_params["kind"], view)
    )
