"""`status` says what is collected, how late it is, what is not, and which rules that blinds."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cli.conftest import MISSING_OBJECTS
from cli.processes import invoke_command, parse_lines, write_config

from collector import clock
from collector.model import Stream
from collector.store import ledger
from collector.store.database import open_database


@pytest.fixture
def state(tmp_path):
    """A configuration and the database of a collector that has not yet run."""
    config = write_config(tmp_path, "https://acme.my.salesforce.com")
    (tmp_path / "state").mkdir()
    database = open_database(tmp_path / "state")
    yield config, database
    database.close()


def remember(database, name, state, *, minutes=0, source="stored_events", reason="", org="acme"):
    at = clock.now() - timedelta(minutes=minutes)
    poll = ledger.PollStatus(
        stream=Stream(org=org, source=source, name=name),
        state=state,
        reason=reason,
        last_attempt=at,
        last_success=at if state == "ok" else None,
    )
    with database.begin() as connection:
        ledger.save_poll_status(connection, poll)


def of_kind(config, kind):
    return [
        line
        for line in parse_lines(invoke_command("status", "--json", "-c", config))
        if line["kind"] == kind
    ]


def test_json_tells_each_stream_with_its_lag(polled):
    streams = {line["stream"]: line for line in of_kind(polled.config, "stream")}

    assert "ok" == streams["hourly"]["state"]
    assert 3600 <= streams["hourly"]["lag_seconds"] < 3600 + 1800
    assert 0 <= streams["ReportEvent"]["lag_seconds"] < 1800
    assert None is streams["ApiEvent"]["lag_seconds"]
    assert MISSING_OBJECTS == {
        name for name, line in streams.items() if line["state"] == "unavailable"
    }


def test_json_tells_what_is_stored_and_what_was_delivered(polled):
    (stored,) = of_kind(polled.config, "stored")
    (pile,) = of_kind(polled.config, "outbox")

    assert ("Login", 3, 0, 0) == tuple(
        stored[key] for key in ("event_type", "rows", "quarantined", "lost")
    )
    assert ("here", "sent", 1) == tuple(pile[key] for key in ("channel", "state", "count"))


def test_json_tells_the_rules_that_cannot_fire_and_those_that_had_nothing_to_look_at(polled):
    silent = {line["rule"]: line for line in of_kind(polled.config, "silent_rule")}

    assert not silent["api-anomaly"]["can_fire"]
    assert (
        "View Real-Time Event Monitoring Data"
        in silent["api-anomaly"]["why"]["ApiAnomalyEventStore"]
    )
    assert "no event so far" == silent["package-or-app-installed"]["why"]["PackageInstall"]
    assert "cli-activity" not in silent


@pytest.mark.parametrize("width", [80, 120])
def test_the_screen_fits_the_terminal_and_cuts_no_name(polled, width):
    result = invoke_command("status", "-c", polled.config, COLUMNS=str(width))
    words = result.stdout.split()

    assert width >= max(map(len, result.stdout.splitlines()))
    for name in ("CredentialStuffingEventStore", "setup_audit_trail", "package-or-app-installed"):
        assert name in words


def test_streams_that_lack_the_same_share_one_paragraph(polled):
    screen = " ".join(invoke_command("status", "-c", polled.config).stdout.split())

    assert (
        "stored_events: 4 streams not available: the org does not show them to this user" in screen
    )
    assert "(ApiAnomalyEventStore, ApiEvent, LoginEvent, UniversalAnomalyEventStore)" in screen
    assert "api-anomaly cannot fire: ApiAnomalyEventStore: the org does not show it" in screen


def test_a_failed_stream_says_why_in_harmless_words(state):
    config, database = state
    remember(database, "ApiEvent", "failed", reason="acme: \x1b[31mno [bold]answer")
    screen = invoke_command("status", "-c", config).stdout

    assert "stored_events: ApiEvent failed: acme: \\x1b[31mno [bold]answer" in screen
    assert "\x1b" not in screen


def test_a_source_that_has_recovered_is_not_called_failed(state):
    config, database = state
    remember(database, "*", "failed", reason="no route", minutes=9)
    remember(database, "ApiEvent", "ok")
    remember(database, "*", "failed", reason="no route", source="event_log_file")

    assert {("stored_events", "ApiEvent"), ("event_log_file", "*")} == {
        (line["source"], line["stream"]) for line in of_kind(config, "stream")
    }
    assert (
        "event_log_file: everything failed: no route"
        in invoke_command("status", "-c", config).stdout
    )


def test_orgs_that_are_no_longer_configured_are_left_out(state):
    config, database = state
    remember(database, "ApiEvent", "failed", org="former")

    assert [] == of_kind(config, "stream")


def test_before_the_first_poll_it_says_so(state):
    config, _ = state

    assert "nothing has been collected yet" in invoke_command("status", "-c", config).stdout


def test_broken_rule_files_are_shown_before_anything_has_been_collected(tmp_path):
    broken = tmp_path / "broken.yml"
    broken.write_text("- no mapping\n")
    config = write_config(
        tmp_path, "https://acme.my.salesforce.com", rules={"paths": [str(broken)]}
    )
    (tmp_path / "state").mkdir()
    open_database(tmp_path / "state").close()
    screen = invoke_command("status", "-c", config).stdout

    assert "nothing has been collected yet" in screen
    assert "Rule files are broken:" in screen
    assert f"{broken}:1:1: " in "".join(screen.split("\n"))


def test_what_was_told_and_cannot_be_written_down_is_a_line(state, tmp_path):
    config, database = state
    remember(database, "ApiEvent", "ok")
    (tmp_path / "state/told.jsonl").mkdir()
    screen = " ".join(invoke_command("status", "-c", config).stdout.split())
    (line,) = of_kind(config, "journal_problem")

    assert "what is told cannot be written down in" in screen
    assert "told.jsonl: Is a directory" in line["problem"]
    assert "`collector archive adopt` would tell it again" in line["problem"]


def test_what_it_says_of_the_rules_is_the_same_without_their_outline(polled):
    outline = polled.config.parent / "state/rules_outline.json"
    kept = outline.read_bytes()
    with_outline = of_kind(polled.config, "silent_rule")
    outline.unlink()
    without = of_kind(polled.config, "silent_rule")
    outline.write_bytes(kept)

    assert [] != with_outline
    assert without == with_outline
