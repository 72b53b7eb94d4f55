"""A card as a Slack message of Block Kit, always within Slack's limits.

Everything stands in `plain_text` or rich text, where nothing is interpreted; the notification text
alone is mrkdwn. Colour is a sign in the header: attachments, which have coloured bars, are legacy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from collector import text
from collector.channels.card import Card, Fact, Link, Row, card
from collector.model import Message, Severity

Block = dict[str, Any]

# Slack refuses a header of more than 150 characters, and blocks of more than about 13,200 together
# (not documented; bolt-js issue 2509). The most that these and card.py allow is below 12,000.
_HEADER = 150
_NOTIFICATION = 300
_DESCRIPTION = 500
_LABEL = 30
_VALUE = 180
_EVENT = 400
_STEP = 200
_LINK_LABEL = 60
_LINK_URL = 200
_ORIGIN = 100
_REPEAT = 200

_SIGNS = {
    Severity.CRITICAL: "🔴",
    Severity.HIGH: "🟠",
    Severity.MEDIUM: "🟡",
    Severity.LOW: "🔵",
    Severity.INFORMATIONAL: "⚪",
}


def payload(message: Message) -> dict[str, Any]:
    """What a webhook takes: at most 50 blocks, and the text that notifications show."""
    shown = card(message)
    notification = f"{shown.headline}: {shown.title} ({message.alert.org})"
    return {
        "text": f"{_SIGNS[shown.severity]} {text.slack(notification, _NOTIFICATION)}",
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": list(_blocks(shown)),
    }


def _blocks(shown: Card) -> Iterator[Block]:
    yield {
        "type": "header",
        "text": _plain(f"{_SIGNS[shown.severity]} {shown.title}", _HEADER),
    }
    yield _rich(_section(*_summary(shown)))
    yield _rich(_section(*_facts(shown.facts)))
    if shown.evidence:
        yield _rich(_title("Evidence"), _evidence(shown))
    if shown.steps:
        yield _rich(_title("What to do"), *_steps(shown))
    if links := list(_links(shown.links)):
        yield _rich(_section(*links))
    yield {"type": "context", "elements": list(_footer(shown))}


def _summary(shown: Card) -> Iterator[Block]:
    yield _bold(shown.headline)
    if shown.description:
        yield _text("\n")
        yield _text(text.slack_plain(shown.description, _DESCRIPTION))


def _facts(facts: tuple[Fact, ...]) -> Iterator[Block]:
    for fact in facts:
        end = "" if fact is facts[-1] else "\n"
        yield _bold(text.slack_plain(fact.label, _LABEL))
        yield _text(f"  {text.slack_plain(fact.value, _VALUE)}{end}")


def _evidence(shown: Card) -> Block:
    lines = [text.slack_plain(_line(row), _EVENT) for row in shown.evidence]
    if shown.more_events:
        lines.append(f"… {shown.more_events:,} more")
    return {"type": "rich_text_preformatted", "elements": [_text("\n".join(lines))]}


def _line(row: Row) -> str:
    details = " ".join(f"{detail.label}={detail.value}" for detail in row.details)
    return f"{row.time}  {row.kind}  {details}".rstrip()


def _steps(shown: Card) -> Iterator[Block]:
    items = [_section(_text(text.slack_plain(step, _STEP))) for step in shown.steps]
    yield {"type": "rich_text_list", "style": "ordered", "elements": items}
    if shown.more_steps:
        yield _section(_text(f"… {shown.more_steps} more"))


def _links(links: Iterable[Link]) -> Iterator[Block]:
    short = [link for link in links if len(link.url) <= _LINK_URL]
    for position, link in enumerate(short):
        if position:
            yield _text("  ·  ")
        label = text.slack_plain(link.label, _LINK_LABEL)
        yield {"type": "link", "url": link.url, "text": label}


def _footer(shown: Card) -> Iterator[Block]:
    for fact in shown.origin:
        yield _plain(f"{fact.label} {fact.value}", _ORIGIN)
    if shown.repeat:
        yield _plain(shown.repeat, _REPEAT)


# ---- the pieces of Block Kit


def _plain(value: str, limit: int) -> Block:
    # Without `emoji: false`, ":white_check_mark:" in a value would become a picture.
    return {"type": "plain_text", "text": text.slack_plain(value, limit), "emoji": False}


def _rich(*elements: Block) -> Block:
    return {"type": "rich_text", "elements": list(elements)}


def _section(*elements: Block) -> Block:
    return {"type": "rich_text_section", "elements": list(elements)}


def _title(words: str) -> Block:
    return _section(_bold(words))


def _text(escaped: str) -> Block:
    return {"type": "text", "text": escaped}


def _bold(escaped: str) -> Block:
    return {"type": "text", "text": escaped, "style": {"bold": True}}
