"""Days and hours of a named zone, and what plain Sigma cannot say of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from collector.detect.export import sigma
from collector.errors import RulesError

BERLIN = {"time_zone": "Europe/Berlin"}


def test_days_and_hours_are_read_in_the_zone_of_the_rule(rules, connection):
    """Half past eleven on a Sunday evening in London is Monday morning in Berlin."""
    detection = {"s": {"time|weekday": 1, "time|hour|lt": 6}, "condition": "s"}
    both = rules({"detection": detection}, {"detection": detection, "collector": BERLIN}).rules
    shown = ", ".join(rule.predicate for rule in both)

    query = f"SELECT {shown} FROM (SELECT TIMESTAMPTZ '2026-03-01 23:30:00+00' AS time)"
    assert [(False, True)] == connection.execute(query).fetchall()


def test_a_zone_that_there_is_not_is_refused(rules):
    detection = {"s": {"time|hour": 1}, "condition": "s"}

    with pytest.raises(RulesError, match=r"must be a zone such as .*did you mean 'Europe/Berlin'"):
        rules({"detection": detection, "collector": {"time_zone": "Europe/Berlinn"}})


@pytest.mark.parametrize(
    ("items", "block", "reason"),
    [
        ({"time|hour": 1}, {"time_zone": "Europe/Berlin"}, "a time zone"),
        ({"time|weekday": 1}, {}, "the day of the week"),
        ({"record_count|fieldref|gt": "record_count"}, {}, "a field that is greater than another"),
    ],
)
def test_what_sigma_has_no_words_for_is_not_exported(rules, items, block, reason):
    loaded = rules({"detection": {"s": items, "condition": "s"}, "collector": block})

    (exported,) = sigma.export_rules(loaded, at=datetime(2026, 1, 1, tzinfo=UTC))
    assert f"Sigma has no words for {reason}" == exported.reason
