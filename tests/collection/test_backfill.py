"""A backfill reads what lies before collecting began: all of it, once, whatever interrupts it."""

import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from collector.collection.backfill import Backfill
from collector.demo import EmbeddedOrg, InjectedFault, OrgBehaviour, OrgStore
from collector.model import Stream
from collector.store import alerts, ledger, outbox, stream_coverage
from fakes.collector_setup import (
    DAY,
    HOUR,
    build_log_file,
    build_login_rows,
    list_stored_values,
    open_test_collector,
    poll_sources,
    write_config,
)

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
HOURS = range(0, 236, 8)
FILES = [build_log_file(n, NOW - (240 - n) * HOUR) for n in HOURS]
ROWS = build_login_rows(NOW - 10 * DAY, 240, HOUR)
NAMES = sorted(f"user{n:04}-{row:03}@example.com" for n in HOURS for row in range(3))
SOURCES = {"event_log_file": {"settle": "0s"}, "login_history": {}}


@pytest.fixture
def org():
    store = OrgStore()
    store.add_files(FILES)
    store.add_rows("LoginHistory", *ROWS)
    with EmbeddedOrg(store) as served:
        yield served


def run(collector, *, since=20 * DAY):
    """All steps of a backfill of everything."""
    (poller,) = collector.pollers
    backfill = Backfill(
        context=poller.context,
        api_budget=poller.api_budget,
        database=collector.database,
        pipeline=collector.pipeline,
        since=datetime.now(UTC) - since,
        stop_event=collector.stop_event,
    )
    return list(backfill.run(poller.sources))


def problems(steps):
    return [step.problem for step in steps if step.problem]


def downloads(org):
    return Counter(visit.path for visit in org.request_log if visit.path.endswith("/LogFile"))


def of_files(directory):
    return [name for name in list_stored_values(directory) if name]


def of_rows(directory):
    return [uid for uid in list_stored_values(directory, "event_uid") if uid.startswith("0Ya")]


def test_it_reads_what_lies_before_collecting_began_and_nothing_twice(org, tmp_path):
    with open_test_collector(write_config(tmp_path, org, **SOURCES)) as collector:
        poll_sources(collector)
        live = downloads(org)
        steps = run(collector)

    assert [] == problems(steps)
    assert NAMES == of_files(tmp_path)
    assert [row["Id"] for row in ROWS] == of_rows(tmp_path)
    assert live, "some were collected live"
    assert {1} == set(downloads(org).values()), "and were not fetched again"


def test_polls_after_a_backfill_neither_miss_nor_repeat_anything(org, tmp_path):
    with open_test_collector(write_config(tmp_path, org, **SOURCES)) as collector:
        run(collector)
        poll_sources(collector)

    assert NAMES == of_files(tmp_path)
    assert [row["Id"] for row in ROWS] == of_rows(tmp_path)


def test_a_second_backfill_asks_only_for_what_is_older_than_the_first(org, tmp_path):
    with open_test_collector(write_config(tmp_path, org, login_history={})) as collector:
        poll_sources(collector)
        run(collector, since=4 * DAY)
        asked = len(org.request_log)
        run(collector, since=4 * DAY)
        again = len(org.request_log) - asked
        run(collector)

    assert again <= 3, "what is left is at most the minute that has passed"
    assert [row["Id"] for row in ROWS] == of_rows(tmp_path)


def test_it_goes_from_older_to_newer_and_says_how_far_it_is(org, tmp_path):
    with open_test_collector(write_config(tmp_path, org, **SOURCES)) as collector:
        steps = run(collector)

    for name in ("hourly", "LoginHistory"):
        shares = [step.fraction_read for step in steps if step.stream.name == name]
        assert sorted(shares) == shares
        assert (0.0, 1.0) == (shares[0], shares[-1])
    assert 240 + len(NAMES) == sum(step.rows for step in steps)


def test_the_live_cursors_stay_where_they_are(org, tmp_path):
    live = Stream(org="acme", source="login_history", name="LoginHistory")
    with open_test_collector(write_config(tmp_path, org, login_history={})) as collector:
        poll_sources(collector)
        with collector.database.read() as connection:
            before = ledger.read_cursor(connection, live)
        run(collector)
        with collector.database.read() as connection:
            assert before == ledger.read_cursor(connection, live)
            (span,) = stream_coverage.merge_spans(
                [
                    span
                    for spans in stream_coverage.list_org_coverage(connection, org="acme").values()
                    for span in spans
                ]
            )
    assert span.until - span.start > 19 * DAY, "and what is covered has no gap"


