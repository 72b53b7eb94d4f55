"""Slack, by incoming webhook: one message of Block Kit, one POST."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from collector.channels.http_sender import TIMEOUT_SECONDS, HttpSender, describe_answer
from collector.channels.slack.message import build_payload
from collector.channels.slack.settings import SlackSettings
from collector.model import (
    ChannelMessage,
    DeliveryOutcome,
    DeliveryRejection,
    DeliverySuccess,
    RejectionScope,
    RetryLater,
)

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


_MESSAGE_FAULTS = frozenset(
    {
        *("invalid_blocks", "invalid_payload", "msg_blocks_too_long", "msg_too_long", "no_text"),
        *("text_too_long", "too_many_attachments"),
    }
)
"""Words that refuse this message alone; all others are about the webhook or its channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackNotifier:
    """Posts to an incoming webhook, whose URL is a secret.

    A webhook can neither be read nor edited, so after an indeterminate outcome the message goes
    out again with a line that says so.
    """

    settings: SlackSettings
    timeout_seconds: float = TIMEOUT_SECONDS

    def send(self, message: ChannelMessage) -> DeliveryOutcome:
        """Post the message once."""
        return _WEBHOOK_SENDER.post_body(
            self.settings.webhook_url,
            json.dumps(build_payload(message)).encode(),
            headers={"Content-Type": "application/json; charset=utf-8"},
            timeout_seconds=self.timeout_seconds,
        )


def _explain_word(body: str) -> str:
    """The word that Slack refuses with, and what to do about it; empty for any other body."""
    word = body.strip()
    if not re.fullmatch(r"[a-z_]{2,60}", word):
        return ""
    advice = _ERROR_ADVICE.get(word)
    return f"{word}: {advice}" if advice else word


def _judge_rejection(_status: int, body: str) -> RejectionScope:
    is_of_message = body.strip() in _MESSAGE_FAULTS
    return RejectionScope.MESSAGE if is_of_message else RejectionScope.CHANNEL


def _read_success(body: str) -> DeliveryOutcome:
    """Slack says `ok`; something between us and Slack may say 200 and show a page."""
    if body.lstrip().startswith("<"):
        return RetryLater(reason="a web page answered, not Slack; is there a proxy in between?")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return DeliverySuccess()
    if isinstance(answer, dict) and answer.get("ok") is False:
        word = str(answer.get("error", ""))
        reason = describe_answer("Slack", 200, _explain_word(word))
        return DeliveryRejection(reason=reason, scope=_judge_rejection(200, word))
    return DeliverySuccess()


_WEBHOOK_SENDER = HttpSender(
    receiver="Slack",
    url_name="the webhook's URL",
    explain_body=_explain_word,
    read_success=_read_success,
    judge_rejection=_judge_rejection,
)
