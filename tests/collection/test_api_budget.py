"""Our share of an org's API calls, kept over restarts."""

from datetime import timedelta

import pytest

from collector.demo import EmbeddedOrg, OrgBehaviour, OrgStore
from collector.store import api_usage
from collector.store.database import open_database
from fakes.model_samples import NOON
from fakes.polling_bench import build_audit_row, open_polling_bench, read_start_time

AUDIT = {"setup_audit_trail": {}}
HOUR = timedelta(hours=1)


@pytest.fixture
def database(tmp_path):
    opened = open_database(tmp_path)
    yield opened
    opened.close()


def spent(database, at):
    with database.read() as connection:
        return dict(api_usage.sum_api_calls(connection, "acme", now=at))


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
