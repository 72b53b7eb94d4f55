"""A backtest tells what the pipeline would have told, whatever the order in which events came."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import event as note
from hypothesis import strategies as st

from collector import backtest, engine
from collector.backtest import archive_events, dedup_keys, hits, single_events
from collector.collection.local_files import build_batch, list_columns
from collector.csv_segments import write_records
from collector.detect.dedup import build_dedup_key as key_of
from collector.detect.loader import load_rule_set
from collector.ingest.temporary_pipeline import open_temporary_pipeline
from collector.model import AlertStatus, Severity
from collector.rules.rule_files import EVENT_SCHEMA
from collector.store import alerts, ledger
from fakes.model_samples import NOON, build_rule

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
---
title: New agent, then a read
id: 00000000-0000-4000-8000-00000000000b
name: new-agent-then-read
level: high
correlation:
  {type: temporal_ordered, rules: [new-agent, read], group-by: [user_id], timespan: 3h,
   generate: true}
---
title: New agent and unusual reads
id: 00000000-0000-4000-8000-00000000000c
name: new-and-unusual
level: critical
correlation:
  {type: temporal, rules: [unusual, new-agent], group-by: [user_id], timespan: 6h, generate: true}
---
title: Login and read, by their agent
id: 00000000-0000-4000-8000-00000000000d
name: login-and-read
level: low
correlation:
  {type: temporal, rules: [login, read], group-by: [user_id], timespan: 2h, generate: true}
collector:
  dedup: {key: [user_agent], fallback: [source_ip], window: 1h}
  severity:
    - {field: record_count, gte: 7, level: critical}
    - {when: login, field: outcome, eq: success, members: all, level: high}
    - {when: read, field: event_count, gte: 3, level: medium}
---
title: Login, and then no read
id: 00000000-0000-4000-8000-00000000000e
name: login-without-read
level: low
correlation:
  type: temporal_ordered
  rules: [login, read]
  group-by: [user_id]
  timespan: 2h
  condition: login and not read
collector: {severity: [{field: event_count, gte: 3, level: high}]}
---
title: A read without a new agent around it
id: 00000000-0000-4000-8000-00000000000f
name: read-by-known
level: low
correlation:
  type: temporal
  rules: [read, new-agent]
  group-by: [user_id]
  timespan: 1h
  condition: read and not new-agent
  generate: true
"""
TYPES = ("Login", "LoginEvent", "ApiEvent")
USERS = ("005000000000001AAA", "005000000000002AAA", "")
START = NOON.replace(hour=0)

serial = itertools.count()


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    path = tmp_path_factory.mktemp("rules") / "rules.yml"
    path.write_text(RULES)
    with open_temporary_pipeline(load_rule_set([path], schema=EVENT_SCHEMA)) as made:
        yield made


@pytest.fixture
def ingest(bench):
    """Brings records of one type into an org, received later than all that came before."""

    def ingest(org, event_type, records):
        number = next(serial)
        spool = bench.paths.spool
        segments = write_records(spool, f"r{number}", list_columns(records), records)
        received = NOON + timedelta(days=30, seconds=number)
        batch = build_batch(event_type, segments, org=org, identity=str(number), received=received)
        assert () == bench.pipeline.ingest(batch).quarantine_reasons

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
        files = ledger.list_archive_files(state, org=org)
    return [
        archive_events.OrgArchive(
            connection=connection, archive=bench.paths.archive, org=org, files=files
        )
    ]


def backtested(bench, rules, org, **options):
    with engine.open_engine(bench.paths.spool) as connection:
        found = orgs(bench, org, connection)
        return backtest.run_backtest(rules, found, connection=connection, **options)


def told(bench, org):
    """By rule, what the pipeline has told: days, severities, and keys."""
    with bench.database.read() as connection:
        found = [
            each
            for each in alerts.list_alerts(connection, org=org)
            if each.status == AlertStatus.OPEN
        ]
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
            each.alerts_by_day,
            each.alerts_by_severity,
            {group.key: (group.alerts, group.events) for group in each.groups},
        )
        for each in verdicts
        if each.alert_count
    }


@pytest.mark.slow
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(histories())
def test_the_pipeline_and_the_backtest_agree(bench, ingest, history):
    org = f"org{next(serial)}"
    for event_type in TYPES:
        ingest(org, event_type, [first(event_type)])
    for event_type, records in history:
        ingest(org, event_type, records)
    bench.pipeline.absences.settle_given_events(org)

    expected = told(bench, org)
    for name in expected:
        note(f"{name} told")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive_events, "CHUNK_ROWS", 3)
        patch.setattr(single_events, "GATHER_LIMIT", 4)
        assert expected == counted(backtested(bench, load_rules(bench), org))


