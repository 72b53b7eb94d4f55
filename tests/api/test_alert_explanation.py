"""Why there is an alert, asked of the state; its JSON has these keys."""

from __future__ import annotations

from datetime import date

import pytest

from collector.api.alert_explanation import describe_list_entry, explain_stored_alert, to_json
from collector.api.alerts import read_alerts
from collector.detect.lists.value_list import ListEntry
from collector.settings import RulesSettings, TuneSettings


def test_each_event_is_explained_by_the_rule_as_it_is_now(collected):
    alert, *_ = read_alerts(collected.settings)
    found = explain_stored_alert(collected.settings, alert.id[:10], limit=1)
    (evidence,) = found.evidence
    (explained,) = evidence.rule_explanations

    assert (alert, "cli-activity", ()) == (found.alert, found.rule.name, found.remarks)
    assert (True, True) == (evidence.is_archived, explained.holds)
    assert alert.count - 1 == found.remaining_count


@pytest.mark.slow
def test_an_alert_whose_rule_is_gone_is_told_as_it_was_kept(collected):
    alert, *_ = read_alerts(collected.settings)
    rules = RulesSettings(disable=("cli-activity",))
    without = collected.settings.model_copy(update={"rules": rules})
    found = explain_stored_alert(without, alert.id, limit=5)
    written = to_json(found)

    assert None is found.rule
    assert (None, None) == (written["path"], written["line"])
    assert [[], []] == [event["rules"] for event in written["events"]]


def test_what_tuning_takes_away_and_decides_is_told(collected):
    alert, *_ = read_alerts(collected.settings)
    tune = TuneSettings(
        enabled=False,
        exclude=({"user_agent|contains": "cli"},),
        severity=({"field": "user_name", "eq": "nobody", "level": "low"},),
    )
    rules = RulesSettings(tune={"cli-*": tune})
    tuned = collected.settings.model_copy(update={"rules": rules})
    found = explain_stored_alert(tuned, alert.id, limit=1)
    changes = "; ".join(
        f"rules.tune.cli-*.{key} at rules:1" for key in ("enabled", "severity", "exclude")
    )
    (rung,) = found.evidence[0].rule_explanations[0].ladder.cases

    assert (
        "Not all events match the rule as it is now: it or they have changed since.",
        "cli-activity tells nobody any more: off by rules.tune.cli-*.enabled at rules:1.",
        f"cli-activity is tuned, and is not what its file alone would make of it: {changes}.",
        "Tuning takes one of these events away from cli-activity: exclude at rules:1.",
    ) == found.remarks
    assert (None, "rules:1", "user_name = nobody") == (rung.line, rung.origin, rung.text)


def test_json_has_these_keys_in_this_order(collected):
    alert, *_ = read_alerts(collected.settings)
    written = to_json(explain_stored_alert(collected.settings, alert.id, limit=1))
    (event,) = written["events"]
    (rule,) = event["rules"]
    selection, *_ = rule["selections"]
    item, *_ = selection["alternatives"][0]

    for expected, part in (
        ("id rule path line severity remarks deliveries context events more", written),
        ("event_uid archived event rules directory", event),
        ("rule path holds condition selections severity title key", rule),
        ("line text", rule["condition"]),
        ("name line origin holds alternatives", selection),
        ("line item values found holds entries", item),
        ("severity level cases steps", rule["severity"]),
        ("line origin if then found holds decides", rule["severity"]["cases"][0]),
    ):
        assert expected.split() == list(part)


def test_an_entry_of_a_list_tells_only_what_it_says():
    entry = ListEntry(form="text", text="evil.example", expires=date(2026, 3, 1))

    assert {"form": "text", "text": "evil.example", "expires": date(2026, 3, 1)} == (
        describe_list_entry(entry)
    )
