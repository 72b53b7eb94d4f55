"""A Slack message is always valid, and nothing in it was written by an event but plain text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from collector import escaping
from collector.channels.slack.message import build_payload
from collector.model import Message, Severity
from hostile.messages import messages, poison_message
from hostile.strings import HOSTILE_STRINGS

BLOCKS = {"header", "rich_text", "context"}
CHILDREN = {
    "context": {"plain_text"},
    "rich_text": {"rich_text_section", "rich_text_preformatted", "rich_text_list"},
    "rich_text_section": {"text", "link"},
    "rich_text_preformatted": {"text"},
    "rich_text_list": {"rich_text_section"},
}
TARGETS = ("https://acme.my.salesforce.com/", "https://attack.mitre.org/", "https://example.com/")


def length(value: str) -> int:
    return len(value.encode("utf-16-le")) // 2


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object in a payload, outermost first."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from objects(inner)


def texts(message: dict[str, Any]) -> list[str]:
    """All that a reader of the blocks sees."""
    return [o["text"] for o in objects(message["blocks"]) if isinstance(o.get("text"), str)]


def complaints(message: dict[str, Any]) -> Iterator[str]:
    """What Slack would refuse the message for, or what makes it more than plain text."""
    blocks = message["blocks"]
    if not 1 <= len(blocks) <= 50:
        yield "number of blocks"
    if not 1 <= length(message["text"]) <= 3_000:
        yield "length of the notification"
    if sum(map(length, texts(message))) + sum(map(length, urls(message))) > 12_000:
        yield "length of all blocks together"
    if {block["type"] for block in blocks} - BLOCKS:
        yield "type of a block"
    for item in objects(blocks):
        yield from _complaints(item)


def _complaints(item: dict[str, Any]) -> Iterator[str]:
    kind = item.get("type")
    if kind in CHILDREN:
        children = item["elements"]
        if not 1 <= len(children) <= (10 if kind == "context" else 100):
            yield f"number of elements of {kind}"
        if {child["type"] for child in children} - CHILDREN[kind]:
            yield f"elements of {kind}"
    elif kind in {"plain_text", "text", "link"}:
        words = item["text"]
        if not 1 <= length(words) <= 3_000:
            yield "length of a text"
        if not words.replace("\n", "").isprintable():
            yield "a character that acts or cannot be seen"
    elif kind == "header":
        if item["text"]["type"] != "plain_text" or length(item["text"]["text"]) > 150:
            yield "header"
    elif item != {"bold": True}:
        yield f"something else: {item}"


def urls(message: dict[str, Any]) -> list[str]:
    return [o["url"] for o in objects(message["blocks"]) if "url" in o]


# ---- laws


@given(message=messages)
def test_any_alert_makes_a_message_that_slack_takes(message: Message) -> None:
    shown = build_payload(message)

    assert list(complaints(shown)) == []
    assert "<" not in shown["text"]


def test_a_hostile_text_in_every_field_makes_a_message_that_slack_takes(message: Message) -> None:
    for value in HOSTILE_STRINGS:
        shown = build_payload(replace(poison_message(message, value), attempt=2))

        assert list(complaints(shown)) == []


def test_no_hostile_text_is_markup(message: Message) -> None:
    """Only the notification text is mrkdwn, and it holds no tag."""
    for value in HOSTILE_STRINGS:
        shown = build_payload(poison_message(message, value))

        assert not [o for o in objects(shown) if o.get("type") == "mrkdwn"]
        assert "<" not in shown["text"]
        assert "@" not in shown["text"]


def test_no_hostile_text_becomes_a_link(message: Message) -> None:
    for value in HOSTILE_STRINGS:
        links = urls(
            build_payload(replace(poison_message(message, value), user_url=message.user_url))
        )

        assert [url for url in links if not url.startswith(TARGETS) and url != value] == []
        assert all(escaping.check_link_target(url) == url for url in links)


def test_a_hostile_text_can_be_read(message: Message) -> None:
    """Nothing is dropped: what acts is shown."""
    for value in HOSTILE_STRINGS:
        if length(escaping.escape_invisible(value)) <= 50 and value.strip():
            shown = build_payload(poison_message(message, value))

            assert any(escaping.escape_invisible(value) in words for words in texts(shown))


# ---- what it says


def test_it_says_all_that_the_card_says(message: Message) -> None:
    shown = build_payload(message)
    words = "".join(texts(shown))

    assert shown["text"].startswith("🔴 Critical: Bulk API query on Contact (150,000 records)")
    assert shown["blocks"][0]["text"]["text"] == f"🔴 {message.alert.title}"
    for part in (
        "dana@acme.com (0055f00000HyJSwXXY)",
        "203.0.113.89 (NL)",
        "12 events, one with 150,000 records",
        "received 8 h 2 min after it happened",
        "2026-11-19 08:00:12  BulkApi2  operation=query entity=Contact record_count=150,000",
        "… 10 more",
        "If not, freeze the user, then revoke the sessions.",
        "ATT&CK T1078.004",
        "org acme",
        "rule bulk-api-exfiltration",
        "alert 3f9c2a7b10d4",
    ):
        assert part in words


def test_an_update_and_a_repeat_say_so(update: Message) -> None:
    words = texts(build_payload(update))

    assert "Update: now high, 131 events" in words
    assert "possible repeat, attempt 2, key 3f9c2a7b10d4.2.secops" in words


def test_nothing_is_unfurled(message: Message) -> None:
    shown = build_payload(message)

    assert (shown["unfurl_links"], shown["unfurl_media"], shown["mrkdwn"]) == (False, False, False)


@pytest.mark.parametrize("severity", Severity)
def test_each_severity_has_its_sign(message: Message, severity: Severity) -> None:
    alert = replace(message.alert, severity=severity)
    header = build_payload(replace(message, alert=alert))["blocks"][0]["text"]["text"]

    assert header[0] == "⚪🔵🟡🟠🔴"[severity]


def test_an_alert_with_nothing_but_a_title_is_still_a_message(message: Message) -> None:
    alert = replace(
        message.alert, entities={}, evidence=(), description="", attack=(), triage="", references=()
    )
    shown = build_payload(replace(message, alert=alert, user_url=None))

    assert list(complaints(shown)) == []
    assert [block["type"] for block in shown["blocks"]] == [
        "header",
        "rich_text",
        "rich_text",
        "context",
    ]
