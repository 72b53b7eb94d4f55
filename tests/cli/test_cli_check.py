"""`check` says what an org gives, what it lacks and why, and whether people can be told."""

from __future__ import annotations

import re

import pytest
from cli.conftest import MISSING_OBJECTS, build_org
from cli.processes import SECRET, invoke_command, parse_lines, run_collector, write_config

from collector.demo import OrgStore
from collector.settings.shipped_files import find_shipped_folder
from fakes.mmdb_files import build_database
from fakes.slack import find_unused_port, run_slack_receiver


@pytest.fixture
def empty(tmp_path):
    """A configuration that leads to an org without data; changes to it are named."""
    with build_org(OrgStore()) as server:
        yield lambda **changes: write_config(tmp_path, server.base_url, **changes)


def findings(config, *options):
    result = invoke_command("check", "--json", "-c", config, *options)
    return result, {each["subject"]: each for each in parse_lines(result)}


def slack(url):
    return {"secops": {"type": "slack", "webhook_url": url}}


def test_an_org_that_can_be_read_is_fine(polled):
    result, found = findings(polled.config)

    assert 0 == result.exit_code
    assert "failed" not in {each["level"] for each in found.values()}
    assert {"config", "rules", "acme/login", "acme/clock", "acme/limits"} <= {
        subject for subject, each in found.items() if each["level"] == "ok"
    }
    assert "files of the last two days: Login" == (found["acme/event_log_file/hourly"]["message"])


def test_what_is_missing_is_a_warning_that_names_the_permission(polled):
    _, found = findings(polled.config)
    hidden = {subject for subject, each in found.items() if "does not show" in each["message"]}

    assert {f"acme/stored_events/{name}" for name in MISSING_OBJECTS} == hidden
    assert {"warning"} == {found[subject]["level"] for subject in hidden}
    assert all("View Real-Time Event Monitoring Data" in found[s]["message"] for s in hidden)


def test_people_read_one_line_for_streams_of_which_the_same_is_to_be_said(polled):
    told = invoke_command("check", "-c", polled.config).stdout.splitlines()
    hidden = [line for line in told if "does not show" in line]

    assert ["! acme/stored_events — 4 streams: the org does not show them to this user"] == [
        line.partition(": it needs")[0] for line in hidden
    ]
    assert any(re.fullmatch(r"✓ rules — \d+ rules loaded, nothing wrong", line) for line in told)
    assert len(told) < 28


@pytest.mark.slow
def test_a_wrong_secret_fails_with_the_sentence_of_what_to_change(polled):
    process = run_collector(
        "check", "-c", polled.config, cwd=polled.config.parent, SF_SECRET="wrong-canary"
    )

    assert (1, "") == (process.returncode, process.stderr)
    assert "✗ acme/login — " in process.stdout
    assert "check `client_id` and `client_secret`" in process.stdout
    assert "wrong-canary" not in process.stdout


def test_databases_of_addresses_are_said_to_serve_or_not(empty, tmp_path):
    good, bad = tmp_path / "country.mmdb", tmp_path / "asn.mmdb"
    good.write_bytes(build_database({"192.0.2.0/24": {"country": {"iso_code": "DE"}}}))
    bad.write_bytes(b"half of a file")

    result = invoke_command(
        "check", "--json", "-c", empty(geoip={"file": str(good), "asn_file": str(bad)})
    )
    told = [each for each in parse_lines(result) if each["subject"] == "geoip"]

    assert 1 == result.exit_code
    assert f"{good} is GeoLite2-Country of 2026-11-01" in told[0]["message"]
    assert ("failed", True) == (
        told[1]["level"],
        told[1]["message"].startswith(f"{bad} is no MaxMind DB file, or is damaged"),
    )


def test_nothing_that_is_said_holds_the_secret(polled):
    assert SECRET not in invoke_command("check", "-c", polled.config).output