def test_a_fault_is_told_the_rest_goes_on_and_the_next_run_reads_what_is_missing(org, tmp_path):
    org.inject_faults(
        InjectedFault(address_pattern=f"/{FILES[3].id}/LogFile", status=503, times=None)
    )
    with open_test_collector(write_config(tmp_path, org, **SOURCES)) as collector:
        steps = run(collector)
        assert len(NAMES) - 3 == len(of_files(tmp_path))
        org.clear_faults()
        again = run(collector)

    assert FILES[3].id in problems(steps)[0]
    assert [] == problems(again)
    assert NAMES == of_files(tmp_path)
    assert {1} == {count for path, count in downloads(org).items() if FILES[3].id not in path}


def test_it_leaves_the_rest_of_our_share_to_the_polls_and_goes_on_another_day(tmp_path):
    store = OrgStore()
    store.add_files(FILES)
    with EmbeddedOrg(store, behaviour=OrgBehaviour(daily_call_limit=300)) as org:
        config = write_config(tmp_path, org, event_log_file={"settle": "0s"})
        with open_test_collector(config) as collector:
            steps = run(collector)
            (poller,) = collector.pollers
            (source,) = poller.sources
            assert "pause" != poller.api_budget.decide_pace(source).pace
    some = len(of_files(tmp_path))
    with (
        EmbeddedOrg(store) as org,
        open_test_collector(write_config(tmp_path, org, **SOURCES)) as collector,
    ):
        run(collector)

    (problem,) = problems(steps)
    assert "of the 30 API calls that api_budget_percent: 10 allows us" in problem
    assert 0 < some < len(NAMES)
    assert NAMES == of_files(tmp_path)


def command(config, *options):
    return [sys.executable, "-m", "collector", "backfill", "-c", str(config), *options]


def finished(config, *options):
    return subprocess.run(
        command(config, "--since", "20d", *options),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def killed(config, org, *, after):
    """Kill a backfill once it has fetched so many further files. Whether it was still alive."""
    enough = sum(downloads(org).values()) + after
    process = subprocess.Popen(
        command(config, "--since", "20d"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while process.poll() is None and sum(downloads(org).values()) < enough:
        threading.Event().wait(0.005)
    alive = process.poll() is None
    process.kill()
    process.wait()
    return alive


@pytest.mark.slow
def test_killed_three_times_it_ends_with_each_event_once(org, tmp_path):
    config = write_config(tmp_path, org, **SOURCES)
    assert all(killed(config, org, after=files) for files in (2, 5, 8))
    assert 0 < len(of_files(tmp_path)) < len(NAMES)
    last = finished(config)

    assert 0 == last.returncode, last.stderr
    assert NAMES == of_files(tmp_path)
    assert [row["Id"] for row in ROWS] == of_rows(tmp_path)
    assert max(downloads(org).values()) <= 4, "only what was under way is fetched again"
    assert sum(downloads(org).values()) <= len(FILES) + 3 * 6


def test_without_a_terminal_it_says_plainly_how_far_it_is(org, tmp_path):
    done = finished(write_config(tmp_path, org, login_history={}))

    assert "240 events stored\n" == done.stdout
    lines = done.stderr.splitlines()
    assert "acme/login_history/LoginHistory: 0 %, 0 events" == lines[0]
    assert "acme/login_history/LoginHistory: 100 %, 240 events" == lines[-1]


def test_quiet_keeps_alerts_and_owes_no_message(tmp_path):
    store = OrgStore()
    store.add_files([build_log_file(1, NOW - 3 * DAY, agent="Salesforce-CLI/1.0")])
    channels = {"here": {"type": "terminal"}}
    with EmbeddedOrg(store) as org:
        config = write_config(tmp_path, org, channels=channels, event_log_file={"settle": "0s"})
        quiet = finished(config, "--quiet")

    assert 0 == quiet.returncode, quiet.stderr
    with open_test_collector(config) as collector, collector.database.read() as connection:
        assert ["open"] == [alert.status for alert in alerts.list_alerts(connection)]
        assert [] == outbox.list_queue_stats(connection)


def test_what_it_could_not_read_makes_it_end_with_1(org, tmp_path):
    org.inject_faults(InjectedFault(address_pattern="/LogFile", status=503, times=None))
    config = write_config(tmp_path, org, event_log_file={"settle": "0s"})
    org.store.remove_file(FILES[0].id)
    for file in FILES[2:]:
        org.store.remove_file(file.id)
    done = finished(config)

    assert 1 == done.returncode
    assert FILES[1].id in done.stderr
    assert "run again" in done.stderr


def test_nothing_is_left_to_do_where_collecting_began_earlier(org, tmp_path):
    with open_test_collector(
        write_config(tmp_path, org, login_history={"lookback": "30d"})
    ) as collector:
        poll_sources(collector)
        assert [1.0] == [step.fraction_read for step in run(collector, since=timedelta(days=5))]
