"""Slack, by incoming webhook: one message of Block Kit, one POST."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx

from collector import clock, http, text
from collector.channels.slack_message import payload
from collector.model import Again, Message, Outcome, Refused, Sent, Unknown
from collector.settings import SlackChannel

TIMEOUT_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 86_400.0
"""What a receiver may make us wait with `Retry-After`; more is taken for a mistake."""

_ANSWER_BYTES = 64 << 10

_BEFORE_SENDING = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_UNUSABLE = (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError)
_ADVICE = {
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
class Slack:
    """Posts to an incoming webhook.

    A webhook can neither be read nor edited, so after an `Unknown` the message goes out again with
    a line that says so. The URL is a secret: it stands in no outcome.
    """

    settings: SlackChannel
    timeout_seconds: float = TIMEOUT_SECONDS

    def send(self, message: Message) -> Outcome:
        """Post once, over a connection of its own: an idle one may break without a reason."""
        body = json.dumps(payload(message)).encode()
        try:
            with http.client() as client:
                return self._post(client, body)
        except _UNUSABLE:
            return Refused(reason="the webhook's URL cannot be called")
        except _BEFORE_SENDING as problem:
            return Again(reason=f"Slack cannot be reached: {_reason(problem)}")
        except httpx.HTTPError as problem:
            return Unknown(reason=f"no answer after the message had left: {_reason(problem)}")

    def _post(self, client: httpx.Client, body: bytes) -> Outcome:
        with client.stream(
            "POST",
            self.settings.webhook_url.reveal(),
            content=body,
            headers={"Content-Type": "application/json; charset=utf-8", "Connection": "close"},
            timeout=self.timeout_seconds,
        ) as answer:
            return _verdict(answer, _body(answer))


def _reason(problem: httpx.HTTPError) -> str:
    # The texts of httpx's errors are the system's own; the type says what kind of break it was.
    return f"{type(problem).__name__} {text.header(str(problem), 120)}".strip()


def _body(answer: httpx.Response) -> str:
    """What can be had of the answer's start: the status alone is a verdict."""
    received = bytearray()
    with contextlib.suppress(httpx.HTTPError):
        for piece in http.pieces(answer, limit=_ANSWER_BYTES, seconds=TIMEOUT_SECONDS):
            received += piece
    return received.decode("utf-8", "replace")


def _verdict(answer: httpx.Response, body: str) -> Outcome:
    status = answer.status_code
    if answer.is_success:
        return _accepted(body)
    said = _said(status, body)
    if status in {408, 425, 429} or status >= 500:
        return Again(reason=said, after=_pause(answer.headers.get("Retry-After", "")))
    if answer.is_redirect:
        return Refused(reason=f"{said}: a redirect is not followed; is that the webhook's URL?")
    return Refused(reason=said)


def _accepted(body: str) -> Outcome:
    """Slack says `ok`; something between us and Slack may say 200 and show a page."""
    if body.lstrip().startswith("<"):
        return Again(reason="a web page answered, not Slack; is there a proxy in between?")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return Sent()
    if isinstance(answer, dict) and answer.get("ok") is False:
        return Refused(reason=_said(200, str(answer.get("error", ""))))
    return Sent()


def _said(status: int, body: str) -> str:
    word = body.strip()
    if not re.fullmatch(r"[a-z_]{2,60}", word):
        return f"Slack answered {status}"
    advice = _ADVICE.get(word)
    return f"Slack answered {status} {word}" + (f": {advice}" if advice else "")


def _pause(value: str) -> float | None:
    """The seconds of a `Retry-After`, a number or a date; None if it is neither."""
    try:
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value.strip(), re.ASCII):
            seconds = float(value)
        else:
            seconds = (parsedate_to_datetime(value) - clock.now()).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_PAUSE_SECONDS)
