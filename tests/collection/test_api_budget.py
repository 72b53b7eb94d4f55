"""Our share of an org's API calls, kept over restarts."""

from datetime import timedelta
from threading import Thread

import pytest
from structlog.testing import capture_logs

from collector import clock
from collector.clock import to_micros
from collector.demo import EmbeddedOrg, OrgBehaviour, OrgStore
from collector.demo.faults import build_timeout_fault
from collector.salesforce.call_counter import CATCH_UP, DESCRIPTIONS, DOWNLOADS, SIDE_ACTIVITIES
from collector.sources.stored_events import OTHER_OBJECTS, THREAT_DETECTION
from collector.store import api_usage
from collector.store.database import open_database
from fakes.databases import write_earlier_state
from fakes.model_samples import NOON
from fakes.polling_bench import (
    MINUTE,
    build_audit_row,
    build_log_file,
    list_event_uids,
    open_polling_bench,
    serve_org,
    sum_calls_by_source,
)
from fakes.start_time import read_start_time

AUDIT = {"setup_audit_trail": {}}
HOUR = timedelta(hours=1)


@pytest.fixture
def database(tmp_path):
    opened = open_database(tmp_path)
    yield opened
    opened.close()


def spent(database, at):
    with database.read() as connection:
        return sum_calls_by_source(connection, "acme", now=at)


def test_calls_are_counted_by_source_for_a_day(database):
    with database.begin() as connection:
        api_usage.add_api_calls(connection, "acme", "stored_events", 3, now=NOON)
        api_usage.add_api_calls(connection, "acme", "stored_events", 4, now=NOON + HOUR / 2)
        api_usage.add_api_calls(connection, "acme", "login_history", 1, now=NOON + 2 * HOUR)
        api_usage.add_api_calls(connection, "other", "login_history", 9, now=NOON)

    assert {"stored_events": 7, "login_history": 1} == spent(database, NOON + 3 * HOUR)
    assert {"login_history": 1} == spent(database, NOON + 25 * HOUR)
    assert {} == spent(database, NOON + 48 * HOUR)


def test_what_is_older_than_a_day_is_not_kept(database):
    with database.begin() as connection:
        api_usage.add_api_calls(connection, "acme", "stored_events", 3, now=NOON)
        api_usage.add_api_calls(connection, "acme", "stored_events", 1, now=NOON + 30 * HOUR)

    assert {"stored_events": 1} == spent(database, NOON + HOUR)


def test_when_our_share_is_used_up_nothing_more_is_asked_and_the_state_says_why(tmp_path):
    store = OrgStore()
    store.add_rows("SetupAuditTrail", build_audit_row(1, read_start_time()))
    with EmbeddedOrg(store, behaviour=OrgBehaviour(daily_call_limit=40)) as org:
        with open_polling_bench(tmp_path, org, AUDIT) as bench:
            assert "ok" == bench.poll_sources()["SetupAuditTrail"].state
            used = org.api_calls
            bench.poll_sources()  # four calls are a tenth of forty
            (polled,) = bench.poll_sources().values()

            assert "paused" == polled.state
            assert "of the 4 API calls that api_budget_percent: 10 allows" in polled.reason
            assert used <= org.api_calls <= used + 2
        with open_polling_bench(tmp_path, org, AUDIT) as later:
            later.client.get_limits()
            (polled,) = later.poll_sources().values()
            assert "paused" == polled.state, "a restart does not forget what was spent"


def test_sources_are_asked_less_often_before_the_share_is_used_up(tmp_path):
    org = EmbeddedOrg(OrgStore(), behaviour=OrgBehaviour(daily_call_limit=2_000))
    with org, open_polling_bench(tmp_path, org, AUDIT) as bench:
        bench.poll_sources()
        bench.poll_sources()  # the second one costs a single call
        (source,) = bench.poller.sources

        # 1,440 polls a day do not fit into 200 calls.
        assert bench.poller.api_budget.compute_interval(source) > 7 * source.poll_interval
        assert [] == bench.poller.list_due_sources(read_start_time() + 5 * source.poll_interval)
        assert [source] == bench.poller.list_due_sources(
            read_start_time() + 20 * source.poll_interval
        )


