"""What a webhook answers becomes the right outcome, and its URL is told to nobody."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime

import pytest

from collector import clock
from collector.channels.slack import SlackNotifier
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
from collector.settings.secret import Secret
from fakes.slack import (
    ConnectionReset,
    HangUp,
    Silence,
    SlackReceiver,
    TruncatedReply,
    WebhookReply,
    find_unused_port,
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
                "Slack does not understand our message; please report it"
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


@pytest.mark.parametrize(
    ("header", "after"),
    [
        ("0", 0),
        ("1", 1),
        ("30", 30),
        ("3600", 3600),
        ("1.5", 1.5),
        ("999999999", 86_400),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("1e3", None),
        ("٣", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Thu, 01 Jan 9998 00:00:00 GMT", 86_400),
        ("Thu, 99 Foo 2026 00:00:00 GMT", None),
    ],
)
def test_a_pause_is_obeyed_if_it_can_be_read(
    receiver: SlackReceiver, message: Message, header: str, after: float | None
) -> None:
    sent = header.encode().decode("latin-1")
    receiver.script.append(
        WebhookReply(status=429, body="rate_limited", headers={"Retry-After": sent})
    )

    assert slack(receiver.url).send(message) == RetryLater(
        reason="Slack answered 429 rate_limited", retry_after=after
    )


def test_a_pause_may_be_a_date(receiver: SlackReceiver, message: Message) -> None:
    due = format_datetime(clock.now() + timedelta(hours=1), usegmt=True)
    receiver.script.append(WebhookReply(status=429, body="", headers={"Retry-After": due}))
    outcome = slack(receiver.url).send(message)

    assert isinstance(outcome, RetryLater)
    assert outcome.retry_after is not None
    assert 3000 < outcome.retry_after <= 3600


@pytest.mark.parametrize("reaction", [HangUp(), ConnectionReset(), Silence()])
def test_no_answer_after_the_message_had_left_leaves_it_open(
    receiver: SlackReceiver, message: Message, reaction: HangUp | ConnectionReset | Silence
) -> None:
    receiver.script.append(reaction)
    outcome = slack(receiver.url).send(message)

    assert isinstance(outcome, IndeterminateDelivery)
    assert outcome.reason.startswith("no answer after the message had left: Re")
    assert len(receiver.bodies) == 1


def test_nothing_has_left_where_nobody_listens(message: Message) -> None:
    outcome = slack(f"http://127.0.0.1:{find_unused_port()}/services/canary").send(message)

    assert isinstance(outcome, RetryLater)
    assert outcome.reason.startswith("Slack cannot be reached: ConnectError")


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:1\u0000/canary", "nonsense canary", "ftp://127.0.0.1/canary"]
)
def test_a_url_that_cannot_be_called_is_refused(message: Message, url: str) -> None:
    settings = SlackSettings.model_construct(webhook_url=Secret(url))

    assert SlackNotifier(settings=settings).send(message) == DeliveryRejection(
        reason="the webhook's URL cannot be called"
    )


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
