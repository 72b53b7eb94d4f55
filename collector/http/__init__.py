"""The only place that builds an HTTP client: bounded in time and size, without redirects."""

from __future__ import annotations

from collector.http.bodies import (
    MAX_BODY_BYTES,
    MAX_REFUSAL_BYTES,
    BodyTooLongError,
    has_end,
    read_body,
    read_pieces,
)
from collector.http.certificates import trust_certificates
from collector.http.clients import build_client
from collector.http.patience import allow_finish, limit_time, read_deadline
from collector.http.sessions import build_session
from collector.http.urls import check_url

__all__ = [
    "MAX_BODY_BYTES",
    "MAX_REFUSAL_BYTES",
    "BodyTooLongError",
    "allow_finish",
    "build_client",
    "build_session",
    "check_url",
    "has_end",
    "limit_time",
    "read_body",
    "read_deadline",
    "read_pieces",
    "trust_certificates",
]
