"""What a webhook answers becomes the right outcome, and its URL is told to nobody."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from collector.channels.slack.message import build_payload
from collector.channels.slack.sender import SlackNotifier
from collector.channels.slack.settings import SlackSettings
from collector.model import (
    DeliveryOutcome,
    DeliveryRejection,
    DeliverySuccess,
    Message,
    RejectionScope,
    RetryLater,
)
from collector.settings.secret import Secret
from fakes.slack import (
    HangUp,
    SlackReceiver,
    TruncatedReply,
    WebhookReply,
    run_slack_receiver,
)


@pytest.fixture
def receiver() -> Iterator[SlackReceiver]:
    with run_slack_receiver() as receiver:
        yield receiver


def slack(url: str) -> SlackNotifier:
    return SlackNotifier(settings=SlackSettings(webhook_url=Secret(url)), timeout_seconds=0.4)


def test_what_is_posted_is_the_payload(receiver: SlackReceiver, message: Message) -> None:
    assert slack(receiver.url).send(message) == DeliverySuccess()
    assert receiver.bodies == [build_payload(message)]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (WebhookReply(), DeliverySuccess()),
        (WebhookReply(body='{"ok": true}'), DeliverySuccess()),
        (WebhookReply(body=""), DeliverySuccess()),
        (WebhookReply(status=204, body=""), DeliverySuccess()),
        (
            WebhookReply(body='{"ok": false, "error": "no_service"}'),
            DeliveryRejection(
                reason="Slack answered 200 no_service: "
                "the webhook was removed or switched off; create a new one"
            ),
        ),
        (
            WebhookReply(body="<html>Please sign in</html>"),
            RetryLater(reason="a web page answered, not Slack; is there a proxy in between?"),
        ),
        (
            WebhookReply(status=400, body="invalid_blocks"),
            DeliveryRejection(
                reason="Slack answered 400 invalid_blocks: "
                "Slack does not understand our message; please report it",
                scope=RejectionScope.MESSAGE,
            ),
        ),
        (
            WebhookReply(status=403, body="action_prohibited"),
            DeliveryRejection(
                reason="Slack answered 403 action_prohibited: the workspace restricts this webhook"
            ),
        ),
        (
            WebhookReply(status=404, body="no_service\n"),
            DeliveryRejection(
                reason="Slack answered 404 no_service: "
                "the webhook was removed or switched off; create a new one"
            ),
        ),
        (
            WebhookReply(status=410, body="channel_is_archived"),
            DeliveryRejection(
                reason="Slack answered 410 channel_is_archived: "
                "unarchive the channel or choose another one"
            ),
        ),
        (
            WebhookReply(status=404, body="some_new_word"),
            DeliveryRejection(reason="Slack answered 404 some_new_word"),
        ),
        (
            WebhookReply(status=404, body="See <b>/services/T000</b>"),
            DeliveryRejection(reason="Slack answered 404"),
        ),
        (WebhookReply(status=408, body=""), RetryLater(reason="Slack answered 408")),
        (
            WebhookReply(status=500, body="rollup_error"),
            RetryLater(reason="Slack answered 500 rollup_error"),
        ),
        (
            WebhookReply(status=503, body="", headers={"Retry-After": "7"}),
            RetryLater(reason="Slack answered 503", retry_after=7),
        ),
        (
            WebhookReply(status=302, body="", headers={"Location": "http://127.0.0.1:1/"}),
            DeliveryRejection(
                reason="Slack answered 302: a redirect is not followed; is that the webhook's URL?"
            ),
        ),
        (TruncatedReply(status=200), DeliverySuccess()),
        (TruncatedReply(status=404), DeliveryRejection(reason="Slack answered 404")),
    ],
)
def test_an_answer_is_a_verdict(
    receiver: SlackReceiver,
    message: Message,
    answer: WebhookReply | TruncatedReply,
    outcome: DeliveryOutcome,
) -> None:
    receiver.script.append(answer)

    assert slack(receiver.url).send(message) == outcome
    assert len(receiver.bodies) == 1


def test_the_url_is_told_to_nobody(
    receiver: SlackReceiver, message: Message, caplog: pytest.LogCaptureFixture
) -> None:
    """Not by an outcome, not by a repr, not by a log of ours or of the HTTP library."""
    caplog.set_level(logging.DEBUG)
    channel = slack(receiver.url)
    receiver.script.extend(
        [
            WebhookReply(),
            WebhookReply(status=404, body=receiver.url),
            WebhookReply(status=302, headers={"Location": receiver.url}),
            WebhookReply(status=500, body=receiver.url),
            HangUp(),
        ]
    )
    said = [repr(channel.send(message)) for _ in range(5)]

    assert "canary" in receiver.url
    assert "canary" not in " ".join([*said, repr(channel), str(channel), caplog.text])
