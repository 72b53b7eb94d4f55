"""An org still lists what was pruned: it is not fetched again, and nothing is told again."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from collector import clock
from collector.app.single_pass import run_once
from collector.demo import EmbeddedOrg, OrgStore
from collector.model import PollState
from collector.store import alerts, tables
from collector.store.retention_tables import prune_runs
from collector.store.tables import retired_files
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


def test_what_was_pruned_is_neither_fetched_nor_told_again_though_the_org_lists_it(tmp_path):
    now = clock.now()
    store = OrgStore()
    store.add_files(
        [build_log_file(n, now - n * DAY - 5 * HOUR, agent="Salesforce-CLI/1.0") for n in range(4)]
    )
    store.add_rows("LoginHistory", *build_login_rows(now - 3 * DAY, 24 * 3, HOUR))
    with EmbeddedOrg(store) as org:
        config = write_config(
            tmp_path,
            org,
            event_log_file={"lookback": "5d"},
            login_history={"lookback": "5d"},
        )
        text = config.read_text()
        config.write_text(text[:-1] + ', "archive": {"retention": "5d"}}')
        with open_test_collector(config) as collector:
            assert {PollState.OK} == {each.state for each in poll_sources(collector)}
            everything = list_stored_values(tmp_path, "event_uid")
            told = count_rows(collector, tables.deliveries), list_alert_ids(collector)
            assert told[1]

            # Two and a half days later, of five: what happened before that day is gone.
            later = now + timedelta(days=2, hours=12)
            run = collector.pruner.prune(later + timedelta(days=1))
            assert run.files > 0
            left = list_stored_values(tmp_path, "event_uid")
            assert 0 < len(left) < len(everything)
            for _ in range(2):
                again = poll_sources(collector)
                assert {(PollState.OK, 0)} == {(each.state, each.rows) for each in again}
                assert 0 == sum(each.batches for each in again if "hourly" in str(each.stream))
            assert left == list_stored_values(tmp_path, "event_uid")
            assert told == (count_rows(collector, tables.deliveries), list_alert_ids(collector))

            assert count_rows(collector, retired_files) == run.files

        # A start on it finds files that are neither strays nor missing.
        with open_test_collector(config) as collector:
            assert {0} == {each.rows for each in poll_sources(collector)}
            with collector.database.begin() as connection:
                connection.execute(sa.delete(prune_runs))
            run_once(collector)
            assert 1 == count_rows(collector, prune_runs), "a pass prunes when it is due"
        assert not (tmp_path / "state" / "strays").exists()


def count_rows(collector, table):
    with collector.database.read() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table))


def list_alert_ids(collector):
    with collector.database.read() as connection:
        return sorted(alert.id for alert in alerts.list_alerts(connection))
