"""What an org's refusals mean: HTTP statuses and error codes as exceptions of ours."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from collector.errors import (
    LimitExceededError,
    NotAvailableError,
    QueryTooWideError,
    SalesforceError,
    SessionExpiredError,
    UnreachableError,
)

MAX_MESSAGE_CHARACTERS = 200
_MAX_WORD_CHARACTERS = 60

_NOT_AVAILABLE_CODES = frozenset(
    {
        "API_CURRENTLY_DISABLED",
        "API_DISABLED_FOR_ORG",
        "FUNCTIONALITY_NOT_ENABLED",
        "INVALID_FIELD",
        "INVALID_TYPE",
        "NOT_FOUND",
    }
)


def build_api_error(where: str, status: int, content: object) -> SalesforceError:
    """The error that an answer other than 200 stands for.

    `where` names the org and what was asked; `content` is the body, parsed if it is JSON.
    """
    if status == 401:
        return SessionExpiredError(f"{where}: the org refused a new token as well (401)")
    code, message = _parse_error_body(content)
    sentence = f"{where}: {code or status}" + (f": {message}" if message else "")
    if code == "REQUEST_LIMIT_EXCEEDED":
        return LimitExceededError(sentence, is_daily="concurrent" not in message.lower())
    if code == "INVALID_QUERY_LOCATOR":
        return SalesforceError(f"{where}: the query's pages have expired")
    if code == "QUERY_TIMEOUT":
        return QueryTooWideError(sentence)
    if code in _NOT_AVAILABLE_CODES or code.startswith("INSUFFICIENT_ACCESS"):
        return NotAvailableError(sentence, code=code)
    return _build_status_error(status, content, sentence)


def build_unreachable_error(where: str, problem: Exception) -> UnreachableError:
    """The error that a broken or missing answer stands for."""
    return UnreachableError(f"{where}: {_describe_failure(problem)}")


def compute_clock_skew(answer: httpx.Response, now: datetime) -> timedelta | None:
    """The org's clock minus ours by an answer's Date, if it has one; good to about a second."""
    with suppress(ValueError, OverflowError):
        return parsedate_to_datetime(answer.headers.get("Date", "")).astimezone(UTC) - now
    return None


def sanitize_message(text: object, *secrets: str) -> str:
    """What a server said as one short line: no control characters, no secrets, no long words.

    An answer may repeat the request, and every token and key is a long word.
    """
    if not isinstance(text, str):
        return ""
    for secret in secrets:
        text = text.replace(secret, "***")
    plain = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text[:10_000])
    words = (word if len(word) <= _MAX_WORD_CHARACTERS else "***" for word in plain.split())
    return " ".join(words)[:MAX_MESSAGE_CHARACTERS]


def _build_status_error(status: int, content: object, sentence: str) -> SalesforceError:
    if status in {420, 429} or not 400 <= status < 500:
        return UnreachableError(sentence)
    if isinstance(content, str) and content.strip():
        return UnreachableError(
            f"{sentence} with a page where JSON should be: not the org's own word"
        )
    if status == 404:
        return NotAvailableError(sentence, code="NOT_FOUND")
    if status == 410:
        return NotAvailableError(sentence, code="GONE")
    return SalesforceError(sentence)


def _parse_error_body(content: object) -> tuple[str, str]:
    """The code and the message of an error body; a list of one object, or the object alone."""
    first = content[0] if isinstance(content, list) and content else content
    if not isinstance(first, dict):
        return "", ""
    return sanitize_message(first.get("errorCode")), sanitize_message(first.get("message"))


def _describe_failure(problem: Exception) -> str:
    if isinstance(problem, httpx.TimeoutException):
        return "no answer in time"
    if isinstance(problem, httpx.LocalProtocolError) or not isinstance(problem, httpx.HTTPError):
        return "the request could not be made"  # their text repeats it, token and all
    if isinstance(problem, httpx.ProxyError):
        return f"the proxy refuses ({sanitize_message(str(problem))}): check `proxy`"
    reason = sanitize_message(str(problem)) or "the connection broke"
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        return f"{reason} (where a proxy signs TLS anew, ca_file names its certificate)"
    return reason
