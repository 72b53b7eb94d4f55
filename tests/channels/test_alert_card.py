"""A card says what a person needs to know, in the order in which they ask."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.channels.card import Card, CardLink, Fact
from collector.channels.message_card import build_card
from collector.model import Message


def changed(message: Message, **fields: Any) -> Card:
    """The card of the message with other values in its alert."""
    return build_card(replace(message, alert=replace(message.alert, **fields)))


def fact(shown: Card, label: str) -> str | None:
    """The value of a fact, if it is there."""
    return next((fact.value for fact in shown.facts if fact.label == label), None)


# ---- facts


def test_facts_stand_in_the_order_of_the_questions(message: Message) -> None:
    labels = [fact.label for fact in build_card(message).facts]

    assert labels == ["Who", "From where", "With", "Job", "What", "How much", "When", "region"]


def test_a_fact_shows_the_name_first_and_what_belongs_to_it_in_brackets(message: Message) -> None:
    shown = build_card(message)

    assert fact(shown, "Who") == "dana@acme.com (0055f00000HyJSwXXY)"
    assert fact(shown, "From where") == "203.0.113.89 (NL)"


def test_what_is_not_known_is_left_out(message: Message) -> None:
    shown = changed(message, entities={"user_id": "005", "country": ""}, evidence=())

    assert [fact.label for fact in shown.facts] == ["Who", "How much", "When"]
    assert fact(shown, "Who") == "005"


def test_entities_of_one_rule_alone_are_shown_under_their_names(message: Message) -> None:
    assert fact(build_card(message), "region") == "EMEA"


@pytest.mark.parametrize(
    ("count", "records", "said"),
    [
        (1, None, "1 event"),
        (1200, None, "1,200 events"),
        (1, "150000.0", "150,000 records"),
        (3, 7, "3 events, one with 7 records"),
        (3, "many", "3 events"),
        (3, float("nan"), "3 events"),
    ],
)
def test_how_much(message: Message, count: int, records: object, said: str) -> None:
    shown = changed(message, count=count, evidence=({"record_count": records},))

    assert fact(shown, "How much") == said


EIGHT = datetime(2026, 11, 19, 8, 0, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("lasted", "late", "said"),
    [
        (timedelta(), 0, "2026-11-19 08:00:12 UTC, received as it happened"),
        (timedelta(), -5, "2026-11-19 08:00:12 UTC, received as it happened"),
        (timedelta(), 12, "2026-11-19 08:00:12 UTC, received 12 s after it happened"),
        (timedelta(), 720, "2026-11-19 08:00:12 UTC, received 12 min after it happened"),
        (timedelta(), 28_800, "2026-11-19 08:00:12 UTC, received 8 h after it happened"),
        (timedelta(), 29_000, "2026-11-19 08:00:12 UTC, received 8 h 3 min after it happened"),
        (timedelta(), 180_000, "2026-11-19 08:00:12 UTC, received 2 d 2 h after it happened"),
        (
            timedelta(hours=1),
            0,
            "2026-11-19 08:00:12 to 09:00:12 UTC, received as it happened",
        ),
        (
            timedelta(days=1),
            0,
            "2026-11-19 08:00:12 to 2026-11-20 08:00:12 UTC, received as it happened",
        ),
    ],
)
def test_when_and_how_late(message: Message, lasted: timedelta, late: int, said: str) -> None:
    shown = changed(message, first_time=EIGHT, last_time=EIGHT + lasted, late_seconds=late)

    assert fact(shown, "When") == said


# ---- the headline


def test_a_first_message_says_how_severe_it_is(message: Message) -> None:
    assert build_card(message).headline == "Critical"


def test_an_update_says_what_has_changed(update: Message) -> None:
    assert build_card(update).headline == "Update: now high, 131 events"


def test_a_repeat_says_so_and_shows_its_key(message: Message) -> None:
    assert build_card(message).repeat == ""
    assert (
        build_card(replace(message, attempt=2)).repeat
        == "possible repeat, attempt 2, key 3f9c2a7b10d4.1.secops"
    )


def test_an_alert_without_a_title_is_called_like_its_rule(message: Message) -> None:
    assert changed(message, title=" \n").title == "bulk-api-exfiltration"


# ---- evidence


def test_evidence_is_capped_and_says_how_much_there_is(message: Message) -> None:
    shown = changed(message, evidence=({"event_type": "Login"},) * 9, count=1000)

    assert len(shown.evidence) == 5
    assert shown.more_events == 995


def test_a_row_shows_what_the_facts_do_not_say(message: Message) -> None:
    first, second = build_card(message).evidence

    assert first.time == "2026-11-19 08:00:12"
    assert first.kind == "BulkApi2"
    assert first.details == (
        Fact(label="operation", value="query"),
        Fact(label="entity", value="Contact"),
        Fact(label="record_count", value="150,000"),
    )
    assert Fact(label="source_ip", value="203.0.113.90") in second.details


@pytest.mark.parametrize(
    ("time", "said"),
    [
        ("2026-11-19T08:00:12.345Z", "2026-11-19 08:00:12"),
        (EIGHT, "2026-11-19 08:00:12"),
        (None, "no time"),
        (5, "5"),
        ("yesterday", "yesterday"),
    ],
)
def test_the_time_of_an_event_is_read_or_shown_as_it_is(
    message: Message, time: object, said: str
) -> None:
    assert changed(message, evidence=({"time": time},)).evidence[0].time == said


# ---- what to do


@pytest.mark.parametrize(
    ("triage", "steps"),
    [
        ("", ()),
        ("1. Ask.\n2) Freeze\n   the user.\n", ("Ask.", "Freeze the user.")),
        ("First:\n- Ask.\n* Freeze.", ("First:", "Ask.", "Freeze.")),
        ("Ask the user.\n\nFreeze them.", ("Ask the user.", "Freeze them.")),
        ("1. Check\n   - the IP\n   - the app", ("Check", "the IP", "the app")),
    ],
)
def test_triage_is_read_as_steps(message: Message, triage: str, steps: tuple[str, ...]) -> None:
    assert changed(message, triage=triage).steps == steps


def test_many_steps_are_capped_and_counted(message: Message) -> None:
    shown = changed(message, triage="\n".join(f"- step {n}" for n in range(13)))

    assert len(shown.steps) == 10
    assert shown.more_steps == 3


# ---- links


def test_links_lead_to_the_user_the_techniques_and_the_references(message: Message) -> None:
    assert build_card(message).links == (
        CardLink(
            label="The user in the org", url="https://acme.my.salesforce.com/0055f00000HyJSwXXY"
        ),
        CardLink(label="ATT&CK T1078.004", url="https://attack.mitre.org/techniques/T1078/004/"),
        CardLink(label="ATT&CK T1530", url="https://attack.mitre.org/techniques/T1530/"),
        CardLink(
            label="https://help.salesforce.com/s/articleView?id=000390044&type=1",
            url="https://help.salesforce.com/s/articleView?id=000390044&type=1",
        ),
    )


@pytest.mark.parametrize("technique", ["T1078/../x", "1078", "T1078.4", "T１078", "TA0001"])
def test_what_is_no_technique_gets_no_link(message: Message, technique: str) -> None:
    message = replace(message, user_url=None)

    assert changed(message, attack=(technique,), references=()).links == ()


# ---- times that are not known


def test_the_time_of_an_event_that_came_without_is_not_the_one_of_its_log(message: Message) -> None:
    event = {"event_type": "Login", "time": "2026-03-01T12:00:00.000Z", "time_defect": "soon"}
    shown = changed(
        message, count=1, evidence=(event,), first_time=datetime(2026, 3, 1, 12, tzinfo=UTC)
    )

    assert fact(shown, "When") == "time unknown: soon; its log is of 2026-03-01 12:00:00 UTC"
    assert shown.evidence[0].time == "time unknown: soon; log of 2026-03-01 12:00:00"


def test_among_others_events_of_unknown_time_are_counted(message: Message) -> None:
    good = {"event_type": "Login", "time": "2026-03-01T12:00:00.000Z"}
    shown = changed(message, count=3, evidence=(good, {**good, "time_defect": "soon"}, good))

    said = fact(shown, "When")
    assert said is not None
    assert said.endswith("; time unknown of 1 event: that of the log is shown")
    assert "time unknown" not in shown.evidence[0].time
