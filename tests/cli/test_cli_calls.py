"""`check` and `status` say what polling takes of the org's API calls, and which interval fits."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cli.processes import SECRET, invoke_command, parse_lines, run_collector, write_config

from collector import clock
from collector.demo import ConnectedApp, EmbeddedOrg, OrgBehaviour, OrgStore
from fakes.collector_setup import build_log_file

THREATS = "stored_events (threat detection objects)"
FILES = 8


@pytest.fixture(scope="module")
def store():
    """An org that makes eight files a day."""
    now = clock.now().replace(microsecond=0)
    hour = now.replace(minute=0, second=0) - timedelta(hours=6)
    made = OrgStore()
    made.add_files(
        build_log_file(number, hour, rows=1, created=now - timedelta(hours=1))
        for number in range(FILES)
    )
    return made


def serve(store, calls):
    application = ConnectedApp(client_secret=SECRET)
    behaviour = OrgBehaviour(daily_call_limit=calls)
    return EmbeddedOrg(store, application=application, behaviour=behaviour)


@pytest.fixture(scope="module")
def scarce(store, tmp_path_factory):
    """A configuration for an org with 15,000 calls, after one pass."""
    folder = tmp_path_factory.mktemp("scarce")
    with serve(store, 15_000) as org:
        config = write_config(folder, org.base_url)
        assert 0 == run_collector("run", "--once", "-c", config, cwd=folder).returncode
        yield config


def check(config):
    return {
        each["subject"]: each
        for each in parse_lines(invoke_command("check", "--json", "-c", config))
    }


def test_check_prints_the_forecast_of_each_source_and_that_it_fits(store, tmp_path):
    with serve(store, 100_000) as org:
        found = check(write_config(tmp_path, org.base_url))

    whole = found["acme/api_calls"]
    assert "ok" == whole["level"]
    assert (
        f"{FILES} of them for log files; api_budget_percent: 10 allows 10,000" in whole["message"]
    )
    assert {"level": "ok", "message": "every 1m, 2,880 calls a day"} == {
        key: found[f"acme/api_calls/{THREATS}"][key] for key in ("level", "message")
    }
    assert "every 10m, 288 calls a day" == found["acme/api_calls/event_log_file"]["message"]


def test_check_says_which_intervals_would_fit_an_org_with_few_calls(store, tmp_path):
    with serve(store, 15_000) as org:
        found = check(write_config(tmp_path, org.base_url))
        whole = found["acme/api_calls"]
        assert "warning" == whole["level"]
        assert (
            "these intervals would fit: event_log_file: {every: 30m}, stored_events: {every: "
            in (whole["message"])
        )
        assert "would fit the configured intervals" in whole["message"]
        settings = whole["message"].partition("would fit: ")[2].partition(";")[0]
        config = tmp_path / "fitting.yaml"
        config.write_text(
            (tmp_path / "collector.yaml")
            .read_text()
            .replace('"sources": {', '"sources": {' + settings + ", ", 1)
        )
        again = check(config)["acme/api_calls"]

    assert "ok" == again["level"], again["message"]


def test_an_org_that_refuses_composite_is_forecast_call_by_call(store, tmp_path):
    application = ConnectedApp(client_secret=SECRET)
    behaviour = OrgBehaviour(composite=False)
    with EmbeddedOrg(store, application=application, behaviour=behaviour) as org:
        found = check(write_config(tmp_path, org.base_url))

    assert "warning" == found["acme/api_calls"]["level"]
    assert "these intervals would fit" in found["acme/api_calls"]["message"]


@pytest.mark.slow
def test_status_says_how_often_each_source_is_asked_and_why(scarce):
    lines = parse_lines(invoke_command("status", "--json", "-c", scarce))
    intervals = {
        (line["source"], line["stream_group"]): line
        for line in lines
        if line["kind"] == "poll_interval"
    }
    (whole,) = (line for line in lines if line["kind"] == "api_calls")
    threats = intervals["stored_events", "threat detection objects"]

    assert (1_500, FILES) == (whole["allowed"], whole["log_files"])
    assert whole["made"] > FILES
    assert FILES <= whole["downloads_made"]
    assert 60 == threats["configured_seconds"] < threats["interval_seconds"] <= 300
    assert "api_budget_percent: 10 allows us 1,500" in threats["reason"]
    assert sum(line["daily_calls"] for line in intervals.values()) <= 1_500
    assert whole["remedies"]


@pytest.mark.slow
@pytest.mark.parametrize("width", [80, 120])
def test_the_screen_of_status_shows_it(scarce, width):
    result = invoke_command("status", "-c", scarce, COLUMNS=str(width))
    screen = " ".join(result.stdout.split())

    assert width >= max(map(len, result.stdout.splitlines()))
    assert "API calls of acme" in screen
    assert "asked every" in screen
    assert THREATS in screen
    assert (
        "acme: these intervals would fit: event_log_file: {every: 30m}, stored_events: {every: "
        in screen
    )