def load_rules(bench):
    return bench.pipeline._context.active_rules.rules


# ---- what the law does not reach


def login(number, minutes, **changes):
    usual = {"user": USERS[0], "ip": "203.0.113.1", "agent": "curl/8", "failed": True, "count": "1"}
    return record("Login", str(number), minutes, **(usual | changes))


def verdict(bench, rules, org, name, **options):
    (found,) = (each for each in backtested(bench, rules, org, **options) if each.rule.name == name)
    return found


def test_nothing_before_the_time_is_told_but_the_past_counts(bench, ingest):
    org, days = f"org{next(serial)}", 24 * 60
    ingest(org, "Login", [login(n, n * days) for n in range(4)])
    ingest(org, "Login", [login(9, 3 * days + 60, agent="Mozilla/5.0")])
    since = START + timedelta(days=2)
    rules = load_rules(bench)

    failed = verdict(bench, rules, org, "failed", since=since)
    assert {date(2026, 3, 3): 1, date(2026, 3, 4): 1} == failed.alerts_by_day
    new = verdict(bench, rules, org, "new-agent", since=since)
    assert {date(2026, 3, 4): 1} == new.alerts_by_day
    assert {Severity.MEDIUM: 1} == new.alerts_by_severity


def test_a_window_that_reaches_back_before_the_time_fires_in_it(bench, ingest):
    org = f"org{next(serial)}"
    ingest(org, "Login", [login(1, 100), login(2, 160)])
    since = START + timedelta(minutes=150)

    found = verdict(bench, load_rules(bench), org, "many-failed", since=since)

    assert (1, 1) == (found.alert_count, found.event_count)


def test_a_login_that_two_sources_tell_of_is_one_event_of_a_rule_over_logins(bench, ingest):
    org = f"org{next(serial)}"
    common = {"user": USERS[0], "ip": "203.0.113.1", "agent": "a", "failed": True, "count": "1"}
    for event_type in ("Login", "LoginEvent"):
        records = [record(event_type, f"{n}", n * 600, **common) for n in range(4)]
        ingest(org, event_type, records)
    every = build_rule(name="sign-in", event_types=("SignIn",), fields=frozenset({"user_id"}))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive_events, "CHUNK_ROWS", 1)
        (found,) = backtested(bench, replace(load_rules(bench), rules=(every,), variants={}), org)

    assert (4, 4) == (found.alert_count, found.event_count)
    assert 4 == ledger_rows(bench, org, "LoginEvent")


def ledger_rows(bench, org, event_type):
    with bench.database.read() as connection:
        return sum(
            file.rows
            for file in ledger.list_archive_files(connection, org=org, event_types=[event_type])
        )


def test_a_rule_that_fails_says_so_and_takes_the_correlations_over_it_along(bench, ingest):
    org = f"org{next(serial)}"
    ingest(org, "Login", [login(1, 100), login(2, 160)])
    rules = load_rules(bench)
    broken = replace(rules.by_name["failed"], predicate="(user_agent::INTEGER > 0)")
    changed = replace(
        rules,
        rules=tuple(broken if each.name == "failed" else each for each in rules.rules),
        variants={},
    )

    found = {each.rule.name: each for each in backtested(bench, changed, org)}

    assert {"failed", "many-failed", "twice"} == {n for n, each in found.items() if each.failure}
    assert "ConversionException" in found["failed"].failure
    assert "curl" not in found["failed"].failure
    assert "" == found["new-agent"].failure


def test_orgs_are_looked_at_by_themselves(bench, ingest):
    names = [f"org{next(serial)}" for _ in range(2)]
    for name in names:
        ingest(name, "Login", [login(1, 100)])

    with engine.open_engine(bench.paths.spool) as connection:
        found = backtest.run_backtest(
            load_rules(bench),
            [each for name in names for each in orgs(bench, name, connection)],
            connection=connection,
        )

    by_name = {each.rule.name: each for each in found}
    assert 0 == by_name["many-failed"].alert_count
    assert [(name, 1) for name in names] == [
        (group.org, group.alerts) for group in by_name["failed"].groups
    ]