def test_a_literal_secret_is_a_warning_with_its_place(tmp_path):
    with build_org(OrgStore()) as server:
        config = write_config(tmp_path, server.base_url)
        config.write_text(config.read_text().replace("${env:SF_SECRET}", SECRET))
        result = invoke_command("check", "--json", "-c", config)
    warned = [each for each in parse_lines(result) if each["subject"] == "config"]

    assert ["warning", "ok"] == [each["level"] for each in warned]
    assert f"{config}:1:" in warned[0]["message"]
    assert SECRET not in result.output


def test_channels_are_tried_when_asked_for(empty):
    with run_slack_receiver() as receiver:
        config = empty(channels={**slack(receiver.url), "here": {"type": "terminal"}})
        _, untried = findings(config)
        before = len(receiver.bodies)
        result, tried = findings(config, "--send-test")

    assert "not tried: --send-test" == untried["channels/secops"]["message"]
    assert (0, 1) == (before, len(receiver.bodies))
    assert {"the test message was taken"} == {
        tried[f"channels/{name}"]["message"] for name in ("secops", "here")
    }
    assert "Test message" in result.stderr


def test_a_channel_that_does_not_take_the_test_message_fails(empty):
    config = empty(channels=slack(f"http://127.0.0.1:{find_unused_port()}/x"))
    result, found = findings(config, "--send-test")

    assert 1 == result.exit_code
    assert "failed" == found["channels/secops"]["level"]


def test_files_that_are_wrong_are_told_and_all_else_is_looked_at(empty, tmp_path):
    """A daemon would start without these files; whoever checks sees everything at once."""
    shipped = find_shipped_folder("rules") / "api" / "cli-activity.yml"
    deep = re.sub(
        r"(?m)^  condition: (.*)$", f"  condition: {'not ' * 3000}(\\1)", shipped.read_text()
    )
    (tmp_path / "deep.yml").write_text(deep.replace("name: cli-activity", "name: deep"))
    (tmp_path / "other.yml").write_text("title: nothing else\n")
    (tmp_path / "short.txt").write_bytes(b"\xff")
    rules = {
        "paths": ["deep.yml", "other.yml"],
        "lists": {"ioc_ip": {"file": str(tmp_path / "short.txt")}},
        "tune": {
            "bulk-api-job": {"parameters": {"high_rows": 0}},
            "cli-activty": {"level": "low"},
        },
    }
    result = invoke_command("check", "-c", empty(rules=rules, channels={"c": {"type": "terminal"}}))

    assert 2 == result.exit_code
    for line in (r"✗ rules — .*deep\.yml:\d+:\d+: .*levels", r"✗ rules — .*other\.yml:1:1: "):
        assert re.search(line, result.stdout), result.stdout
    assert re.search(r"✗ rules — .*collector\.yaml:1:\d+: 'high_rows' must be at", result.stdout)
    assert re.search(
        r"! rules — .*collector\.yaml:1:\d+: unknown rule 'cli-activty'", result.stdout
    )
    assert re.search(r"✗ rules — .*short\.txt:1:1: ", result.stdout)
    assert re.search(r"✓ rules — \d+ other rules loaded, nothing wrong", result.stdout)
    assert "✓ acme/login — " in result.stdout
    assert "✓ channels/c — not tried" in result.stdout


def test_a_rule_that_learns_from_more_than_is_kept_is_warned_of(empty, tmp_path):
    (tmp_path / "new.yml").write_text(
        "title: New app\nname: new-app\nid: 6f2c2d0e-6a53-4f7c-9d55-0d3a4d6a1b01\n"
        "logsource: {product: salesforce}\n"
        "detection: {s: {event_type: Login}, condition: s}\nlevel: low\n"
        "collector:\n  event_types: [Login]\n"
        "  first_seen: {key: [user_id, source_ip], learn: 14d, forget: 90d}\n"
    )
    config = empty(rules={"paths": ["new.yml"]}, archive={"retention": "10d"})
    result = invoke_command("check", "-c", config)

    assert re.search(
        r"! archive — the rule new-app is silent until the archive is 14d deep, and `archive` keeps"
        r" Login for 10d only: keep it for at least 15d",
        result.stdout,
    ), result.stdout
