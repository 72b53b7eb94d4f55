"""A card as a Slack message of Block Kit, always within Slack's limits.

Everything stands in `plain_text` or rich text, where nothing is interpreted; the notification text
alone is mrkdwn. Colour is a sign in the header: attachments, which have coloured bars, are legacy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from collector import escaping
from collector.channels.card import Card, CardLink, EvidenceRow, Fact
from collector.channels.message_card import build_card
from collector.model import ChannelMessage, Severity

SlackBlock = dict[str, Any]

# Slack refuses a header of more than 150 characters, and blocks of more than about 13,200 together
# (not documented; bolt-js issue 2509). The most that these and card.py allow is below 12,000.
_HEADER_LIMIT = 150
_NOTIFICATION_LIMIT = 300
_DESCRIPTION_LIMIT = 500
_LABEL_LIMIT = 30
_VALUE_LIMIT = 180
_EVENT_LIMIT = 400
_STEP_LIMIT = 200
_LINK_LABEL_LIMIT = 60
_LINK_URL_LIMIT = 200
_ORIGIN_LIMIT = 100
_REPEAT_LIMIT = 200

_SEVERITY_EMOJI = {
    Severity.CRITICAL: "🔴",
    Severity.HIGH: "🟠",
    Severity.MEDIUM: "🟡",
    Severity.LOW: "🔵",
    Severity.INFORMATIONAL: "⚪",
}


def build_payload(message: ChannelMessage) -> dict[str, Any]:
    """What a webhook takes: at most 50 blocks, and the text that notifications show."""
    card = build_card(message)
    notification = escaping.escape_slack_mrkdwn(
        f"{card.headline}: {card.title} ({card.org})", _NOTIFICATION_LIMIT
    )
    return {
        "text": f"{_SEVERITY_EMOJI[card.severity]} {notification}",
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": list(_list_blocks(card)),
    }


def _list_blocks(card: Card) -> Iterator[SlackBlock]:
    yield {
        "type": "header",
        "text": _to_plain_text(f"{_SEVERITY_EMOJI[card.severity]} {card.title}", _HEADER_LIMIT),
    }
    yield _to_rich_text(_to_section(*_render_summary(card)))
    yield _to_rich_text(_to_section(*_render_facts(card.facts)))
    if card.evidence:
        yield _to_rich_text(_to_title("Evidence"), _render_evidence(card))
    if card.steps:
        yield _to_rich_text(_to_title("What to do"), *_render_steps(card))
    if links := list(_render_links(card.links)):
        yield _to_rich_text(_to_section(*links))
    yield {"type": "context", "elements": list(_render_footer(card))}


def _render_summary(card: Card) -> Iterator[SlackBlock]:
    yield _to_bold_element(card.headline)
    if card.description:
        yield _to_text_element("\n")
        yield _to_text_element(escaping.escape_slack_plain(card.description, _DESCRIPTION_LIMIT))


def _render_facts(facts: tuple[Fact, ...]) -> Iterator[SlackBlock]:
    for fact in facts:
        end = "" if fact is facts[-1] else "\n"
        yield _to_bold_element(escaping.escape_slack_plain(fact.label, _LABEL_LIMIT))
        yield _to_text_element(f"  {escaping.escape_slack_plain(fact.value, _VALUE_LIMIT)}{end}")


def _render_evidence(card: Card) -> SlackBlock:
    lines = [escaping.escape_slack_plain(_render_row(row), _EVENT_LIMIT) for row in card.evidence]
    if card.more_events:
        lines.append(f"… {card.more_events:,} more")
    return {"type": "rich_text_preformatted", "elements": [_to_text_element("\n".join(lines))]}


def _render_row(row: EvidenceRow) -> str:
    details = " ".join(f"{detail.label}={detail.value}" for detail in row.details)
    return f"{row.time}  {row.kind}  {details}".rstrip()


def _render_steps(card: Card) -> Iterator[SlackBlock]:
    items = [
        _to_section(_to_text_element(escaping.escape_slack_plain(step, _STEP_LIMIT)))
        for step in card.steps
    ]
    yield {"type": "rich_text_list", "style": "ordered", "elements": items}
    if card.more_steps:
        yield _to_section(_to_text_element(f"… {card.more_steps} more"))


def _render_links(links: Iterable[CardLink]) -> Iterator[SlackBlock]:
    short = [link for link in links if len(link.url) <= _LINK_URL_LIMIT]
    for position, link in enumerate(short):
        if position:
            yield _to_text_element("  ·  ")
        label = escaping.escape_slack_plain(link.label, _LINK_LABEL_LIMIT)
        yield {"type": "link", "url": link.url, "text": label}


def _render_footer(card: Card) -> Iterator[SlackBlock]:
    for fact in card.origin:
        yield _to_plain_text(f"{fact.label} {fact.value}", _ORIGIN_LIMIT)
    if card.repeat:
        yield _to_plain_text(card.repeat, _REPEAT_LIMIT)


# ---- the pieces of Block Kit


def _to_plain_text(value: str, limit: int) -> SlackBlock:
    # Without `emoji: false`, ":white_check_mark:" in a value would become a picture.
    return {"type": "plain_text", "text": escaping.escape_slack_plain(value, limit), "emoji": False}


def _to_rich_text(*elements: SlackBlock) -> SlackBlock:
    return {"type": "rich_text", "elements": list(elements)}


def _to_section(*elements: SlackBlock) -> SlackBlock:
    return {"type": "rich_text_section", "elements": list(elements)}


def _to_title(words: str) -> SlackBlock:
    return _to_section(_to_bold_element(words))


def _to_text_element(escaped: str) -> SlackBlock:
    return {"type": "text", "text": escaped}


def _to_bold_element(escaped: str) -> SlackBlock:
    return {"type": "text", "text": escaped, "style": {"bold": True}}
