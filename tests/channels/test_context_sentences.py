"""What an event was seen against is one plain sentence, on every channel, whatever is in it."""

from __future__ import annotations

import email
import email.policy
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import pytest
from rich.console import Console

from collector import escaping
from collector.channels.context_sentences import render_context
from collector.channels.email.message import compose_mail, render_html
from collector.channels.message_card import build_card
from collector.channels.slack.message import build_payload
from collector.channels.terminal.panel import build_panel
from collector.model import Message
from hostile.messages import poison_context
from hostile.strings import HOSTILE_STRINGS

WINDOW = {
    "kind": "window",
    "type": "event_count",
    "rules": ["failed-login"],
    "metric": 14,
    "limit": 10,
    "operator": "gte",
    "event_count": 14,
    "window_start": "2026-11-19T08:00:00Z",
    "window_end": "2026-11-19T08:05:00Z",
    "timespan_seconds": 300,
    "group": {"user_id": "005"},
}
LIST = {
    "kind": "list",
    "list": "ioc_ip",
    "entry": "208.68.36.90",
    "form": "value",
    "field": "source_ip",
    "value": "208.68.36.90",
    "source": "GTIG",
    "campaign": "Drift theft",
    "first_seen": "2025-08-08",
    "last_seen": "2025-08-20T00:00:00Z",
    "confidence": None,
    "note": None,
}
FIRST_SEEN = {
    "kind": "first_seen",
    "key": {"app_name": "Data Loader", "country": "NL"},
    "since": "2026-08-01T07:00:00+00:00",
    "last_seen": None,
    "learn_days": 14,
    "forget_days": 90,
}
BASELINE = {
    "kind": "baseline",
    "metric": "sum",
    "field": "record_count",
    "value": 9400.0,
    "mean": 120.0,
    "stddev": 40.0,
    "windows": 57,
    "window_start": "2026-11-19T08:00:00Z",
    "window_end": "2026-11-19T09:00:00Z",
    "history_days": 30,
    "recent": [["2026-11-19T07:00:00Z", 118.0]],
}
FLOOD = {
    "kind": "flood",
    "limit": 200,
    "hour": "2026-11-19T08:00Z",
    "groups": {
        "user_name": {"eve": 9000, "ada": 12, "b": 2, "c": 1},
        "app_name": {"Data Loader": 9015},
    },
}
ALL = (WINDOW, LIST, FIRST_SEEN, BASELINE)


def said(entry: dict[str, Any], /, **changes: Any) -> str:
    """The sentence of an entry with other values."""
    ((_, sentence),) = render_context([{**entry, **changes}])
    return sentence


def test_a_baseline_says_with_whom_it_compares():
    peers = {"user.profile": "Sales"}
    alone = {"mean": None, "stddev": None, "windows": 0}

    assert (
        "120 ± 40 of 57 others of user.profile Sales in the same window of 1 h; this one 9,400"
    ) == said(BASELINE, peers=peers)
    assert "no others to compare with; this one 9,400" == said(BASELINE, peers=peers, **alone)


def seen(message: Message, context: tuple[dict[str, Any], ...] = ALL) -> Message:
    """The message, seen against one thing of every kind."""
    return replace(message, alert=replace(message.alert, entities={}, context=context))


def test_each_kind_is_a_fact(message: Message) -> None:
    facts = {fact.label: fact.value for fact in build_card(seen(message)).facts}

    assert facts["Window"] == "14 events within 5 min, 10 are asked for"
    assert facts["List"] == (
        "ioc_ip: 208.68.36.90 (Drift theft, published by GTIG, last seen 2025-08-20)"
    )
    assert facts["New"] == (
        "not seen in the 90 days before; history since 2026-08-01"
        " (app_name Data Loader, country NL)"
    )
    assert facts["Usual"] == "120 ± 40 in 57 windows of 1 h over 30 d; this one 9,400"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"operator": "gt"}, "14 events within 5 min, more than 10 are asked for"),
        ({"operator": "lt", "event_count": 1}, "1 event within 5 min, fewer than 10 are asked for"),
        (
            {"type": "value_count", "metric": 12},
            "12 different values in 14 events within 5 min, 10 are asked for",
        ),
        (
            {"type": "value_avg", "metric": 12.345678, "timespan_seconds": 5400},
            "an average of 12.35 in 14 events within 1 h 30 min, 10 are asked for",
        ),
        ({"type": "temporal", "rules": ["a", "b"], "limit": None}, "a, b: 14 events within 5 min"),
        (
            {"type": "temporal", "rules": ["a", "b", "c"], "limit": 2, "metric": 2.0},
            "2 of a, b, c: 14 events within 5 min",
        ),
        (
            {"type": "temporal_ordered", "rules": ["a", "b"], "limit": None},
            "a, b in this order: 14 events within 5 min",
        ),
    ],
)
def test_a_window_says_what_its_condition_asks_for(changes: dict[str, Any], sentence: str) -> None:
    assert said(WINDOW, **changes) == sentence