# ---- what calls are made for

FILES = [build_log_file(n, read_start_time() - HOUR - n * MINUTE) for n in range(1, 31)]
LOGS = {"event_log_file": {"settle": "0s"}}


def list_calls(bench):
    """The calls and polls on record, by source and activity."""
    with bench.poller._database.read() as connection:
        sums = api_usage.list_call_sums(connection, "acme", since=read_start_time() - 2 * HOUR)
    return {(each.source, each.activity): (each.calls, each.polls) for each in sums}


@pytest.mark.slow
def test_every_call_is_counted_for_its_source_and_purpose_downloads_of_other_threads_too(tmp_path):
    with serve_org(*FILES) as org, open_polling_bench(tmp_path, org, {**AUDIT, **LOGS}) as bench:
        bench.poll_sources()
        calls = list_calls(bench)

        assert (30, 0) == calls["event_log_file", DOWNLOADS]
        assert (2, 1) == calls["event_log_file", ""]
        assert (1, 1) == calls["setup_audit_trail", ""]
        assert org.api_calls == sum(made for made, _ in calls.values())


def test_a_call_for_several_objects_counts_for_the_most_valuable_of_them(tmp_path):
    sources = {"stored_events": {"lookback": "30m"}}
    with serve_org() as org, open_polling_bench(tmp_path, org, sources) as bench:
        bench.poll_sources()
        calls = list_calls(bench)

        # 6 + 13 objects in four calls, of which the second begins with a threat detection object.
        assert (2, 6) == calls["stored_events", THREAT_DETECTION]
        assert (2, 13) == calls["stored_events", OTHER_OBJECTS]
        assert (20, 0) == calls["stored_events", DESCRIPTIONS]


def test_the_calls_of_a_source_in_groups_are_told_apart(tmp_path):
    with serve_org() as org, open_polling_bench(tmp_path, org, {"bulk_jobs": {}}) as bench:
        bench.poll_sources()
        calls = list_calls(bench)

    assert {(1, 1)} == {calls["bulk_jobs", f"{kind} jobs"] for kind in ("query", "ingest")}
    assert {"query jobs", "ingest jobs", DESCRIPTIONS} == {activity for _, activity in calls}


@pytest.mark.slow
def test_two_threads_that_poll_different_sources_count_each_their_own(tmp_path):
    sources = {**AUDIT, **LOGS, "login_history": {}}
    with serve_org(*FILES) as org, open_polling_bench(tmp_path, org, sources) as bench:
        *others, logs = bench.poller.sources
        bench.poller.context.catalog.list_object_names()
        downloading = Thread(target=bench.poller.poll_source, args=(logs,))
        downloading.start()
        for _ in range(5):
            for source in others:
                bench.poller.poll_source(source)
        downloading.join()
        calls = list_calls(bench)

        assert (30, 0) == calls["event_log_file", DOWNLOADS]
        assert {(5, 5)} == {
            calls[kind, ""]
            for kind in ("setup_audit_trail", "login_history")
            if (kind, "") in calls
        }
        assert org.api_calls == sum(made for made, _ in calls.values())


def test_reading_what_an_outage_has_left_is_no_cost_of_every_poll(tmp_path):
    with serve_org() as org, open_polling_bench(tmp_path, org, AUDIT) as bench:
        bench.set_cursor("setup_audit_trail", "SetupAuditTrail", read_start_time() - 40 * HOUR)
        org.inject_faults(build_timeout_fault("FROM SetupAuditTrail", times=2))
        bench.poll_sources()
        calls = list_calls(bench)

        assert (1, 1) == calls["setup_audit_trail", ""]
        assert (4, 0) == calls["setup_audit_trail", CATCH_UP]
        assert CATCH_UP in SIDE_ACTIVITIES


# ---- pace


