"""`archive prune` says what would go, and prunes; `archive hold` keeps what is needed."""

from __future__ import annotations

import pytest
from cli.processes import invoke_command, parse_lines, write_config

from collector.model import DeliveryState, PollState
from collector.store import ledger, tables
from fakes.manual_clock import ManualClock
from fakes.model_samples import STREAM
from fakes.old_state import DAY, NOW, list_values, open_old_state, store_alert, store_file


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setattr("collector.clock.now", ManualClock(NOW))
    with open_old_state(tmp_path) as opened:
        for age in (1, 400):
            store_file(opened, age)
            store_file(opened, age, "ApiTotalUsage")
        store_alert(opened, 800, DeliveryState.SENT)
        poll = ledger.PollStatus(
            stream=STREAM, state=PollState.OK, reason="", last_attempt=NOW, last_success=NOW
        )
        with opened.database.begin() as connection:
            ledger.save_poll_status(connection, poll)
        yield opened


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path, "https://acme.my.salesforce.com", rules={"disable": ["*"]})


def test_what_would_go_is_said_and_nothing_is_changed_until_it_goes(state, config):
    shown = invoke_command("archive", "prune", "--dry-run", "-c", config).stdout
    assert "would go: 6 events in 2 files (0.0 MB) and 1 alert" in shown
    *types, total = parse_lines(
        invoke_command("archive", "prune", "--dry-run", "--json", "-c", config)
    )
    assert [("ApiTotalUsage", 3), ("Login", 3)] == [(t["event_type"], t["rows"]) for t in types]
    assert {(NOW - 365 * DAY).date().isoformat()} == {each["kept_since"] for each in types}
    assert (2, 6, 1, 0) == tuple(total[name] for name in ("files", "rows", "alerts", "held_files"))
    assert 4 == len(list_values(state, tables.archive_files, "path"))

    (run,) = parse_lines(invoke_command("archive", "prune", "--json", "-c", config))
    assert (2, 6, 1) == tuple(run[name] for name in ("files", "rows", "alerts"))
    left = list_values(state, tables.archive_files, "batch")
    assert (["ApiTotalUsage-1", "Login-1"], []) == (left, list_values(state, tables.alerts, "id"))
    shown = invoke_command("status", "-c", config).stdout
    assert "kept: events 365 d; alerts 730 d; last pruned 0 s ago" in " ".join(shown.split())


def test_a_hold_is_placed_with_a_reason_listed_and_released(state, config):
    add = ("archive", "hold", "add", "-c", config)
    day = (NOW - 400 * DAY).date().isoformat()
    assert 2 == invoke_command(*add).exit_code, "without a reason"
    told = invoke_command(
        *add, "--reason", "case 7 \x1b[2J", "--event-type", "Login", "--org", "acme", "--by", "ada",
        "--from", day, "--until", day,
    )  # fmt: skip
    assert 0 == told.exit_code, told.output
    assert "hold 1 keeps events of type Login of acme from" in told.stdout
    assert "that is 3 events in 1 file" in told.stdout
    mistyped = invoke_command(
        *add, "--reason", "x", "--event-type", "Logn", "--until", "2001-01-01"
    )
    assert "as things are, that is nothing" in mistyped.stdout

    *_, total = parse_lines(invoke_command("archive", "prune", "--dry-run", "--json", "-c", config))
    assert (1, 1, 1) == tuple(total[name] for name in ("files", "held_files", "alerts"))
    shown = invoke_command("archive", "hold", "list", "-c", config).stdout
    assert "case 7" in shown
    assert "\x1b" not in shown

    invoke_command("archive", "hold", "release", "1", "--by", "bob", "-c", config)
    again = invoke_command("archive", "hold", "release", "1", "-c", config)
    assert (1, True) == (again.exit_code, "was released by bob" in str(again.exception))
    listing = ("archive", "hold", "list", "--all", "--json", "-c", config)
    line, other = parse_lines(invoke_command(*listing))
    assert ("Logn", None) == (other["event_type"], other["released"])
    assert ("ada", "bob", 1) == (line["placed_by"], line["released_by"], line["id"])
    assert (
        2
        == parse_lines(invoke_command("archive", "prune", "--dry-run", "--json", "-c", config))[-1][
            "files"
        ]
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("add", "--reason", " "), "a hold needs a reason"),
        (("add", "--reason", "x", "--org", "acne"), "no org is called 'acne'; known are acme"),
        (
            ("add", "--reason", "x", "--from", "2026-02-01", "--until", "2026-01-01"),
            "it would end before it begins",
        ),
        (
            ("add", "--reason", "x", "--from", "2026-02-01", "--until", "2026-01-31"),
            "it would end before it begins",
        ),
        (("release", "9"), "there is no hold 9"),
    ],
)
@pytest.mark.usefixtures("state")
def test_a_hold_that_makes_no_sense_is_refused_with_what_is_wrong(config, arguments, sentence):
    refused = invoke_command("archive", "hold", *arguments, "-c", config)

    assert 1 == refused.exit_code
    assert sentence in str(refused.exception)


def test_by_a_clock_that_nobody_confirms_nothing_is_pruned(state, config, monkeypatch):
    monkeypatch.setattr("collector.clock.now", ManualClock(NOW + 400 * DAY))

    refused = invoke_command("archive", "prune", "-c", config)

    assert 1 == refused.exit_code
    assert "nothing was pruned" in str(refused.exception)
    assert 4 == len(list_values(state, tables.archive_files, "path"))
