"""One POST to a URL that is a secret, and the delivery outcome of its answer, or of its error.

Channels over HTTP add the messages of their own receiver; the tables here hold for all of them.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeAlias

import httpx

from collector import clock, escaping, http
from collector.model import (
    DeliveryOutcome,
    DeliveryRejection,
    DeliverySuccess,
    IndeterminateDelivery,
    RejectionScope,
    RetryLater,
)
from collector.settings import Secret

TIMEOUT_SECONDS = 30.0
MAX_RETRY_AFTER_SECONDS = 86_400.0
"""What a receiver may make us wait with `Retry-After`; more is taken for a mistake."""

_BODY_LIMIT_BYTES = 64 << 10

_Failure: TypeAlias = type[DeliveryRejection | RetryLater | IndeterminateDelivery]

_URL_ERRORS = (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError)
_CONNECT_ERRORS = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_REDIRECT_TEMPLATE = "{answer}: a redirect is not followed; is that {url_name}?"

# Of both tables the first row that fits counts.
_ERROR_TABLE: tuple[tuple[tuple[type[Exception], ...], _Failure, str], ...] = (
    (_URL_ERRORS, DeliveryRejection, "{url_name} cannot be called"),
    (_CONNECT_ERRORS, RetryLater, "{receiver} cannot be reached: {error}"),
    ((httpx.HTTPError,), IndeterminateDelivery, "no answer after the message had left: {error}"),
)
_STATUS_TABLE: tuple[tuple[Container[int], _Failure, str], ...] = (  # of all but 2xx
    ((408, 425, 429), RetryLater, "{answer}"),
    (range(500, 1000), RetryLater, "{answer}"),
    (range(300, 400), DeliveryRejection, _REDIRECT_TEMPLATE),
    (range(500), DeliveryRejection, "{answer}"),
)


_MESSAGE_STATUSES = frozenset({400, 413, 414, 415, 422, 431})
"""What is said of a request that is wrong in itself, whoever makes it (RFC 9110, 15.5)."""


def judge_rejection(status: int, body: str) -> RejectionScope:  # noqa: ARG001 - others read it
    """Whether a refusal is of the message alone, by the status."""
    return RejectionScope.MESSAGE if status in _MESSAGE_STATUSES else RejectionScope.CHANNEL


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSender:
    """Posts to receivers of one kind, following no redirect.

    The URL stands in no outcome. The functions get the start of the answer's body, at most 64
    KiB of hostile text that may repeat the URL: they must not quote it freely.

    Attributes:
        receiver, url_name: their names in reasons, such as `Slack` and `the webhook's URL`.
        explain_body: what the body of a failure says, in words fit for a reason; may be empty.
        read_success: the outcome of a 2xx answer with that body, where it depends on it.
        judge_rejection: whether a refusal with that status and body is of the message alone.
    """

    receiver: str
    url_name: str
    explain_body: Callable[[str], str] = lambda _: ""
    read_success: Callable[[str], DeliveryOutcome] = lambda _: DeliverySuccess()
    judge_rejection: Callable[[int, str], RejectionScope] = judge_rejection

    def post_body(
        self,
        url: Secret,
        body: bytes,
        *,
        headers: Mapping[str, str],
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> DeliveryOutcome:
        """Post once, over a connection of its own: an idle one may break without a reason.

        Never raises for what the receiver or the network does, or for a URL that is none.
        """
        try:
            with (
                http.build_client() as client,
                client.stream(
                    "POST",
                    url.reveal(),
                    content=body,
                    headers={**headers, "Connection": "close"},
                    timeout=timeout_seconds,
                ) as answer,
            ):
                return self._classify_answer(answer, _read_body(answer, timeout_seconds))
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            return self._classify_error(problem)

    def _classify_answer(self, answer: httpx.Response, body: str) -> DeliveryOutcome:
        if answer.is_success:
            return self.read_success(body)
        status = answer.status_code
        failure, template = next(row[1:] for row in _STATUS_TABLE if status in row[0])
        description = describe_answer(self.receiver, status, self.explain_body(body))
        reason = template.format(answer=description, url_name=self.url_name)
        if failure is RetryLater:
            after = _parse_retry_after(answer.headers.get("Retry-After", ""))
            return RetryLater(reason=reason, retry_after=after)
        return DeliveryRejection(reason=reason, scope=self.judge_rejection(status, body))

    def _classify_error(self, problem: Exception) -> DeliveryOutcome:
        failure, template = next(row[1:] for row in _ERROR_TABLE if isinstance(problem, row[0]))
        # The texts of httpx's errors are the system's own; the type says what kind of break it was.
        error = f"{type(problem).__name__} {escaping.escape_header(str(problem), 120)}".strip()
        reason = template.format(receiver=self.receiver, url_name=self.url_name, error=error)
        return failure(reason=reason)


def describe_answer(receiver: str, status: int, explanation: str) -> str:
    """An answer in words: `Slack answered 404 no_team: the workspace does not exist any more`."""
    return f"{receiver} answered {status} {explanation}".rstrip()


def _read_body(answer: httpx.Response, timeout_seconds: float) -> str:
    """The start of the body, as far as it can be read: the status alone is a verdict."""
    received = bytearray()
    with contextlib.suppress(httpx.HTTPError):
        for piece in http.read_pieces(answer, limit=_BODY_LIMIT_BYTES, seconds=timeout_seconds):
            received += piece
    return received.decode("utf-8", "replace")


def _parse_retry_after(value: str) -> float | None:
    """The seconds of a `Retry-After`, a number or a date; None if it is neither."""
    try:
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value.strip(), re.ASCII):
            seconds = float(value)
        else:
            seconds = (parsedate_to_datetime(value) - clock.now()).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)
