"""`alerts explain` says why, for people and for scripts; what it shows of events does nothing."""

from __future__ import annotations

import json

import pytest
from cli.conftest import PLAIN_AGENT
from cli.processes import invoke_command, parse_lines, write_config

from collector.api.alert_evidence import EvidenceEvent
from collector.api.alert_explanation import AlertExplanation, to_json
from collector.cli.alerts import explain
from collector.cli.output import print_json
from collector.errors import CollectorError
from collector.store import alerts
from collector.store.database import open_database
from fakes.model_samples import build_alert, build_rule
from hostile.strings import HOSTILE_STRINGS


@pytest.fixture
def found(polled):
    """The id of the one alert."""
    (listed,) = parse_lines(invoke_command("alerts", "list", "--json", "-c", polled.config))
    return listed["id"]


def test_json_is_one_object_with_every_item_and_what_decided(polled, found):
    (said,) = parse_lines(
        invoke_command("alerts", "explain", found[:8], "--json", "-c", polled.config)
    )
    (event,) = said["events"]
    (fit,) = event["rules"]
    holding = [
        (item["item"], item["values"], item["found"])
        for selection in fit["selections"]
        if selection["holds"]
        for alternative in selection["alternatives"]
        for item in alternative
        if item["holds"]
    ]

    assert (found, "cli-activity", [], 0) == tuple(
        said[key] for key in ("id", "rule", "remarks", "more")
    )
    assert [("user_agent|startswith", ["Salesforce-CLI/"], {"user_agent": PLAIN_AGENT})] == holding
    assert [("fetcher", False)] == [
        (case["if"], case["decides"]) for case in fit["severity"]["cases"]
    ]
    assert (True, True, "high") == (event["archived"], fit["holds"], fit["severity"]["severity"])
    assert "eve@acme.com" == event["event"]["user_name"]


def test_people_see_each_item_at_its_line_with_what_the_event_has(polled, found):
    screen = invoke_command("alerts", "explain", found, "-c", polled.config).stdout
    words = " ".join(screen.split())

    assert "matches cli-activity" in words
    # Wherever the rules are installed: a long path is wrapped.
    assert "cli-activity.yml:1:1event,open" in "".join(screen.split())
    assert "✗ fetcher" in words
    assert "✓ user_agent|startswith:" in words
    assert PLAIN_AGENT in words
    assert "✗ fetcher: critical" in words
    assert screen.replace("\n", "").isprintable()


def test_an_id_that_fits_none_is_told_in_a_sentence(polled):
    with pytest.raises(CollectorError, match="no alert has an id"):
        raise invoke_command("alerts", "explain", "zz", "-c", polled.config).exception


def test_an_alert_of_a_rule_that_is_gone_is_shown_as_it_was_kept(tmp_path):
    config = write_config(tmp_path, "https://acme.my.salesforce.com")
    (tmp_path / "state").mkdir()
    database = open_database(tmp_path / "state")
    evidence = ({"event_uid": "e1", "user_name": "ada", "time": "2026-03-01T12:00:00.000Z"},)
    with database.begin() as connection:
        alerts.save_alerts(connection, [build_alert(evidence=evidence, count=3)], {})
    database.close()
    words = " ".join(invoke_command("alerts", "explain", "01", "-c", config).stdout.split())
    (said,) = parse_lines(invoke_command("alerts", "explain", "01", "--json", "-c", config))

    assert "odd-login is not among the rules" in words
    assert "user_name ada" in words
    assert "2 events more: see --limit" in words
    assert (None, None, [], 2) == (
        said["path"],
        said["line"],
        said["events"][0]["rules"],
        said["more"],
    )


@pytest.mark.parametrize("text", [text for text in HOSTILE_STRINGS if len(text) < 200], ids=repr)
def test_no_text_acts_on_a_terminal_or_breaks_a_line_of_json(text, capsys):
    event = {"event_uid": text, "event_type": text, "time": text, text: text}
    context = {"kind": text, "note": text, "group": {text: text}, "recent": [[text, 1]]}
    hostile = AlertExplanation(
        alert=build_alert(
            id=text, title=text, rule=text, org=text, status=text, context=(context,)
        ),
        rule=build_rule(name=text),
        rule_line=1,
        remarks=(text,),
        window_severities={},
        evidence=(EvidenceEvent(event=event),),
        remaining_count=1,
    )
    explain._print_explanation(hostile)
    screen = capsys.readouterr().out

    assert screen.replace("\n", "").isprintable()
    print_json(to_json(hostile))
    assert [1] == [json.loads(line)["more"] for line in capsys.readouterr().out.splitlines()]
