"""A failed test of a rule says what is known: what matched, who silences it, what still learns."""

from __future__ import annotations

import pytest

from collector.api import rule_tests
from collector.rules.rule_files import load_rule_files

RULES = """\
title: Reads
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b01
name: reads
level: low
logsource: {product: salesforce, service: ApiEvent}
detection:
  many: {record_count|gte: 10}
  robot: {user_name|startswith: etl}
  condition: many and not robot
collector:
  severity: [{field: record_count, gte: 1000, level: high}]
  tests:
    - {name: few, events: [{like: ApiEvent, RowsProcessed: 5}], expect: {alerts: 1}}
    - {name: robot, events: [{like: ApiEvent, RowsProcessed: 10}], expect: {alerts: 0}}
    - {name: level, events: [{like: ApiEvent, RowsProcessed: 50}], expect: {severity: high}}
    - {name: two, events: [{like: ApiEvent, RowsProcessed: 50, repeat: {count: 2}}], expect: {alerts: 2}}
    - {name: others, events: [{like: Login}], expect: {alerts: 1}}
---
title: Part
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b02
name: part
level: low
logsource: {product: salesforce, service: ApiEvent}
detection: {any: {Operation: Query}, condition: any}
collector:
  alert: false
  tests: [{name: quiet, events: [{like: ApiEvent, Operation: Query}], expect: {alerts: 1}}]
---
title: Much
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b03
name: much
level: low
correlation: {type: event_count, rules: [part], group-by: [user_id], timespan: 1h, condition: {gte: 3}}
collector:
  severity: [{field: metric, gte: 9, level: high}]
  tests:
    - {name: two, events: [{like: ApiEvent, Operation: Query, repeat: {count: 2}}], expect: {alerts: 1}}
    - {name: none, events: [{like: ApiEvent, Operation: Insert}], expect: {alerts: 1}}
    - {name: level, events: [{like: ApiEvent, Operation: Query, repeat: {count: 3}}], expect: {severity: high}}
---
title: New
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b04
name: new
level: low
logsource: {product: salesforce, service: ApiEvent}
detection: {any: {user_id|exists: true}, condition: any}
collector:
  first_seen: {key: [user_id, operation], learn: 14d}
  tests:
    - {name: learning, events: [{like: ApiEvent, Operation: Query}], expect: {alerts: 1}}
    - name: seen
      events: [{like: ApiEvent, at: -20d, Operation: Query}, {like: ApiEvent, Operation: Query}, {like: ApiEvent}]
      expect: {alerts: 1}
---
title: Above
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b05
name: above
level: low
logsource: {product: salesforce, service: ApiEvent}
detection: {any: {user_id|exists: true}, condition: any}
collector:
  baseline: {metric: count, group_by: [user_id], window: 1d, minimum: 3, floor: 5}
  tests:
    - {name: learning, events: [{like: ApiEvent, at: -2d, repeat: {count: 3, every: 1d}}], expect: {alerts: 1}}
    - {name: usual, events: [{like: ApiEvent, at: -3d, repeat: {count: 4, every: 1d}}], expect: {alerts: 1}}
---
title: Beyond
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b09
name: beyond
level: low
logsource: {product: salesforce, service: ApiEvent}
detection: {any: {user_id|exists: true}, condition: any}
collector:
  baseline: {metric: count, group_by: [user_id], peers: operation, window: 1d, minimum: 2}
  tests:
    - {name: alone, events: [{like: ApiEvent, Operation: Query}], expect: {alerts: 1}}
---
title: New and much
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b06
name: new-and-much
level: low
correlation: {type: temporal, rules: [new, above], group-by: [user_id], timespan: 1d, generate: true}
collector:
  tests:
    - {name: learning, events: [{like: ApiEvent, Operation: Query}], expect: {alerts: 1}}
---
title: Filtered
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b07
name: filtered
level: low
correlation: {type: event_count, rules: [reads], group-by: [user_id], timespan: 1d, condition: {gte: 2}, generate: true}
collector:
  tests:
    - {name: none, events: [{like: ApiEvent, RowsProcessed: 50}], expect: {alerts: 1}}
---
title: Not of ada
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b08
name: not-ada
logsource: {product: salesforce, service: ApiEvent}
filter: {rules: [filtered], ada: {user_name: ada@acme.com}, condition: not ada}
"""  # noqa: E501 - rules as people write them

NOON = "ApiEvent at 2026-03-02 12:00:00Z"
EXPECTED = {
    ("reads", "few"): (
        f"{NOON} does not match 'many and not robot': many does not hold (record_count|gte: 10;"
        " the event has 5); robot does not hold (user_name|startswith: etl; the event has"
        " ada@acme.com)"
    ),
    ("reads", "robot"): (
        f"{NOON} matches 'many and not robot': many holds (record_count|gte: 10; the event has 10);"
    ),
    ("reads", "level"): f"{NOON}: low, since no case holds; record_count ≥ 1000 does not hold",
    ("reads", "two"): "2 events match and are one alert where they have one dedup key",
    ("reads", "others"): "none of the events is of a type that it looks at: ApiEvent",
    ("part", "quiet"): "it raises no alert of its own: it says `alert: false`",
    ("much", "two"): "its rule part matches 2 of 2 events: 2 with user_id 005000000000001AAA",
    ("much", "none"): (
        f"its rule part matches 0 of 1 events | {NOON} does not match 'any': any does not hold"
        " (Operation: Query; the event has Insert)"
    ),
    ("much", "level"): "low 'Much' by metric 3, event_count 3",
    ("new", "learning"): (
        "005000000000001AAA, Query at 2026-03-02 12:00:00Z: still learning until 2026-03-16"
    ),
    ("new", "seen"): (
        "1 of its events lack a part of the key ['user_id', 'operation'] | 005000000000001AAA,"
        " Query at 2026-03-02 12:00:00Z: seen at 2026-02-10 12:00:00Z"
    ),
    ("above", "learning"): (
        "window from 2026-03-02 00:00:00Z: count 1, still learning: 2 of 3 windows; no cold_start"
    ),
    ("beyond", "alone"): (
        "window from 2026-03-02 00:00:00Z: count 1, too few to compare with: 0 of 2 peers that it"
        " needs; no cold_start"
    ),
    ("new-and-much", "learning"): (
        "its rule new: 005000000000001AAA, Query at 2026-03-02 12:00:00Z: still learning until"
        " 2026-03-16 12:00:00Z | its rule above matches 1 of 1 events: 1 with user_id"
        " 005000000000001AAA | its rule above: window from 2026-03-02 00:00:00Z: count 1, still"
        " learning: 0 of 3 windows; no cold_start"
    ),
    ("filtered", "none"): "its rule reads matches 0 of 1 events | ApiEvent at",
    ("above", "usual"): (
        "window from 2026-03-02 00:00:00Z: count 1; it tells above 1 (mean 1 of 3 windows), from"
        " the floor of 5 on"
    ),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    path = tmp_path_factory.mktemp("reasons") / "rules.yml"
    path.write_text(RULES)
    found = list(rule_tests.run_tests(load_rule_files([path])))
    return {(each.rule.name, each.test.name): " | ".join(each.reasons) for each in found}


@pytest.mark.slow
@pytest.mark.parametrize("test", EXPECTED, ids=map(" ".join, EXPECTED))
def test_a_failure_says_what_is_known_of_why(test, results):
    assert results.keys() == EXPECTED.keys()
    assert EXPECTED[test] in results[test]
