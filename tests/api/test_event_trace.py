"""The way of an event, asked of the state; its JSON has these keys."""

from __future__ import annotations

import pytest

from collector.api.alerts import read_alerts
from collector.api.event_trace import to_json, trace_stored_event
from collector.errors import CollectorError
from fakes.collector_setup import HOUR


@pytest.fixture
def trace(collected):
    """The way of an event that alerted."""
    alert, *_ = read_alerts(collected.settings)
    (found,) = trace_stored_event(collected.settings, alert.evidence[0]["event_uid"])
    return found


def test_an_event_is_followed_from_its_file_to_the_message(trace):
    (batch,), (raised,) = trace.batches, trace.alerts

    assert ("acme", "Login", "event_log_file") == (
        trace.org,
        trace.event_type,
        batch.stream.source,
    )
    assert [("here", "sent")] == [(each.channel, each.state) for each in raised.deliveries]
    assert 24 * HOUR <= trace.delay <= 48 * HOUR


def test_an_event_that_nobody_knows_is_told(collected):
    with pytest.raises(CollectorError, match="no event has the uid 'nobody'"):
        trace_stored_event(collected.settings, "nobody")


def test_json_has_these_keys_in_this_order(trace):
    written = to_json(trace)
    (batch,), (raised,) = written["batches"], written["alerts"]
    delivery, *_ = raised["deliveries"]

    for expected, part in (
        (
            (
                "event_uid org event_type late_seconds event files made_of batches"
                " folded_batches alerts neighbours sql"
            ),
            written,
        ),
        (
            (
                "key source stream event_type nominal created listed received state reason rows"
                " duplicates quarantined bad_records unknown_times facts"
            ),
            batch,
        ),
        ("rule severity title alert status deliveries", raised),
        ("channel revision state attempts created finished reason digest instead_of", delivery),
    ):
        assert expected.split() == list(part)
    assert round(trace.delay.total_seconds()) == written["late_seconds"]
