"""What an org's refusals mean: HTTP statuses and error codes as exceptions of ours."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import httpx

from collector.errors import (
    ApiVersionError,
    InstanceGoneError,
    LimitExceededError,
    NotAvailableError,
    QueryTooWideError,
    SalesforceError,
    SessionExpiredError,
    UnreachableError,
)
from collector.salesforce.refusal_advice import find_refusal_advice

_ERROR_KINDS: Mapping[str, type[SalesforceError]] = MappingProxyType(
    {
        "GONE": ApiVersionError,
        "QUERY_TIMEOUT": QueryTooWideError,
        "UNSUPPORTED_API_VERSION": ApiVersionError,
        "URL_NOT_RESET": InstanceGoneError,
    }
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
    """The error that an answer other than 200 stands for, in Salesforce's own words.

    `where` names the org and what was asked; `content` is the body, parsed if it is JSON.
    """
    code, message = _parse_error_body(content)
    advice = find_refusal_advice(code, message)
    if status == 401 and code != "URL_NOT_RESET":
        return SessionExpiredError(_describe_rejection(where, code, message, advice))
    sentence = ": ".join(filter(None, (where, code or str(status), message, advice)))
    return _build_coded_error(where, code, message, sentence) or _build_status_error(
        status, content, sentence
    )


def build_version_error(refusal: str, version: str, versions: Sequence[str]) -> ApiVersionError:
    """A refusal because of a version that is none of those that the org serves, oldest first."""
    return ApiVersionError(
        f"{refusal}: api_version is {version}, and the org serves {versions[0]} to {versions[-1]}:"
        " without `api_version` the newest is taken"
    )


def build_unreachable_error(where: str, problem: Exception) -> UnreachableError:
    """The error that a broken or missing answer stands for."""
    sentence = f"{where}: {_describe_failure(problem)}"
    if isinstance(problem, httpx.ConnectError | httpx.ConnectTimeout):
        return InstanceGoneError(sentence)
    return UnreachableError(sentence)


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


def _build_coded_error(
    where: str, code: str, message: str, sentence: str
) -> SalesforceError | None:
    """The error of a code, if it is a known one."""
    if code == "REQUEST_LIMIT_EXCEEDED":
        return LimitExceededError(sentence, is_daily="concurrent" not in message.lower())
    if code == "INVALID_QUERY_LOCATOR":
        return SalesforceError(f"{where}: the query's pages have expired")
    if code in _ERROR_KINDS:
        return _ERROR_KINDS[code](sentence)
    if code in _NOT_AVAILABLE_CODES or code.startswith("INSUFFICIENT_ACCESS"):
        return NotAvailableError(sentence, code=code)
    return None


def _describe_rejection(where: str, code: str, message: str, advice: str) -> str:
    said = " ".join(filter(None, (code, message)))
    reason = f"401: {said}" if said else "401"
    sentence = f"{where}: the org refused a new token as well ({reason})"
    return f"{sentence}: {advice}" if advice else sentence


def _build_status_error(status: int, content: object, sentence: str) -> SalesforceError:
    """The error of a status, where the body says nothing that is known."""
    is_page = isinstance(content, str) and bool(content.strip())
    if status == 420 or 300 <= status < 400:
        return InstanceGoneError(sentence)
    if status == 429 or not 400 <= status < 500:
        return UnreachableError(sentence)
    if is_page:
        kind = InstanceGoneError if status == 404 else UnreachableError
        return kind(f"{sentence} with a page where JSON should be: not the org's own word")
    if status == 404:
        return NotAvailableError(sentence, code="NOT_FOUND")
    if status == 410:
        return ApiVersionError(sentence)
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
