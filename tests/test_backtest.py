"""A backtest tells what the pipeline would have told, whatever the order in which events came."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import event as note
from hypothesis import strategies as st

from collector import backtest, engine
from collector.assembly import SCHEMA, workbench
from collector.backtest import kept, single
from collector.detect import load
from collector.model import OPEN
from collector.scan import batch_of, records_columns
from collector.segments import write_records
from collector.store import alerts, ledger
from fakes.nouns import NOON

RULES = """
title: Failed
id: 00000000-0000-4000-8000-000000000001
name: failed
level: low
logsource: {product: salesforce}
detection: {failed: {outcome: failure}, script: {user_agent|contains: curl}, condition: failed}
collector:
  alert: true
  event_types: [Login, LoginEvent]
  severity: [{when: script, level: high}]
  dedup: {key: [user_id, source_ip], fallback: [user_agent], window: 2h}
---
title: Read much
id: 00000000-0000-4000-8000-000000000002
name: read-much
level: low
logsource: {product: salesforce, service: ApiEvent}
detection: {much: {record_count|gte: 3}, condition: much}
collector:
  severity: [{field: record_count, gte: 8, level: critical}]
  dedup: {key: [entity], fallback: [source_ip], window: 30m}
---
title: A login
id: 00000000-0000-4000-8000-000000000003
name: login
level: low
logsource: {product: salesforce}
detection: {known: {user_id|exists: true}, condition: known}
collector: {event_types: [Login, LoginEvent], alert: false}
---
title: A read
id: 00000000-0000-4000-8000-000000000004
name: read
level: low
logsource: {product: salesforce, service: ApiEvent}
detection: {known: {user_id|exists: true}, condition: known}
collector: {alert: false}
---
title: Login, then read
id: 00000000-0000-4000-8000-000000000005
name: login-then-read
level: medium
correlation:
  {type: temporal_ordered, rules: [login, read], group-by: [user_id], timespan: 2h}
---
title: Many failed
id: 00000000-0000-4000-8000-000000000006
name: many-failed
level: medium
correlation:
  type: event_count
  rules: [failed]
  group-by: [source_ip]
  timespan: 3h
  condition: {gte: 2}
collector: {alert: true, severity: [{field: metric, gte: 3, level: high}], dedup: {window: 4h}}
---
title: Little read
id: 00000000-0000-4000-8000-000000000007
name: little-read
level: medium
correlation:
  type: value_sum
  rules: [read]
  group-by: [user_id]
  timespan: 1h
  condition: {lt: 4, field: record_count}
---
title: Twice many
id: 00000000-0000-4000-8000-000000000008
name: twice
level: critical
correlation:
  {type: temporal, rules: [many-failed, read], group-by: [who], timespan: 6h,
   aliases: {who: {many-failed: source_ip, read: source_ip}}}
---
title: New agent
id: 00000000-0000-4000-8000-000000000009
name: new-agent
level: medium
logsource: {product: salesforce}
detection: {known: {user_id|exists: true}, script: {user_agent|contains: curl}, condition: known}
collector:
  event_types: [Login, LoginEvent]
  severity: [{when: script, level: high}]
  first_seen: {key: [user_id, user_agent], learn: 1d, forget: 2d}
  dedup: {key: [user_id], window: 6h}
---
title: Reads much for once
id: 00000000-0000-4000-8000-00000000000a
name: unusual
level: medium
logsource: {product: salesforce, service: ApiEvent}
detection: {known: {user_id|exists: true}, condition: known}
collector:
  severity: [{field: metric, gte: 12, level: high}]
  baseline:
    metric: sum
    field: record_count
    group_by: [user_id]
    window: 1h
    history: 2d
    deviations: 1
    floor: 3
    minimum: 2
    cold_start: 11
