"""A rule may say from which severity on channels are told; what is below is stored alone."""

from __future__ import annotations

import pytest

from collector.detect.loader import load_rule_set
from collector.errors import RulesError
from collector.model import Severity
from collector.rules.rule_files import EVENT_SCHEMA
from collector.store import outbox
from fakes.pipeline_bench import build_login_row, open_pipeline_bench

RULE = """\
title: A login
id: 5d0f6e52-7a0e-4a39-9f59-3a1c5d2e0c01
name: a-login
level: low
logsource: {product: salesforce, service: Login}
detection: {any: {event_type: Login}, tool: {user_agent: Tool}, condition: any}
collector:
  severity: [{when: tool, level: high}]
  dedup: {key: [user_id], window: 24h}
  notify: NOTIFY
"""


def load_rule(folder, notify):
    path = folder / "rule.yml"
    path.write_text(RULE.replace("NOTIFY", notify))
    return load_rule_set([path], schema=EVENT_SCHEMA)


def owed(bench):
    with bench.database.read() as connection:
        return {
            (pile.channel, pile.state): pile.count for pile in outbox.list_queue_stats(connection)
        }


@pytest.mark.parametrize(
    ("notify", "first"), [("medium", {}), ("low", {("chat", "ready"): 1}), ("high", {})]
)
def test_what_is_below_is_stored_and_told_when_it_grows(tmp_path, notify, first):
    rules = load_rule(tmp_path, notify)
    with open_pipeline_bench(tmp_path, rules=rules, channels=("chat",)) as bench:
        bench.pipeline.ingest(bench.write_batch("Login", [build_login_row(1)]))
        assert [Severity.LOW] == [alert.severity for alert in bench.list_alerts()]
        assert first == owed(bench)

        graver = bench.write_batch("Login", [build_login_row(1, BROWSER_TYPE="Tool")], key="second")
        bench.pipeline.ingest(graver)
        assert [Severity.HIGH] == [alert.severity for alert in bench.list_alerts()]
        assert {("chat", "ready"): 1} == {
            key: count for key, count in owed(bench).items() if key[1] == "ready"
        }


def test_a_severity_that_does_not_exist_is_refused_with_its_line(tmp_path):
    with pytest.raises(RulesError, match=r"rule.yml:10:3: 'notify' must be one of"):
        load_rule(tmp_path, "severe")
