"""A state that was lost is built again from the archive: nothing is missing, nothing told twice."""

from __future__ import annotations

import json

import duckdb
import pytest
from cli.processes import invoke_command, parse_lines, run_collector

from collector import clock
from collector.demo import EmbeddedOrg, OrgStore
from fakes.collector_setup import (
    HOUR,
    build_log_file,
    build_login_rows,
    list_learning_rules,
    list_stored_values,
    write_config,
)
from fakes.slack import run_slack_receiver

AGENT = "Salesforce-CLI/1.0"
"""The user agent of logins that a shipped rule tells of."""

HOURS = [clock.now().replace(minute=0, second=0, microsecond=0) - n * HOUR for n in (60, 5, 4)]
"""One of them is longer ago than what is told again."""


@pytest.fixture
def org():
    store = OrgStore()
    store.add_files(
        [
            build_log_file(number, hour, rows=3, agent=AGENT, created=HOURS[1] + number * HOUR)
            for number, hour in enumerate(HOURS)
        ]
    )
    store.add_rows("LoginHistory", *build_login_rows(HOURS[1], 4, HOUR / 8))
    with EmbeddedOrg(store) as served:
        yield served


@pytest.fixture
def receiver():
    with run_slack_receiver() as running:
        yield running


@pytest.fixture
def config(org, receiver, tmp_path):
    """A configuration after its first pass."""
    path = write_config(
        tmp_path,
        org,
        channels={"chat": {"type": "slack", "webhook_url": receiver.url}},
        event_log_file={"settle": "0s", "lookback": "7d"},
        rules={"disable": list_learning_rules()},
        login_history={},
    )
    run(path)
    return path


def run(config):
    process = run_collector("run", "--once", "-c", config, cwd=config.parent)
    assert 0 == process.returncode, process.stderr


def lose_state(config):
    for path in (config.parent / "state").glob("state.db*"):
        path.unlink()


def adopt(config):
    process = run_collector("archive", "adopt", "--json", "-c", config, cwd=config.parent)
    assert 0 == process.returncode, process.stderr
    return json.loads(process.stdout)


def list_alerts(config):
    lines = parse_lines(invoke_command("alerts", "list", "--json", "-c", config))
    return {(line["id"], line["rule"], line["count"]) for line in lines}


def list_events(config):
    return list_stored_values(config.parent, "event_uid")


def remove_descriptions(config):
    """Make the files those of a version that wrote nothing into their footers."""
    for path in (config.parent / "state/archive").rglob("*.parquet"):
        table = duckdb.sql(f"SELECT * FROM '{path}'")
        table.write_parquet(str(path.with_suffix(".plain")))
        path.with_suffix(".plain").replace(path)


@pytest.mark.slow
def test_everything_is_known_again_and_nobody_hears_of_it_twice(org, config, receiver):
    events, alerts, told = list_events(config), list_alerts(config), len(receiver.bodies)
    lose_state(config)

    refused = run_collector("run", "--once", "-c", config, cwd=config.parent)
    assert 1 == refused.returncode
    assert "collector archive adopt" in refused.stderr
    report = adopt(config)

    assert {"told_before": 3, "repeated": 0, "quiet": 0} == report["alerts"]
    assert (events, alerts) == (list_events(config), list_alerts(config))
    run(config)
    assert (events, alerts, told) == (
        list_events(config),
        list_alerts(config),
        len(receiver.bodies),
    )
    late = build_log_file(9, HOURS[2], rows=3, agent=AGENT, created=clock.now() - HOUR / 60)
    org.store.add_files([late])
    run(config)
    assert told + 1 == len(receiver.bodies)
    assert len(events) + 3 == len(list_events(config))


@pytest.mark.slow
@pytest.mark.parametrize("are_described", [True, False], ids=["now", "earlier version"])
def test_without_a_journal_what_is_recent_is_told_as_a_possible_repeat(
    config, receiver, are_described
):
    events, alerts = list_events(config), list_alerts(config)
    receiver.bodies.clear()
    lose_state(config)
    (config.parent / "state/told.jsonl").unlink()
    if not are_described:
        remove_descriptions(config)

    report = adopt(config)

    assert {"told_before": 0, "repeated": 2, "quiet": 1} == report["alerts"]
    run(config)
    assert (events, alerts) == (list_events(config), list_alerts(config))
    assert 2 == len(receiver.bodies)
    assert all("possible repeat" in json.dumps(body) for body in receiver.bodies)


@pytest.mark.slow
def test_an_archive_that_is_lost_with_its_state_kept_is_fetched_again(config):
    events = list_events(config)
    for path in (config.parent / "state/archive").rglob("*"):
        if path.is_file():
            path.unlink()

    refused = run_collector("run", "--once", "-c", config, cwd=config.parent)
    assert 1 == refused.returncode
    assert "holds none" in refused.stderr
    adopt(config)
    run(config)
    run(config)

    assert events == list_events(config)


@pytest.mark.slow
def test_a_state_of_another_archive_is_refused(config, tmp_path):
    other = tmp_path / "other"
    (config.parent / "state/archive").rename(other)
    adopt(config)
    run(config)
    (config.parent / "state/archive").rename(tmp_path / "mine")
    other.rename(config.parent / "state/archive")
    marker = config.parent / "state/archive/_ledger_id"
    marker.write_text("another\n")

    process = run_collector("archive", "adopt", "-c", config, cwd=config.parent)

    assert 1 == process.returncode
    assert "that of another archive" in process.stderr
