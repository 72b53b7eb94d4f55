"""Matches that are too many for one transaction all come, once, whenever the process ends."""

import threading

import pytest

from collector.alerting.flooding import FLOOD_LIMIT
from collector.detect.loader import load_rule_set
from collector.errors import StoppedError
from collector.evaluation.result import MATCHES_PER_COMMIT
from collector.rules.rule_files import EVENT_SCHEMA
from collector.store import unfinished_batches
from fakes.pipeline_bench import build_login_row, open_pipeline_bench

RULES = """\
title: Loud {user_id}
id: 3c4e2a52-7a0e-4a39-9f59-3a1c5d2e0b01
name: a-loud
level: low
logsource: {product: salesforce, service: Login}
detection: {loud: {status: LOUD}, condition: loud}
collector: {dedup: {key: [user_id]}}
---
title: Quiet
id: 3c4e2a52-7a0e-4a39-9f59-3a1c5d2e0b02
name: quiet
level: critical
logsource: {product: salesforce, service: Login}
detection: {quiet: {status: QUIET}, condition: quiet}
"""
ROWS = 2 * MATCHES_PER_COMMIT + 500
CLIENT = "Salesforce-CLI/1.0"


class StopAtLook(threading.Event):
    """An event that is set by the look at it with that number."""

    def __init__(self, number):
        super().__init__()
        self.looks_left = number

    def is_set(self):
        self.looks_left -= 1
        return self.looks_left <= 0


def write_flood(bench):
    rows = [
        build_login_row(number, USER_ID=f"0050000000{number:05}", BROWSER_TYPE=CLIENT)
        for number in range(ROWS)
    ]
    return bench.write_batch("Login", rows, segment_bytes=16 << 20)


def list_unfolded(bench):
    with bench.database.read() as connection:
        return unfinished_batches.list_unfolded_batches(connection)


def sum_counts(bench):
    return sum(alert.count for alert in bench.list_alerts())


@pytest.mark.slow
def test_a_file_full_of_matches_is_some_alerts_and_one_for_the_others(tmp_path):
    with open_pipeline_bench(tmp_path, channels=("chat",)) as bench:
        done = bench.pipeline.ingest(write_flood(bench))

        assert ROWS == done.rows == sum_counts(bench)
        assert FLOOD_LIMIT + 1 == len(bench.list_alerts())
        assert [] == list_unfolded(bench)


@pytest.mark.slow
def test_a_process_that_ends_in_between_leaves_the_rest_to_the_next_one(tmp_path):
    with open_pipeline_bench(tmp_path, stop_event=StopAtLook(2)) as bench:
        with pytest.raises(StoppedError):
            bench.pipeline.ingest(write_flood(bench))

        assert ROWS == len(bench.list_rows()), "the events are there"
        assert 2 * MATCHES_PER_COMMIT == sum_counts(bench)
        assert 1 == len(list_unfolded(bench))

    with open_pipeline_bench(tmp_path) as bench:
        bench.pipeline.fold_unfolded_matches()

        assert ROWS == sum_counts(bench)
        assert FLOOD_LIMIT + 1 == len(bench.list_alerts())
        assert [] == list_unfolded(bench)
        told = bench.list_alerts()
        bench.pipeline.fold_unfolded_matches()
        assert told == bench.list_alerts()


@pytest.mark.slow
def test_a_batch_whose_matches_are_not_all_folded_is_not_read_again(tmp_path):
    with (
        open_pipeline_bench(tmp_path, stop_event=StopAtLook(1)) as bench,
        pytest.raises(StoppedError),
    ):
        bench.pipeline.ingest(write_flood(bench))
    with open_pipeline_bench(tmp_path) as bench:
        done = bench.pipeline.ingest(write_flood(bench))

        assert 0 == done.rows
        bench.pipeline.fold_unfolded_matches()
        assert ROWS == sum_counts(bench)


@pytest.mark.slow
def test_a_critical_match_of_another_rule_comes_before_the_flood(tmp_path):
    (tmp_path / "rules.yml").write_text(RULES)
    rules = load_rule_set([tmp_path / "rules.yml"], schema=EVENT_SCHEMA)
    loud_rows = [
        build_login_row(number, USER_ID=f"0050000000{number:05}", LOGIN_STATUS="LOUD")
        for number in range(ROWS)
    ]
    quiet_row = build_login_row(ROWS, LOGIN_STATUS="QUIET")
    with open_pipeline_bench(tmp_path, channels=("chat",)) as bench:
        bench.pipeline.set_rules(rules)
        batch = bench.write_batch("Login", [*loud_rows, quiet_row], segment_bytes=16 << 20)
        told = bench.pipeline.ingest(batch).notified_alerts

    quiet = next(alert for alert in told if alert.rule == "quiet")
    assert quiet.created == min(alert.created for alert in told), "it is in the first transaction"
    assert FLOOD_LIMIT + 2 == len({alert.id for alert in told})