def test_a_window_says_what_has_not_come_and_what_could_not_be_read() -> None:
    absence = {"type": "temporal_ordered", "rules": ["a"], "limit": None, "absent": ["b", "c"]}
    unread = {"stored_events/ApiEvent": "2026-11-19T08:00:00+00:00", "x": "1970-01-01T00:00:00Z"}
    assert said(WINDOW, **absence) == "a: 14 events within 5 min, and no b, c"
    assert said(WINDOW, **absence, unread=unread) == (
        "a: 14 events within 5 min, and no b, c; stored_events/ApiEvent could not be read since"
        " 2026-11-19 08:00 UTC; x could not be read at all"
    )
    assert said(WINDOW, **absence, unread={"x": "moon"}).endswith("be read since moon")


def test_a_list_says_which_entry_a_value_fell_under() -> None:
    assert said(LIST, value="208.68.36.91", entry="208.68.36.0/24", campaign=None).startswith(
        "ioc_ip: 208.68.36.91 by 208.68.36.0/24 (published by GTIG"
    )
    assert said({"kind": "list", "list": "mine", "entry": "x"}) == "mine: x"


def test_what_was_seen_long_ago_says_when() -> None:
    assert said(FIRST_SEEN, key={}, last_seen="2026-05-01T00:00:00Z") == (
        "not seen in the 90 days before, last on 2026-05-01; history since 2026-08-01"
    )


def test_a_group_without_a_past_says_so() -> None:
    assert said(BASELINE, mean=None, stddev=None, windows=0) == "no history yet; this one 9,400"


def test_a_flood_says_what_most_of_it_has_in_common() -> None:
    assert said(FLOOD) == (
        "the rule had over 200 alerts in the hour from 2026-11-19T08:00Z; the others are in this,"
        " most often by user_name: eve (9,000), ada (12), b (2);"
        " app_name: Data Loader (9,015)"
    )
    assert said(FLOOD, groups={}).endswith("the others are in this")


def test_a_kind_that_is_not_known_says_nothing() -> None:
    assert list(render_context([{"kind": "moon"}, {}])) == []


@pytest.mark.parametrize("status", ["withdrawn", "merged"])
def test_an_alert_that_is_over_says_what_became_of_it(message: Message, status: str) -> None:
    over = replace(message.alert, status=status, reason="It was late.", merged_into="abc")
    shown = build_card(replace(message, alert=over, is_update=True))

    assert shown.headline == status.capitalize()
    assert (
        shown.description
        == {
            "withdrawn": "This does not hold any more. It was late.",
            "merged": "This went on in the alert abc.",
        }[status]
    )


# ---- on every channel


def printed(message: Message, *, colours: bool = False) -> str:
    page = io.StringIO()
    Console(
        file=page, width=250, force_terminal=colours, color_system="truecolor" if colours else None
    ).print(build_panel(message))
    return page.getvalue()


def mail(message: Message) -> EmailMessage:
    made = compose_mail(
        message,
        sender="collector@acme.com",
        recipients=("soc@acme.com",),
        date=datetime(2026, 11, 19, tzinfo=UTC),
    )
    return email.message_from_bytes(made.as_bytes(), policy=email.policy.default)


def slack_texts(found: Any) -> Iterator[str]:
    if isinstance(found, dict):
        if found.get("type") in {"text", "plain_text"}:
            yield found["text"]
        found = list(found.values())
    if isinstance(found, list):
        for inner in found:
            yield from slack_texts(inner)


class Page(HTMLParser):
    """The words and tags of a document."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.words, self.tags = "", set[tuple[str, tuple[str, ...]]]()
        self.feed(document)

    def handle_data(self, data: str) -> None:
        self.words += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add((tag, tuple(name for name, _ in attrs)))


@pytest.mark.parametrize("context", [ALL, (FLOOD,)])
def test_every_channel_tells_each_kind(
    message: Message, context: tuple[dict[str, Any], ...]
) -> None:
    told = seen(message, context)
    shown = {
        "terminal": printed(told),
        "slack": "".join(slack_texts(build_payload(told)["blocks"])),
        "text": mail(told).get_body(("plain",)).get_content(),  # type: ignore[union-attr]
        "html": Page(render_html(told)).words,
    }

    for words in shown.values():
        for _, sentence in render_context(context):
            assert sentence in words


COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.slow
def test_hostile_context_acts_nowhere(message: Message) -> None:
    ours, tags = (
        set(COLOUR.findall(printed(seen(message), colours=True))),
        Page(render_html(message)).tags,
    )
    for value in HOSTILE_STRINGS:
        poisoned = poison_context(message, value)
        drawn = printed(poisoned, colours=True)

        assert set(COLOUR.findall(drawn)) <= ours
        assert COLOUR.sub("", drawn).replace("\n", "").isprintable()
        assert Page(render_html(poisoned)).tags == tags
        assert mail(poisoned).keys() == mail(message).keys()
        blocks = build_payload(poisoned)["blocks"]
        assert all(words.replace("\n", "").isprintable() for words in slack_texts(blocks))


def test_hostile_context_can_be_read(message: Message) -> None:
    for value in HOSTILE_STRINGS:
        if len(escaping.escape_invisible(value)) <= 50 and value.strip():
            labels = {
                fact.label
                for fact in build_card(poison_context(message, value)).facts
                if escaping.escape_invisible(value) in escaping.escape_invisible(fact.value)
            }
            assert {"Window", "List", "New", "Usual"} <= labels
