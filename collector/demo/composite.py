"""The Composite resource, for queries: several in one request, which counts as one API call."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from collector.demo.api_errors import ApiError, build_not_found
from collector.demo.org_backend import LoggedRequest, OrgBackend
from collector.demo.soql_execution import RequestView

MAX_SUBREQUESTS = 25
MAX_QUERIES = 5
QueryAnswerer = Callable[[OrgBackend, RequestView, str | None, str | None], Mapping[str, Any]]
"""Answers a SOQL text with the value of Sforce-Query-Options. Raises ApiError."""

_QUERY_PATH = re.compile(r"/services/data/v(\d+\.\d+)/query(All)?/?")


def answer_composite(
    org: OrgBackend, view: RequestView, body: bytes, answer_query: QueryAnswerer
) -> dict[str, Any]:
    """The answers of all sub-requests, in their order. Raises ApiError for what is none."""
    if not org.behaviour.composite:
        raise build_not_found()
    subrequests = _parse_subrequests(body)
    return {
        "compositeResponse": [
            _answer_subrequest(org, view, subrequest, answer_query) for subrequest in subrequests
        ]
    }


def _parse_subrequests(body: bytes) -> list[Mapping[str, Any]]:
    try:
        subrequests = json.loads(body)["compositeRequest"]
        queries = [one for one in subrequests if "/query" in one["url"] and one["referenceId"]]
    except (ValueError, KeyError, TypeError):
        raise ApiError("JSON_PARSER_ERROR", "compositeRequest is missing or broken") from None
    if len(subrequests) > MAX_SUBREQUESTS or len(queries) > MAX_QUERIES:
        raise ApiError(
            "INVALID_INPUT",
            f"at most {MAX_SUBREQUESTS} sub-requests, {MAX_QUERIES} of them queries",
        )
    return list(subrequests)


def _answer_subrequest(
    org: OrgBackend, view: RequestView, subrequest: Mapping[str, Any], answer_query: QueryAnswerer
) -> dict[str, Any]:
    address = urlsplit(subrequest["url"])
    soql = parse_qs(address.query).get("q", [""])[0]
    fault = org.fault_queue.take_fault(f"{address.path}?q={soql}")
    status = 200
    body: object = None
    try:
        if fault is not None and fault.status is not None:
            status, body = fault.status, fault.body
        elif _QUERY_PATH.fullmatch(address.path) is None:
            raise build_not_found()
        else:
            headers = {key.lower(): value for key, value in _read_headers(subrequest).items()}
            body = answer_query(org, view, soql or None, headers.get("sforce-query-options"))
    except ApiError as error:
        status, body = error.status, error.render_body()
    org.record_request(
        LoggedRequest(
            time=view.now, method="SUB", path=address.path, query=f"q={soql}", status=status
        )
    )
    return {
        "body": body,
        "httpHeaders": {},
        "httpStatusCode": status,
        "referenceId": subrequest["referenceId"],
    }


def _read_headers(subrequest: Mapping[str, Any]) -> Mapping[str, str]:
    return subrequest.get("httpHeaders") or {}
