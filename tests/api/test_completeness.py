"""The proof of what was collected, with and without the org's daily files."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from collector.api.completeness import (
    OrgCompleteness,
    compare_with_daily_files,
    format_stream_name,
    prove_completeness,
    to_json_lines,
)
from collector.completeness import FoldedTotal, QuietHours, SequenceGap
from collector.completeness.daily_audit import HourlyDailyComparison
from collector.errors import CollectorError
from fakes.collector_setup import DAY
from fakes.model_samples import NOON

KEYS = {
    "count": (
        "kind org source event_type unit listed fetched stored batches rows pruned duplicates"
        " quarantined lost pending failing unaccounted reasons"
    ),
    "sequence_gap": "kind org event_type hour present missing explained",
    "quiet_hours": "kind org event_type hours",
    "windows": "kind org source stream start until gaps",
    "archived": "kind org event_type rows filed files missing",
    "folded": "kind org source event_type batches rows newest",
    "daily": (
        "kind org event_type day hourly_files hourly_rows hourly_bytes daily_files daily_rows"
        " daily_bytes trouble verdict"
    ),
    "proof": "kind org since until complete pending problems",
}


@pytest.fixture
def proof(collected) -> OrgCompleteness:
    (found,) = prove_completeness(collected.settings, since=2 * DAY)
    return found


def test_nothing_is_missing_of_what_was_listed_and_served(proof):
    balances = {balance.event_type: balance for balance in proof.report.balances}

    assert ([], 0) == (proof.problems, proof.pending_count)
    assert (2, 5) == (balances["Login"].stored, balances["Login"].rows)
    assert () == proof.daily_comparisons


def test_the_listing_of_files_has_a_name_for_people(proof):
    names = {format_stream_name(coverage) for coverage in proof.report.window_coverage}

    assert "hourly (files by creation)" in names
    assert "LoginHistory" in names


def test_hourly_files_are_held_against_what_the_org_has_of_days(collected):
    (found,) = compare_with_daily_files(collected.settings, since=2 * DAY, counted_types=["Log*"])

    assert {("Login", "only hourly")} == {
        (compared.event_type, compared.verdict) for compared in found.daily_comparisons
    }
    assert [] == found.problems


def test_a_state_that_is_not_there_is_told(uncollected):
    with pytest.raises(CollectorError, match="nothing has been collected yet"):
        list(prove_completeness(uncollected, since=DAY))


def test_json_has_these_kinds_with_these_keys_in_this_order(proof):
    report = replace(
        proof.report,
        sequence_gaps=[
            SequenceGap(org="acme", event_type="Login", hour=NOON, present=[1], missing=[2])
        ],
        quiet_hours=[QuietHours(org="acme", event_type="Login", hours=[NOON])],
        folded=[
            FoldedTotal(org="acme", source="s", event_type="Login", batches=1, rows=3, newest=NOON)
        ],
    )
    compared = HourlyDailyComparison(org="acme", event_type="Login", day=date(2026, 3, 1))
    lines = to_json_lines(replace(proof, report=report, daily_comparisons=[compared]))

    assert KEYS == {str(line["kind"]): " ".join(line) for line in lines}


def test_the_last_line_is_the_sum(proof):
    *_, last = to_json_lines(proof)

    assert ("proof", "acme", True, 0, []) == tuple(
        last[key] for key in ("kind", "org", "complete", "pending", "problems")
    )
