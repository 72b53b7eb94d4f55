"""A clock that is wrong is told everywhere, and a time that cannot be right changes nothing."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from cli.processes import invoke_command

from collector import clock
from collector.demo import InjectedFault, OrgStore
from collector.salesforce.clock_skew import describe_clock_skew
from collector.store import org_clocks
from collector.store.database import open_database
from fakes.collector_setup import list_stored_values, write_config
from fakes.model_samples import NOON
from fakes.polling_bench import DAY, HOUR, MINUTE, SECOND, OrgClock, build_audit_row, serve_org

TRAIL = {"setup_audit_trail": {"overlap": "0s"}}
TOLERANCE = 2 * MINUTE


@pytest.fixture
def serve():
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(serve_org(**options))


def run_once(tmp_path, org):
    config = write_config(tmp_path, org, setup_audit_trail={"overlap": "0s"})
    return config, invoke_command("run", "--once", "-c", config)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lead", "words"),
    [
        (DAY + HOUR, "this machine's clock is 25 h behind the org's: set it by NTP; until then"),
        (-400 * DAY, "this machine's clock is 400 d ahead of the org's: set it by NTP; until then"),
    ],
    ids=["behind", "ahead"],
)
def test_a_clock_that_is_a_day_wrong_at_the_first_start_is_told_everywhere(
    tmp_path, serve, lead, words
):
    config, result = run_once(tmp_path, serve(clock=OrgClock(lead)))

    assert 1 == result.exit_code
    assert f"failed: acme: {words}" in result.stderr
    assert words in " ".join(invoke_command("status", "-c", config).stdout.split())
    (told,) = (
        line
        for line in invoke_command("status", "--json", "-c", config).stdout.splitlines()
        if '"kind": "clock"' in line
    )
    assert words in told
    assert words in " ".join(invoke_command("check", "-c", config).stdout.split())
    assert [f"{words}"] == [
        detail[: len(words)] for detail in list_stored_values(tmp_path, "detail")
    ]


def test_three_minutes_are_told_and_no_failure(tmp_path, serve):
    config, result = run_once(tmp_path, serve(clock=OrgClock(3 * MINUTE)))

    assert 0 == result.exit_code
    assert "clock is 3 min behind the org's" in invoke_command("status", "-c", config).stdout


def test_a_minute_is_not_worth_a_word(tmp_path, serve):
    config, result = run_once(tmp_path, serve(clock=OrgClock(-MINUTE)))

    assert 0 == result.exit_code
    assert "clock" not in invoke_command("status", "-c", config).stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "date", [datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)]
)
def test_a_date_that_no_org_can_have_sent_hides_nothing(tmp_path, serve, date):
    store = OrgStore()
    store.add_rows("SetupAuditTrail", build_audit_row(1, clock.now() - HOUR))
    org = serve(store=store)
    org.inject_faults(InjectedFault(times=None, date=date))
    config, result = run_once(tmp_path, org)

    assert 0 == result.exit_code
    assert "1 event stored" in result.stdout
    screen = " ".join(invoke_command("check", "-c", config).stdout.split())
    assert "the org's answers tell no time that can be right" in screen


def test_an_episode_begins_when_the_clocks_part_and_lasts_while_they_are_apart(tmp_path):
    database = open_database(tmp_path)
    skews = [SECOND, 3 * MINUTE, 4 * DAY, -DAY, timedelta(), 3 * MINUTE]
    with database.begin() as connection:
        for number, skew in enumerate(skews):
            org_clocks.record_clock_skew(
                connection, "acme", skew, tolerance=TOLERANCE, now=NOON + number * HOUR
            )
            (reading,) = org_clocks.list_clock_readings(connection)
            assert (skew, NOON + number * HOUR) == (reading.skew, reading.measured)
            assert NOON + [0, 1, 1, 1, 4, 5][number] * HOUR == reading.since
    database.close()


@pytest.mark.parametrize(
    ("skew", "words"),
    [
        (45 * SECOND, "45 s behind"),
        (-150 * SECOND, "2 min ahead"),
        (90 * MINUTE, "90 min behind"),
        (47 * HOUR, "47 h behind"),
        (-20_000 * DAY, "20,000 d ahead"),
    ],
)
def test_a_skew_is_said_in_a_unit_that_fits(skew, words):
    assert f"this machine's clock is {words}" in describe_clock_skew(skew)
