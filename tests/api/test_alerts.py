"""Alerts are listed and found by the beginning of their ids; their JSON has these keys."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from collector.api.alerts import list_alerts, read_alert_history, read_alerts, to_json
from collector.api.state_view import open_state_view
from collector.errors import CollectorError
from collector.model import Severity
from collector.store import alerts
from collector.store.database import open_database
from fakes.model_samples import build_alert

KEYS = [
    *("id", "rule", "title", "severity", "status", "org", "dedup", "first_time", "last_time"),
    *(
        "count",
        "late_seconds",
        "entities",
        "participants",
        "evidence",
        "context",
        "attack",
        "triage",
    ),
    *("references", "created", "revision"),
]


def test_what_alerted_is_listed_as_typed_alerts(collected):
    found = read_alerts(collected.settings)

    assert {"cli-activity"} == {alert.rule for alert in found}
    with open_state_view(collected.settings) as state:
        assert found == list_alerts(state)


@pytest.mark.parametrize(
    "chosen",
    [
        {"rule": "no-such-rule"},
        {"min_severity": Severity.CRITICAL},
        {"since": datetime(2999, 1, 1, tzinfo=UTC)},
    ],
    ids=["rule", "severity", "time"],
)
def test_only_what_was_asked_for_is_listed(collected, chosen):
    assert [] == read_alerts(collected.settings, **chosen)


def test_no_more_are_listed_than_asked_for(collected):
    assert 1 == len(read_alerts(collected.settings, limit=1))


def test_the_beginning_of_an_id_is_enough_where_it_is_of_one(collected):
    first, *_ = read_alerts(collected.settings)

    assert first == read_alert_history(collected.settings, first.id[:12]).alert


def test_an_id_of_none_is_told(collected):
    with pytest.raises(CollectorError, match="no alert has an id that begins with 'zz'"):
        read_alert_history(collected.settings, "zz")


def test_an_id_of_several_is_told(uncollected):
    uncollected.state_dir.mkdir()
    database = open_database(uncollected.state_dir)
    with database.begin() as connection:
        alerts.save_alerts(connection, [build_alert(id="ab1"), build_alert(id="ab2")], {})
    database.close()

    assert "ab2" == read_alert_history(uncollected, "ab2").alert.id
    with pytest.raises(CollectorError, match="several alerts"):
        read_alert_history(uncollected, "ab")


def test_json_has_these_keys_in_this_order(collected):
    (first, *_) = map(to_json, read_alerts(collected.settings))

    assert KEYS == list(first)
    assert ("high", "open") == (first["severity"], first["status"])
    assert first["created"].endswith("Z")


def test_json_says_what_an_alert_went_on_in_and_why_it_holds_no_more():
    over = build_alert(status="merged", merged_into="abc", reason="late events")

    assert [*KEYS, "merged_into", "reason"] == list(to_json(over))
