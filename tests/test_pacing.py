"""Our share of an org's API calls, kept over restarts."""

from datetime import timedelta

import pytest

from collector.demo import Behaviour, EmbeddedOrg, Store
from collector.store import spending
from collector.store.database import open_database
from fakes.bench import audit, collecting, now
from fakes.nouns import NOON

AUDIT = {"setup_audit_trail": {}}
HOUR = timedelta(hours=1)


@pytest.fixture
def database(tmp_path):
    opened = open_database(tmp_path)
    yield opened
    opened.close()


def spent(database, at):
    with database.read() as connection:
        return dict(spending.spent(connection, "acme", now=at))


def test_calls_are_counted_by_source_for_a_day(database):
    with database.begin() as connection:
        spending.add(connection, "acme", "stored_events", 3, now=NOON)
        spending.add(connection, "acme", "stored_events", 4, now=NOON + HOUR / 2)
        spending.add(connection, "acme", "login_history", 1, now=NOON + 2 * HOUR)
        spending.add(connection, "other", "login_history", 9, now=NOON)

    assert {"stored_events": 7, "login_history": 1} == spent(database, NOON + 3 * HOUR)
    assert {"login_history": 1} == spent(database, NOON + 25 * HOUR)
    assert {} == spent(database, NOON + 48 * HOUR)


def test_what_is_older_than_a_day_is_not_kept(database):
    with database.begin() as connection:
        spending.add(connection, "acme", "stored_events", 3, now=NOON)
        spending.add(connection, "acme", "stored_events", 1, now=NOON + 30 * HOUR)

    assert {"stored_events": 1} == spent(database, NOON + HOUR)


def test_when_our_share_is_used_up_nothing_more_is_asked_and_the_state_says_why(tmp_path):
    store = Store()
    store.add("SetupAuditTrail", audit(1, now()))
    with EmbeddedOrg(store, behaviour=Behaviour(daily_calls=40)) as org:
        with collecting(tmp_path, org, AUDIT) as bench:
            assert "ok" == bench.poll()["SetupAuditTrail"].state
            used = org.api_calls
            bench.poll()  # four calls are a tenth of forty
            (polled,) = bench.poll().values()

            assert "paused" == polled.state
            assert "of the 4 API calls that api_budget_percent: 10 allows" in polled.reason
            assert used <= org.api_calls <= used + 2
        with collecting(tmp_path, org, AUDIT) as later:
            later.client.limits()
            (polled,) = later.poll().values()
            assert "paused" == polled.state, "a restart does not forget what was spent"


def test_sources_are_asked_less_often_before_the_share_is_used_up(tmp_path):
    org = EmbeddedOrg(Store(), behaviour=Behaviour(daily_calls=2_000))
    with org, collecting(tmp_path, org, AUDIT) as bench:
        bench.poll()
        bench.poll()  # the second one costs a single call
        (source,) = bench.poller.sources

        # 1,440 polls a day do not fit into 200 calls.
        assert bench.poller.pacing.interval(source) > 7 * source.every
        assert [] == bench.poller.due(now() + 5 * source.every)
        assert [source] == bench.poller.due(now() + 20 * source.every)