@pytest.mark.parametrize(
    "values",
    [
        {"user_id": "u", "entity": "e"},
        {"user_id": "", "entity": None, "detail": "d"},
        {"user_id": None, "entity": "", "detail": ""},
        {"user_id": "u" * 200, "entity": "é\U0001f600" * 100 + "x"},
        {"user_id": "'\"\\", "entity": "\x00|"},
    ],
)
@pytest.mark.parametrize("second", [0, 0.5])
def test_keys_are_those_of_alerts(values, second):
    made = build_rule(
        dedup_key=("user_id", "entity", "score"), dedup_fallback=("detail", "record_count")
    )
    with_time = replace(made, dedup_key=(*made.dedup_key, "time"))
    event = {
        **dict.fromkeys(("user_id", "entity", "detail")),
        **values,
        "event_uid": "uid",
        "time": NOON + timedelta(seconds=second),
    }
    with engine.open_engine() as connection:
        for each in (
            made,
            with_time,
            replace(made, dedup_fallback=()),
            replace(made, dedup_key=()),
        ):
            columns = ", ".join(f'${name} AS "{name}"' for name in event)
            row = f"SELECT {columns}, NULL::DOUBLE AS score, NULL::BIGINT AS record_count"
            sql = f"SELECT {dedup_keys.render_dedup_key(each)} FROM ({row})"
            assert [(list(key_of(each, event)),)] == connection.execute(sql, event).fetchall()


def hits_of(rows, window=timedelta(hours=1)):
    made = build_rule(dedup_window=window)
    with engine.open_engine() as connection:
        found = hits.HitTable(connection)
        for part in rows:
            values = ", ".join(
                f"(['{key}'], TIMESTAMPTZ '{NOON + timedelta(minutes=minutes)}', {severity}, 1)"
                for key, minutes, severity in part
            )
            found.add_hits(
                0, made, "acme", f"FROM (VALUES {values}) AS t(key, time, severity, events)"
            )
        return found.build_result(0, made)


def test_a_gap_of_more_than_the_window_opens_another_episode():
    found = hits_of([[("a", 0, 1), ("a", 60, 3), ("a", 121, 2), ("b", 60, 1)]])

    assert (3, 4) == (found.alert_count, found.event_count)
    assert {Severity.HIGH: 1, Severity.MEDIUM: 1, Severity.LOW: 1} == found.alerts_by_severity
    assert [(("a",), 2, 3), (("b",), 1, 1)] == [
        (group.key, group.alerts, group.events) for group in found.groups
    ]


def test_parts_of_an_episode_that_come_apart_are_put_together():
    apart = hits_of([[("a", 0, 1), ("a", 100, 1)], [("a", 50, 2)], [("a", 161, 0)]])

    assert (2, 4) == (apart.alert_count, apart.event_count)
    assert {date(2026, 3, 1): 2} == apart.alerts_by_day


def test_a_short_part_within_a_long_one_does_not_end_it():
    found = hits_of([[("a", 0, 1), ("a", 50, 1), ("a", 100, 1)], [("a", 10, 1)], [("a", 150, 1)]])

    assert (1, 5) == (found.alert_count, found.event_count)


def test_days_are_those_on_which_episodes_begin():
    found = hits_of([[("a", 11 * 60 + 50, 1), ("a", 12 * 60 + 10, 1), ("a", 14 * 60, 1)]])

    assert {date(2026, 3, 1): 1, date(2026, 3, 2): 1} == found.alerts_by_day


def of(name, *groups, **changes):
    return hits.BacktestResult(
        rule=build_rule(name=name),
        event_count=sum(count for _, count in groups),
        alerts_by_day={date(2026, 3, 1): len(groups)} if groups else {},
        groups=tuple(
            hits.AlertGroup(org="acme", key=(key,), alerts=1, events=count) for key, count in groups
        ),
        group_count=len(groups),
        **changes,
    )


def test_what_two_versions_tell_alike_is_no_difference():
    ours = [of("same", ("u1", 2)), of("more", ("u1", 1), ("u2", 1)), of("here")]
    theirs = [of("there", ("u1", 1)), of("more", ("u1", 1), ("u3", 1), ("u4", 1))]
    theirs.append(replace(ours[0], rule=build_rule(name="same", predicate="FALSE")))

    found = {change.rule: change for change in backtest.list_differences(ours, theirs)}

    assert ["here", "more", "there"] == list(found)
    assert (0, -1, -1) == tuple(change.alert_difference for change in found.values())
    assert [("u2",)] == [group.key for group in found["more"].new_groups]
    assert [("u3",), ("u4",)] == [group.key for group in found["more"].lost_groups]
    assert (None, None) == (found["here"].theirs, found["there"].ours)
    assert ((), ()) == (found["there"].new_groups, found["there"].lost_groups)


def test_of_groups_that_are_not_all_known_none_is_called_new():
    ours, theirs = of("r", ("u1", 1), ("u2", 1)), of("r", ("u1", 1))
    (change,) = backtest.list_differences([ours], [replace(theirs, group_count=2)])

    assert ((), ()) == (change.new_groups, change.lost_groups)


