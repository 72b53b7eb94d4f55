"""JSON responses, compressed for clients that accept it."""

from __future__ import annotations

import gzip
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

_COMPRESSION_THRESHOLD = 1000


def build_json_response(request: Request, value: Any, *, status: int = 200) -> Response:
    """A JSON value as Salesforce sends it."""
    body = json.dumps(value, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json;charset=UTF-8"}
    if len(body) > _COMPRESSION_THRESHOLD and "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body, 1)
    return Response(body, status_code=status, headers=headers)