"""
TYPES = ("Login", "LoginEvent", "ApiEvent")
USERS = ("005000000000001AAA", "005000000000002AAA", "")
START = NOON.replace(hour=0)

serial = itertools.count()


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    path = tmp_path_factory.mktemp("rules") / "rules.yml"
    path.write_text(RULES)
    with workbench(load([path], schema=SCHEMA)) as made:
        yield made


@pytest.fixture
def ingest(bench):
    """Brings records of one type into an org, received later than all that came before."""

    def ingest(org, event_type, records):
        number = next(serial)
        spool = bench.places.spool
        segments = write_records(spool, f"r{number}", records_columns(records), records)
        received = NOON + timedelta(days=30, seconds=number)
        batch = batch_of(event_type, segments, org=org, identity=str(number), received=received)
        assert () == bench.pipeline.ingest(batch).quarantined

    return ingest


def record(event_type, number, minutes, *, user, ip, agent, failed, count):
    time = START + timedelta(minutes=minutes)
    iso = f"{time:%Y-%m-%dT%H:%M:%S}.000"
    return {
        "Login": {
            "TIMESTAMP_DERIVED": f"{iso}Z",
            "USER_ID_DERIVED": user,
            "SOURCE_IP": ip,
            "BROWSER_TYPE": agent,
            "LOGIN_STATUS": "LOGIN_ERROR_INVALID_PASSWORD" if failed else "LOGIN_NO_ERROR",
        },
        "LoginEvent": {
            "EventIdentifier": f"e{number}",
            "EventDate": f"{iso}+0000",
            "UserId": user,
            "SourceIp": ip,
            "Browser": agent,
            "Status": "Invalid Password" if failed else "Success",
        },
        "ApiEvent": {
            "EventIdentifier": f"e{number}",
            "EventDate": f"{iso}+0000",
            "UserId": user,
            "SourceIp": ip,
            "UserAgent": agent,
            "RowsProcessed": count,
        },
    }[event_type]


@st.composite
def histories(draw):
    """Batches of some types, each with its records, in the order in which they come."""
    batches = []
    number = itertools.count()
    for _ in range(draw(st.integers(1, 6))):
        event_type = draw(st.sampled_from(TYPES))
        records = [
            record(
                event_type,
                f"{next(number)}",
                draw(st.integers(0, 3)) * 24 * 60 + draw(st.integers(1, 8)) * 30,
                user=draw(st.sampled_from(USERS)),
                ip=draw(st.sampled_from(["203.0.113.1", "203.0.113.2", ""])),
                agent=draw(st.sampled_from(["curl/8", "Mozilla/5.0"])),
                failed=draw(st.booleans()),
                count=str(draw(st.integers(0, 9))),
            )
            for _ in range(draw(st.integers(1, 8)))
        ]
        batches.append((event_type, records))
    return batches


def first(event_type):
    """What every org begins with, so that what was learnt does not depend on the order."""
    return record(event_type, "first", 0, user="", ip="", agent="", failed=False, count="0")


def orgs(bench, org, connection):
    with bench.database.read() as state:
        files = ledger.archive_files(state, org=org)
    return [kept.Kept(connection=connection, root=bench.places.archive, org=org, files=files)]


def backtested(bench, rules, org, **options):
    with engine.connect(bench.places.spool) as connection:
        found = orgs(bench, org, connection)
        return backtest.backtest(rules, found, connection=connection, **options)


def told(bench, org):
    """By rule, what the pipeline has told: days, severities, and keys."""
    with bench.database.read() as connection:
        found = [each for each in alerts.listing(connection, org=org) if each.status == OPEN]
    result = {}
    for name in {each.rule for each in found}:
        own = [each for each in found if each.rule == name]
        keys = Counter(each.key for each in own)
        result[name] = (
            dict(Counter(each.first_time.date() for each in own)),
            dict(Counter(each.severity for each in own)),
            {
                key: (count, sum(each.count for each in own if each.key == key))
                for key, count in keys.most_common()
            },
        )
    return result


def counted(verdicts):
    """The same of a backtest."""
    assert [""] * len(verdicts) == [each.failure for each in verdicts]
    return {
        each.rule.name: (
            each.alerts,
            each.severities,
            {group.key: (group.alerts, group.events) for group in each.groups},
        )
        for each in verdicts
        if each.total
    }


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(histories())
def test_the_pipeline_and_the_backtest_agree(bench, ingest, history):
    org = f"org{next(serial)}"
    for event_type in TYPES:
        ingest(org, event_type, [first(event_type)])
    for event_type, records in history:
        ingest(org, event_type, records)

    expected = told(bench, org)
    for name in expected:
        note(f"{name} told")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "CHUNK", 3)
        patch.setattr(single, "ENOUGH", 4)
        assert expected == counted(backtested(bench, load_rules(bench), org))


def load_rules(bench):
    return bench.pipeline._rules
