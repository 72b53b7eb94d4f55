"""What comes of a POST is what its answer says, whatever the channel; nobody is followed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime

import pytest

from collector import clock
from collector.channels.http_sender import HttpSender
from collector.model import (
    DeliveryOutcome,
    DeliveryRejection,
    DeliverySuccess,
    IndeterminateDelivery,
    RetryLater,
)
from collector.settings import Secret
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

SENDER = HttpSender(receiver="Slack", url_name="the webhook's URL")


@pytest.fixture
def receiver() -> Iterator[SlackReceiver]:
    with run_slack_receiver() as receiver:
        yield receiver


def post(url: str, sender: HttpSender = SENDER) -> DeliveryOutcome:
    return sender.post_body(Secret(url), b"{}", headers={"X-Key": "1"}, timeout_seconds=0.4)


def test_the_body_and_the_headers_arrive_once(receiver: SlackReceiver) -> None:
    assert post(receiver.url) == DeliverySuccess()
    assert receiver.bodies == [{}]
    assert receiver.headers[0]["X-Key"] == "1"


def test_a_redirect_is_not_followed(receiver: SlackReceiver) -> None:
    receiver.script.append(WebhookReply(status=307, headers={"Location": receiver.url}))

    assert post(receiver.url) == DeliveryRejection(
        reason="Slack answered 307: a redirect is not followed; is that the webhook's URL?"
    )
    assert len(receiver.bodies) == 1


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (202, DeliverySuccess(reference="taken")),
        (404, DeliveryRejection(reason="Slack answered 404 said taken")),
        (503, RetryLater(reason="Slack answered 503 said taken")),
    ],
)
def test_a_channel_reads_the_body_in_its_own_way(
    receiver: SlackReceiver, status: int, outcome: DeliveryOutcome
) -> None:
    sender = HttpSender(
        receiver="Slack",
        url_name="it",
        explain_body=lambda body: f"said {body}",
        read_success=lambda body: DeliverySuccess(reference=body),
    )
    receiver.script.append(WebhookReply(status=status, body="taken"))

    assert post(receiver.url, sender) == outcome


@pytest.mark.parametrize("reply", [WebhookReply(body="x" * (1 << 20)), TruncatedReply()])
def test_of_a_body_that_is_too_long_or_cut_there_is_at_most_the_start(
    receiver: SlackReceiver, reply: WebhookReply | TruncatedReply
) -> None:
    sender = HttpSender(
        receiver="Slack",
        url_name="it",
        read_success=lambda body: DeliverySuccess(reference=str(len(body) <= 64 << 10)),
    )
    receiver.script.append(reply)

    assert post(receiver.url, sender) == DeliverySuccess(reference="True")


# ---- when to try again


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
    receiver: SlackReceiver, header: str, after: float | None
) -> None:
    sent = header.encode().decode("latin-1")
    receiver.script.append(
        WebhookReply(status=429, body="rate_limited", headers={"Retry-After": sent})
    )

    assert post(receiver.url) == RetryLater(reason="Slack answered 429", retry_after=after)


def test_a_pause_may_be_a_date(receiver: SlackReceiver) -> None:
    due = format_datetime(clock.now() + timedelta(hours=1), usegmt=True)
    receiver.script.append(WebhookReply(status=429, body="", headers={"Retry-After": due}))
    outcome = post(receiver.url)

    assert isinstance(outcome, RetryLater)
    assert outcome.retry_after is not None
    assert 3000 < outcome.retry_after <= 3600


# ---- no answer


@pytest.mark.parametrize("reaction", [HangUp(), ConnectionReset(), Silence()])
def test_no_answer_after_the_message_had_left_leaves_it_open(
    receiver: SlackReceiver, reaction: HangUp | ConnectionReset | Silence
) -> None:
    receiver.script.append(reaction)
    outcome = post(receiver.url)

    assert isinstance(outcome, IndeterminateDelivery)
    assert outcome.reason.startswith("no answer after the message had left: Re")
    assert len(receiver.bodies) == 1


def test_nothing_has_left_where_nobody_listens() -> None:
    outcome = post(f"http://127.0.0.1:{find_unused_port()}/services/canary")

    assert isinstance(outcome, RetryLater)
    assert outcome.reason.startswith("Slack cannot be reached: ConnectError")


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:1\u0000/canary", "nonsense canary", "ftp://127.0.0.1/canary"]
)
def test_a_url_that_cannot_be_called_is_refused(url: str) -> None:
    assert post(url) == DeliveryRejection(reason="the webhook's URL cannot be called")
