"""Correlations over derived records that a later batch makes other ones."""

from __future__ import annotations

import pytest

from collector.detect.loader import load_rule_set
from collector.model import AlertStatus
from collector.rules.rule_files import EVENT_SCHEMA
from fakes.pipeline_bench import build_bulk_row, open_pipeline_bench

RULES = """\
title: A job that is not done
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000001
name: undone
level: low
logsource: {product: salesforce, service: BulkJob}
detection: {s: {status: InProgress}, condition: s}
---
title: Two jobs that are not done
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000002
name: two-undone
level: low
correlation:
  {type: event_count, rules: [undone], group-by: [user_id], timespan: 1h, condition: {gte: 2}}
"""


@pytest.mark.parametrize(
    ("state", "is_withdrawn"),
    [("JobComplete", True), pytest.param("InProgress", False, marks=pytest.mark.slow)],
)
def test_a_job_that_is_another_one_now_withdraws_what_it_was_counted_for(
    tmp_path, state, is_withdrawn
):
    path = tmp_path / "rules.yml"
    path.write_text(RULES, encoding="utf-8")
    rules = load_rule_set([path], schema=EVENT_SCHEMA)
    first = [build_bulk_row(f"75000000000000{n}AAA", 10, n) for n in (1, 2)]
    later = [build_bulk_row("750000000000002AAA", 20, 5, JOB_STATUS=state)]
    with open_pipeline_bench(tmp_path, rules=rules) as bench:
        for key, rows in (("a" * 32, first), ("b" * 32, later)):
            bench.pipeline.ingest(bench.write_batch("BulkApi2", rows, key=key, record_prefix=key))
        (alert,) = bench.list_alerts()

    assert is_withdrawn == (alert.status == AlertStatus.WITHDRAWN)