def test_a_rule_is_blind_without_events_of_its_types(bench):
    rules = load_rules(bench)

    def missing(name, *types):
        return backtest.list_missing_types(rules.by_name[name], rules, frozenset(types))

    assert ("Login", "LoginEvent") == missing("failed", "ApiEvent")
    assert () == missing("failed", "LoginEvent")
    assert ("ApiEvent",) == missing("login-then-read", "Login")
    assert ("Login", "LoginEvent") == missing("many-failed", "ApiEvent")
    assert ("Login", "LoginEvent") == missing("twice", "ApiEvent")
    assert () == missing("twice", "ApiEvent", "Login")


def test_effort_is_what_progress_comes_to(bench, ingest):
    org, done = f"org{next(serial)}", []
    ingest(org, "Login", [login(n, n) for n in range(5)])
    ingest(org, "ApiEvent", [first("ApiEvent")])
    rules = load_rules(bench)

    backtested(bench, rules, org, progress=done.append)

    with engine.open_engine() as connection:
        assert sum(done) == backtest.estimate_effort(rules, orgs(bench, org, connection))
    assert 3 * 5 + 3 * 1 == sum(done)


def test_what_is_seen_is_counted_from_the_time_on(bench, ingest):
    org = f"org{next(serial)}"
    ingest(org, "Login", [login(n, n * 24 * 60) for n in range(3)])
    ingest(org, "Login", [login(9, 24 * 60 + 5)])

    with engine.open_engine() as connection:
        (found,) = orgs(bench, org, connection)
        whole = found.measure_extent(backtest.BEGINNING)
        part = found.measure_extent(START + timedelta(days=1, minutes=1))

    assert (4, 2, {"Login", "SignIn"}) == (whole.rows, whole.days, set(whole.types))
    assert (2, 1) == (part.rows, part.days)


def test_the_past_of_windows_reaches_back_before_the_time(bench, ingest):
    org = f"org{next(serial)}"
    usual = {"user": USERS[0], "ip": "", "agent": "", "failed": False}
    counts = [5, 6, 5, 10]  # A new user with so little is not told.
    records = [
        record("ApiEvent", f"{n}", n * 120, count=str(count), **usual)
        for n, count in enumerate(counts)
    ]
    ingest(org, "ApiEvent", records)
    found = verdict(
        bench, load_rules(bench), org, "unusual", since=START + timedelta(minutes=6 * 60)
    )

    assert (1, 1) == (found.alert_count, found.event_count)
    assert {Severity.MEDIUM: 1} == found.alerts_by_severity


OTHERS = """
title: Plain
id: 00000000-0000-4000-8000-0000000000a1
name: plain
level: low
logsource: {product: salesforce}
detection: {any: {USER_TYPE|exists: true}, condition: any}
collector: {event_types: [Login, Logout], alert: true, dedup: {key: [USER_TYPE], window: 1h}}
---
title: First
id: 00000000-0000-4000-8000-0000000000a2
name: first
level: low
logsource: {product: salesforce}
detection: {any: {USER_TYPE|exists: true}, condition: any}
collector:
  event_types: [Login, Logout]
  first_seen: {key: [USER_TYPE], learn: 1d, forget: 2d}
---
title: Often
id: 00000000-0000-4000-8000-0000000000a3
name: often
level: low
logsource: {product: salesforce}
detection: {any: {USER_TYPE|exists: true}, condition: any}
collector:
  event_types: [Login, Logout]
  severity: [{field: USER_TYPE, eq: b, level: high}]
  baseline: {metric: count, group_by: [USER_TYPE], window: 1h, history: 9d, deviations: 3,
             floor: 1, minimum: 9, cold_start: 2}
---
title: Twice
id: 00000000-0000-4000-8000-0000000000a4
name: two
level: low
correlation:
  {type: event_count, rules: [plain], group-by: [USER_TYPE], timespan: 1h, condition: {gte: 2}}
"""


def test_fields_that_types_keep_in_other_columns_are_found_there(tmp_path):
    path = tmp_path / "rules.yml"
    path.write_text(OTHERS)
    rules = load_rule_set([path], schema=EVENT_SCHEMA)
    assert {"plain", "first", "often"} == {name for name, _ in rules.variants}
    records = [
        {"TIMESTAMP_DERIVED": f"2026-03-0{day}T10:0{minute}:00.000Z", "USER_TYPE": kind}
        for day, minute, kind in [(1, 0, "a"), (3, 0, "b"), (3, 1, "b"), (3, 2, "a"), (9, 0, "a")]
    ]
    with open_temporary_pipeline(rules) as bench:
        segments = write_records(bench.paths.spool, "r", list_columns(records), records)
        batch = build_batch("Logout", segments, org="acme", identity="1", received=NOON)
        assert () == bench.pipeline.ingest(batch).quarantine_reasons

        expected = told(bench, "acme")
        assert {"plain", "first", "often", "two"} == expected.keys()
        assert {Severity.HIGH: 1} == expected["often"][1]
        assert expected == counted(backtested(bench, rules, "acme"))