@pytest.mark.slow
def test_a_backlog_of_files_makes_no_stream_be_asked_less_often_now_or_after_a_restart(tmp_path):
    sources = {**AUDIT, **LOGS, "stored_events": {}}
    behaviour = OrgBehaviour(daily_call_limit=60_000)
    with serve_org(*FILES, behaviour=behaviour) as org:
        with open_polling_bench(tmp_path, org, sources) as bench:
            bench.poll_sources()
            bench.poll_sources()
            intervals = [
                bench.poller.api_budget.compute_interval(source) for source in bench.poller.sources
            ]
        with open_polling_bench(tmp_path, org, sources) as later:
            assert intervals == [
                later.poller.api_budget.compute_interval(source) for source in later.poller.sources
            ]

    assert [5 * MINUTE, MINUTE, 10 * MINUTE] == intervals


@pytest.mark.slow
def test_downloads_stop_at_their_share_and_go_on_where_the_share_allows_it(tmp_path):
    behaviour = OrgBehaviour(daily_call_limit=5_000)
    with (
        serve_org(*FILES, behaviour=behaviour) as org,
        open_polling_bench(tmp_path, org, {**AUDIT, **LOGS}) as bench,
    ):
        with bench.poller._database.begin() as connection:
            api_usage.add_api_calls(
                connection, "acme", "event_log_file", 30, now=clock.now(), activity=DOWNLOADS
            )
        polled = bench.poll_sources()
        some = bench.list_stored_values()

        assert "paused" == polled["hourly"].state
        assert "files wait" in polled["hourly"].reason
        assert "API calls that api_budget_percent: 10 leaves to downloads" in (
            polled["hourly"].reason
        )
        assert "ok" == polled["SetupAuditTrail"].state
        assert 0 < len(some) < len(list_event_uids(*FILES))
    with (
        serve_org(*FILES, behaviour=OrgBehaviour()) as org,
        open_polling_bench(tmp_path, org, {**AUDIT, **LOGS}) as bench,
    ):
        bench.client.get_limits()
        bench.poller.api_budget.save_counts()
        assert "ok" == bench.poll_sources()["hourly"].state
        assert list_event_uids(*FILES) == bench.list_stored_values()


def test_a_changed_interval_is_logged_once_with_its_reason(tmp_path):
    behaviour = OrgBehaviour(daily_call_limit=2_000)
    with serve_org(behaviour=behaviour) as org, open_polling_bench(tmp_path, org, AUDIT) as bench:
        bench.poll_sources()
        with capture_logs() as lines:
            for _ in range(3):
                bench.poller.list_due_sources(read_start_time())
    told = [line for line in lines if line["event"] == "poll_interval_changed"]

    assert 1 == len(told)
    assert "api_budget_percent: 10 allows us 200" in told[0]["reason"]
    assert ("acme", "setup_audit_trail", 60) == tuple(
        told[0][key] for key in ("org", "source", "configured_seconds")
    )
    assert told[0]["seconds"] > 7 * 60


def test_a_pause_and_its_end_are_logged(tmp_path):
    with serve_org() as org, open_polling_bench(tmp_path, org, AUDIT) as bench:
        bench.poll_sources()
        with capture_logs() as lines:
            for activity, calls in ((DOWNLOADS, 9_600), (DOWNLOADS, -9_600)):
                with bench.poller._database.begin() as connection:
                    api_usage.add_api_calls(
                        connection, "acme", "other", calls, now=clock.now(), activity=activity
                    )
                bench.poller.list_due_sources(read_start_time())
                bench.poller.list_due_sources(read_start_time())
    told = [line for line in lines if line["event"] == "poll_interval_changed"]

    assert [None, 60] == [line["seconds"] for line in told]
    assert "of the 10,000 API calls that api_budget_percent: 10 allows" in told[0]["reason"]
    assert "the org's API calls suffice" == told[1]["reason"]


def test_calls_that_an_earlier_version_counted_count_on(tmp_path):
    """A state directory of before calls had purposes."""
    engine = write_earlier_state(tmp_path, "0002")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO spending VALUES ('acme', 'stored_events', {to_micros(NOON)}, 41)"
        )
    engine.dispose()
    database = open_database(tmp_path)

    assert {"stored_events": 41} == spent(database, NOON + HOUR)
    database.close()
