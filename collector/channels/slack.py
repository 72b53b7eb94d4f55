"""Slack, by incoming webhook: one message of Block Kit, one POST."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx

from collector import clock, escaping, http
from collector.channels.slack_message import build_payload
from collector.model import (
    DeliveryOutcome,
    DeliveryRejection,
    DeliverySuccess,
    IndeterminateDelivery,
    Message,
    RetryLater,
)
from collector.settings import SlackSettings

TIMEOUT_SECONDS = 30.0
MAX_RETRY_AFTER_SECONDS = 86_400.0
"""What a receiver may make us wait with `Retry-After`; more is taken for a mistake."""

_RESPONSE_LIMIT_BYTES = 64 << 10

_CONNECT_ERRORS = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_URL_ERRORS = (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError)
_ERROR_ADVICE = {
    "action_prohibited": "the workspace restricts this webhook",
    "channel_is_archived": "unarchive the channel or choose another one",
    "channel_not_found": "the webhook's channel does not exist any more",
    "invalid_blocks": "Slack does not understand our message; please report it",
    "invalid_payload": "Slack does not understand our message; please report it",
    "invalid_token": "the webhook's URL is not right",
    "no_active_hooks": "the webhook was switched off",
    "no_service": "the webhook was removed or switched off; create a new one",
    "no_team": "the workspace does not exist any more",
    "user_not_found": "the webhook's user does not exist any more",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackNotifier:
    """Posts to an incoming webhook.

    A webhook can neither be read nor edited, so after an `Unknown` the message goes out again with
    a line that says so. The URL is a secret: it stands in no outcome.
    """

    settings: SlackSettings
    timeout_seconds: float = TIMEOUT_SECONDS

    def send(self, message: Message) -> DeliveryOutcome:
        """Post once, over a connection of its own: an idle one may break without a reason."""
        body = json.dumps(build_payload(message)).encode()
        try:
            with http.build_client() as client:
                return self._post_message(client, body)
        except _URL_ERRORS:
            return DeliveryRejection(reason="the webhook's URL cannot be called")
        except _CONNECT_ERRORS as problem:
            return RetryLater(reason=f"Slack cannot be reached: {_describe_error(problem)}")
        except httpx.HTTPError as problem:
            return IndeterminateDelivery(
                reason=f"no answer after the message had left: {_describe_error(problem)}"
            )

    def _post_message(self, client: httpx.Client, body: bytes) -> DeliveryOutcome:
        with client.stream(
            "POST",
            self.settings.webhook_url.reveal(),
            content=body,
            headers={"Content-Type": "application/json; charset=utf-8", "Connection": "close"},
            timeout=self.timeout_seconds,
        ) as answer:
            return _classify_response(answer, _read_body(answer))


def _describe_error(problem: httpx.HTTPError) -> str:
    # The texts of httpx's errors are the system's own; the type says what kind of break it was.
    return f"{type(problem).__name__} {escaping.escape_header(str(problem), 120)}".strip()


def _read_body(answer: httpx.Response) -> str:
    """What can be had of the answer's start: the status alone is a verdict."""
    received = bytearray()
    with contextlib.suppress(httpx.HTTPError):
        for piece in http.read_pieces(answer, limit=_RESPONSE_LIMIT_BYTES, seconds=TIMEOUT_SECONDS):
            received += piece
    return received.decode("utf-8", "replace")


def _classify_response(answer: httpx.Response, body: str) -> DeliveryOutcome:
    status = answer.status_code
    if answer.is_success:
        return _classify_success(body)
    said = _describe_response(status, body)
    if status in {408, 425, 429} or status >= 500:
        return RetryLater(
            reason=said, retry_after=_parse_retry_after(answer.headers.get("Retry-After", ""))
        )
    if answer.is_redirect:
        return DeliveryRejection(
            reason=f"{said}: a redirect is not followed; is that the webhook's URL?"
        )
    return DeliveryRejection(reason=said)


def _classify_success(body: str) -> DeliveryOutcome:
    """Slack says `ok`; something between us and Slack may say 200 and show a page."""
    if body.lstrip().startswith("<"):
        return RetryLater(reason="a web page answered, not Slack; is there a proxy in between?")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return DeliverySuccess()
    if isinstance(answer, dict) and answer.get("ok") is False:
        return DeliveryRejection(reason=_describe_response(200, str(answer.get("error", ""))))
    return DeliverySuccess()


def _describe_response(status: int, body: str) -> str:
    word = body.strip()
    if not re.fullmatch(r"[a-z_]{2,60}", word):
        return f"Slack answered {status}"
    advice = _ERROR_ADVICE.get(word)
    return f"Slack answered {status} {word}" + (f": {advice}" if advice else "")


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
