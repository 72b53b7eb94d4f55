"""The status of every stream, total, rule and channel; its JSON has these kinds and keys."""

from __future__ import annotations

import pytest

from collector.api.clock_status import ClockStatus
from collector.api.directory_status import (
    CERTAIN_KEYS,
    DirectoryStatus,
    list_directory_statuses,
)
from collector.api.readable_files import UnreadableFile
from collector.api.state_view import open_state_view
from collector.api.status import (
    RuleStatusReport,
    StatusReport,
    count_stored_events,
    read_status,
    to_json_lines,
)
from collector.errors import CollectorError
from collector.model import DirectoryPage, EntryReading
from collector.settings import RulesSettings
from collector.store import directory_entries
from collector.store.channel_status import ChannelStatus
from collector.store.rule_status import RuleFault, RuleLoadStatus
from fakes.databases import open_sqlite_state
from fakes.model_samples import NOON

KEYS = {
    "stream": (
        "kind org source stream state reason last_attempt last_success complete_until lag_seconds"
    ),
    "stored": (
        "kind org source event_type batches rows pruned duplicates quarantined bad_records"
        " unknown_times lost newest"
    ),
    "api_calls": (
        "kind org allowed made needed log_files downloads_allowed downloads_made fitting_percent"
        " remedies"
    ),
    "poll_interval": (
        "kind org source stream_group streams interval_seconds configured_seconds daily_calls"
        " configured_calls paused reason"
    ),
    "clock": "kind org skew_seconds since reason",
    "directory": "kind org entries unknown",
    "silent_rule": "kind org rule why can_fire",
    "retention": "kind retention_days by_type_days alert_days holds last_run",
    "outbox": "kind channel state count oldest reason",
    "unreadable_file": "kind org event_type path rows state reason",
    "archive_problem": "kind problem",
    "channel": "kind channel state since failures held_until reason",
    "rules": "kind changed rules problems",
    "rule_problem": "kind problem",
    "rule_fault": "kind rule org count first last reason",
}


def test_the_report_is_of_what_was_polled_stored_and_sent(collected):
    report = read_status(collected.settings)
    polls = {(poll.stream.source, poll.stream.name): poll.state for poll in report.polls}

    assert "ok" == polls["event_log_file", "hourly"]
    assert {("event_log_file", "Login", 5), ("login_history", "LoginHistory", 4)} == {
        (total.source, total.event_type, total.rows) for total in report.totals
    }
    assert [("here", "sent")] == [(each.channel, each.state) for each in report.queue_stats]
    assert "bulk-job-removed" in {silent.rule for silent in report.silent_rules}
    assert () == report.rule_status.problems


def test_stored_events_are_counted_by_type(collected):
    with open_state_view(collected.settings) as state:
        assert {"Login": 5, "LoginHistory": 4} == count_stored_events(state)


def test_broken_rule_files_are_part_of_the_answer(collected, tmp_path):
    broken = tmp_path / "broken.yml"
    broken.write_text("title: [")
    rules = RulesSettings(paths=(broken,))
    report = read_status(collected.settings.model_copy(update={"rules": rules}))

    assert "bulk-job-removed" in {silent.rule for silent in report.silent_rules}
    assert all(problem.startswith(f"{broken}:") for problem in report.rule_status.problems)
    assert report.rule_status.problems


def test_a_state_that_is_not_there_is_told(uncollected):
    with pytest.raises(CollectorError, match="nothing has been collected yet"):
        read_status(uncollected)


def test_json_has_these_kinds_with_these_keys_in_this_order(collected):
    troubled = RuleStatusReport(
        last_loading=RuleLoadStatus(changed=NOON, rules=3),
        faults=(RuleFault(rule="r", org="acme", count=1, first=NOON, last=NOON, reason="odd"),),
        problems=("a.yml:1:1: odd",),
    )
    report = read_status(collected.settings)
    lines = [*to_json_lines(report), *to_json_lines(_build_report(troubled))]
    kinds = {str(line["kind"]): " ".join(line) for line in lines}

    assert KEYS == {kind: kinds[kind] for kind in KEYS}
    assert set(KEYS) == set(kinds)


def test_the_lag_is_in_whole_seconds(collected):
    report = read_status(collected.settings)
    (hourly,) = (line for line in to_json_lines(report) if line.get("stream") == "hourly")

    assert isinstance(hourly["lag_seconds"], int)
    assert 3600 <= hourly["lag_seconds"] < 2 * 3600


def _build_report(rules: RuleStatusReport) -> StatusReport:
    return StatusReport(
        now=NOON,
        polls=(),
        call_forecasts=(),
        complete_until={},
        totals=(),
        queue_stats=(),
        closed_channels=(ChannelStatus(channel="chat", state="failing", fingerprint="x"),),
        silent_rules=(),
        rule_status=rules,
        clocks=(ClockStatus(org="acme", skew_seconds=300, since=NOON, reason="wrong"),),
        directories=(DirectoryStatus(org="acme", entries={"user": 3}, unknown=("profile",)),),
        unreadable_files=(
            UnreadableFile(
                org="acme", event_type="Login", path="x", rows=1, state="lost", reason="gone"
            ),
        ),
        archive_problem="it is not there",
    )


def test_what_no_user_has_is_what_the_org_keeps_from_us(tmp_path):
    known = dict.fromkeys(CERTAIN_KEYS, "x")
    del known["profile"]
    readings = [
        EntryReading(kind="user", id="0051", values={**known, "role": "Sales"}),
        EntryReading(kind="user", id="0052", values={"username": "ada@acme.com"}),
        EntryReading(kind="app", id="0H41", values={"name": "Loader"}),
    ]
    database = open_sqlite_state(tmp_path)
    with database.begin() as connection:
        page = DirectoryPage(read=NOON, readings=tuple(readings))
        directory_entries.save_directory_page(connection, "acme", page, now=NOON)
        found = list(list_directory_statuses(connection, ["acme", "other"]))
    database.close()

    assert [
        DirectoryStatus(org="acme", entries={"user": 2, "app": 1}, unknown=("profile",))
    ] == found
