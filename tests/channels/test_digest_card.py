"""A digest says how many alerts of what, on every channel, and no text of an org does any harm."""

from __future__ import annotations

import email
import email.policy
import json
from pathlib import Path

import pytest

from collector.channels.digest_card import build_digest_card
from collector.channels.email.message import compose_mail, render_html
from collector.channels.preview import write_preview
from collector.channels.slack.message import build_payload
from collector.model import DeliverySuccess
from fakes.channel_harness import ChannelHarness
from fakes.channel_harnesses import email as email_harness
from fakes.channel_harnesses import slack, terminal
from hostile.messages import build_digest_message
from hostile.strings import HOSTILE_STRINGS

SLACK_SUM_LIMIT = 12_000


def count_characters(value: object) -> int:
    """How long all texts of a payload are together, as Slack counts them."""
    if isinstance(value, dict):
        return sum(count_characters(inner) for key, inner in value.items() if key != "type")
    if isinstance(value, list):
        return sum(map(count_characters, value))
    return len(value.encode("utf-16-le", "surrogatepass")) // 2 if isinstance(value, str) else 0


def test_it_says_how_many_of_what_and_what_becomes_of_the_others() -> None:
    card = build_digest_card(build_digest_message("acme"))

    assert card.headline == "Digest 2 of a storm"
    assert card.title == "1,480 alerts of 2 orgs: 2 high, 1,478 low"
    assert "critical ones still come alone and first" in card.description
    assert "More than 20 messages within 5 min" in card.description
    assert card.description.endswith("So far digests of this storm told 1,800 alerts.")
    assert card.facts[1].label == "Low"
    assert card.facts[1].value == (
        "acme in acme: 120 alerts, 1,400 events, by acme, acme, acme and 6 others"
    )
    assert card.facts[-1].value == "4 smaller groups"
    assert card.more_events == 1475


@pytest.mark.parametrize(
    "harness",
    [slack.HARNESS, email_harness.HARNESS, terminal.HARNESS],
    ids=lambda harness: harness.kind,
)
def test_every_channel_takes_it_and_says_where_it_may_be_a_repeat(harness: ChannelHarness) -> None:
    with harness.run() as bench:
        outcome = bench.channel.send(build_digest_message("acme"))
        before = "".join(bench.read())
        bench.channel.send(build_digest_message("acme", attempt=2))
        after = "".join(bench.read())[len(before) :]

    assert isinstance(outcome, DeliverySuccess)
    for part in ("1,480 alerts of 2 orgs", "120 alerts, 1,400 events", "1,475 more"):
        assert part in before.replace("\n", " ")
    assert "possible repeat" not in before
    assert "possible repeat, attempt 2, key acme" in after


@pytest.mark.parametrize(
    "harness",
    [slack.HARNESS, email_harness.HARNESS, terminal.HARNESS],
    ids=lambda harness: harness.kind,
)
def test_hostile_texts_arrive_as_words(harness: ChannelHarness) -> None:
    with harness.run() as bench:
        outcomes = {
            type(bench.channel.send(build_digest_message(value)))
            for value in (*HOSTILE_STRINGS[::8], "x" * 100_000)
        }
        texts = bench.read()

    assert outcomes == {DeliverySuccess}
    assert [text for text in texts if not text.replace("\n", "").isprintable()] == []


def test_no_hostile_text_breaks_the_limits_of_slack_or_becomes_markup() -> None:
    for value in (*HOSTILE_STRINGS, "\N{PILE OF POO}" * 10_000):
        payload = build_payload(build_digest_message(value, attempt=2))

        assert count_characters(payload["blocks"]) <= SLACK_SUM_LIMIT
        assert "<" not in payload["text"]
        assert '"mrkdwn", "text"' not in json.dumps(payload)


def test_the_mails_of_a_storm_are_one_thread_and_name_no_alert() -> None:
    mail = compose_mail(
        build_digest_message("storm-1"),
        sender="collector@acme.com",
        recipients=("soc@acme.com",),
        date=build_digest_message("").digest.first_time,
    )
    parsed = email.message_from_bytes(mail.as_bytes(), policy=email.policy.default)

    assert parsed["References"] == parsed["In-Reply-To"] == "<storm-1@acme.com>"
    assert parsed["X-Collector-Alert"] is None
    assert (
        parsed["Subject"].strip().startswith("[2 orgs] Digest 2 of a storm: 1,480 alerts of 2 orgs")
    )


def test_no_hostile_text_is_html() -> None:
    for value in HOSTILE_STRINGS:
        page = render_html(build_digest_message(value))

        assert "<script" not in page.lower()
        assert "<img" not in page.lower()


def test_no_file_of_it_leaves_the_directory(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    for value in HOSTILE_STRINGS[::4]:
        assert write_preview(build_digest_message(value), inside).mail_path.parent == inside
    assert list(tmp_path.iterdir()) == [inside]
