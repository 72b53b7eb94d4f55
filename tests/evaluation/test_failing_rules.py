"""A rule of any kind that fails while it runs: the others go on, and everybody hears of it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import duckdb
import pytest
import structlog
from cli.processes import invoke_command, parse_lines, write_config

from collector import engine
from collector.detect import RuleSet
from collector.detect.loader import load_rule_set
from collector.health.symptoms import find_symptoms
from collector.ingest.pipeline import Pipeline
from collector.ingest.state_paths import StatePaths
from collector.model import Cursor, Severity, SeverityCase
from collector.rules.file_stamps import stamp_files
from collector.rules.hot_reload import RuleReloader
from collector.rules.rule_files import EVENT_SCHEMA
from collector.store import ledger
from collector.store import rule_status as rule_store
from collector.store.health_snapshot import read_health_snapshot
from fakes.databases import open_sqlite_state
from fakes.model_samples import NOON, STREAM
from fakes.pipeline_bench import PipelineBench, build_login_row

USER = "005000000000001AAA"
SECRET = "canary'in'quotes"
DAY = timedelta(days=1)

RULES = """\
title: Steady
id: 3c4e2a52-7a0e-4a39-9f59-3a1c5d2e0b01
name: steady
level: medium
logsource: {product: salesforce, service: Login}
detection: {odd: {status: LOGIN_ODD}, condition: odd}
---
title: Steady, twice
id: 3c4e2a52-7a0e-4a39-9f59-3a1c5d2e0b02
name: steady-twice
level: high
correlation:
  type: event_count
  rules: [steady]
  group-by: [user_id]
  timespan: 1h
  condition: {gte: 2}
  generate: true
---
title: Steady first
id: 3c4e2a52-7a0e-4a39-9f59-3a1c5d2e0b03
name: steady-first
level: low
logsource: {product: salesforce, service: Login}
detection: {odd: {status: LOGIN_ODD}, condition: odd}
collector: {first_seen: {key: [source_ip], learn: 1d}}
---
title: Steady amount
id: 3c4e2a52-7a0e-4a39-9f59-3a1c5d2e0b04
name: steady-amount
level: low
logsource: {product: salesforce, service: Login}
detection: {odd: {status: LOGIN_ODD}, condition: odd}
collector: {baseline: {metric: count, group_by: [user_id], window: 1h, cold_start: 2}}
---
title: Plain
id: 3c4e2a52-7a0e-4a39-9f59-3a1c5d2e0b05
name: plain
level: medium
logsource: {product: salesforce, service: Login}
detection: {odd: {status: LOGIN_ODD}, condition: odd}
---
title: Leaf
id: 3c4e2a52-7a0e-4a39-9f59-3a1c5d2e0b06
name: leaf
level: medium
logsource: {product: salesforce, service: Login}
detection: {odd: {status: LOGIN_ODD}, condition: odd}
---
title: Leaf, twice
id: 3c4e2a52-7a0e-4a39-9f59-3a1c5d2e0b07
name: twice
level: high
correlation:
  type: event_count
  rules: [leaf]
  group-by: [user_id]
  timespan: 1h
  condition: {gte: 2}
---
title: First
id: 3c4e2a52-7a0e-4a39-9f59-3a1c5d2e0b08
name: first
level: low
logsource: {product: salesforce, service: Login}
detection: {odd: {status: LOGIN_ODD}, condition: odd}
collector: {first_seen: {key: [source_ip], learn: 1d}}
---
title: Amount
id: 3c4e2a52-7a0e-4a39-9f59-3a1c5d2e0b09
name: amount
level: low
logsource: {product: salesforce, service: Login}
detection: {odd: {status: LOGIN_ODD}, condition: odd}
collector: {baseline: {metric: count, group_by: [user_id], window: 1h, cold_start: 2}}
"""

STEADY = {"steady", "steady-twice", "steady-first", "steady-amount"}

CAST = 'CAST("user_agent" AS INTEGER) = 1'
OF_WINDOW = SeverityCase(predicate='CAST("user_id" AS INTEGER) = 1', level=Severity.LOW)
OF_EVENT = SeverityCase(predicate=CAST, level=Severity.LOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sick:
    """What is done to a rule so that it fails, and which rule is said to fail and would alert."""

    rule: str
    blamed: str
    changes: dict[str, object]


SICKNESSES = {
    "plain": Sick(rule="plain", blamed="plain", changes={"predicate": CAST}),
    "plain-severity": Sick(rule="plain", blamed="plain", changes={"severity_cases": (OF_EVENT,)}),
    "leaf": Sick(rule="leaf", blamed="twice", changes={"predicate": CAST}),
    "correlation": Sick(rule="twice", blamed="twice", changes={"severity_cases": (OF_WINDOW,)}),
    "first-seen": Sick(rule="first", blamed="first", changes={"predicate": CAST}),
    "baseline": Sick(rule="amount", blamed="amount", changes={"predicate": CAST}),
    "baseline-severity": Sick(
        rule="amount", blamed="amount", changes={"severity_cases": (OF_WINDOW,)}
    ),
}

GREEDY = '(SELECT count(*) FROM (SELECT DISTINCT range FROM range(8000000))) > length("user_agent")'
HUNGRY = [("plain", "plain"), ("leaf", "twice"), ("first", "first"), ("amount", "amount")]


@pytest.fixture(scope="module")
def well(tmp_path_factory):
    path = tmp_path_factory.mktemp("rules") / "rules.yml"
    path.write_text(RULES)
    return load_rule_set([path], schema=EVENT_SCHEMA)


@pytest.fixture(params=SICKNESSES.values(), ids=SICKNESSES.keys())
def sick(request):
    return request.param


@pytest.fixture
def bench(tmp_path, well, sick):
    with opened(tmp_path, made_sick(well, sick)) as made:
        yield made


@contextmanager
def opened(directory, rules, *, memory=None):
    places = StatePaths(state_dir=directory / "state")
    places.create_folders()
    database = open_sqlite_state(places.state_dir)
    connection = engine.open_engine(places.spool if memory is None else None)
    if memory:
        connection.execute(f"SET memory_limit = '{memory}'")
    pipeline = Pipeline(database=database, connection=connection, paths=places, rules=rules)
    yield PipelineBench(places=places, database=database, pipeline=pipeline)
    connection.close()
    database.close()


def made_sick(rules: RuleSet, sick: Sick) -> RuleSet:
    return replace(
        rules,
        rules=tuple(
            replace(rule, fields=rule.fields | {"user_agent"}, **sick.changes)
            if rule.name == sick.rule
            else rule
            for rule in rules.rules
        ),
    )


def bring(bench, key, *, days, address="203.0.113.7", status="LOGIN_ODD"):
    """A batch of two logins a minute apart."""
    at = NOON + days * DAY
    rows = [
        build_login_row(
            BROWSER_TYPE=f"{SECRET} {minute}",
            LOGIN_STATUS=status,
            SOURCE_IP=address,
            TIMESTAMP_DERIVED=f"{at + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%S.000Z}",
        )
        for minute in range(2)
    ]
    cursor = Cursor(time=at, tiebreaker=key)
    batch = bench.write_batch("Login", rows, key=key * 32, record_prefix=f"0AT{key}", cursor=cursor)
    return bench.pipeline.ingest(batch)


def bring_past(bench):
    bring(bench, "a", days=-9, status="LOGIN_NO_ERROR")


def faults(bench):
    with bench.database.read() as connection:
        return {fault.rule: fault for fault in rule_store.list_faults(connection)}


def alerting(bench):
    return {alert.rule for alert in bench.list_alerts()}


def ailing(bench):
    """What health says of rules."""
    later = NOON.replace(year=2100)
    with bench.database.read() as connection:
        found = find_symptoms(
            read_health_snapshot(connection, now=later), {}, now=later, started_at=later
        )
    return {(symptom.subject, symptom.state) for symptom in found}


def mend(bench, rules, tmp_path):
    """The user writes the file anew, and the daemon looks."""
    path = tmp_path / "rules.yml"
    path.write_text(RULES)
    reload = RuleReloader(
        load_rules=lambda: rules,
        paths=[path],
        file_stamps=stamp_files([path]),
        rules=rules,
        pipeline=bench.pipeline,
        database=bench.database,
    )
    path.write_text(f"{RULES}# mended\n")
    return reload.reload_rules()


def test_what_makes_a_rule_sick_is_refused_by_no_dry_run(sick):
    columns = "CAST(NULL AS VARCHAR) AS user_agent, CAST(NULL AS VARCHAR) AS user_id"
    asked = [
        sick.changes.get("predicate"),
        *(c.predicate for c in sick.changes.get("severity_cases", ())),
    ]

    for predicate in filter(None, asked):
        assert (
            []
            == duckdb.sql(
                f"SELECT 1 FROM (SELECT {columns}) WHERE FALSE AND {predicate}"
            ).fetchall()
        )


def test_the_others_go_on_and_the_batch_is_stored(bench, sick):
    bring_past(bench)
    done = bring(bench, "b", days=0)

    everything = STEADY | {"plain", "twice", "first", "amount"}
    assert everything - {sick.blamed} == alerting(bench)
    assert (2, 4) == (done.rows, len(bench.list_rows()))
    with bench.database.read() as connection:
        assert Cursor(time=NOON, tiebreaker="b") == ledger.read_cursor(connection, STREAM)


@pytest.mark.slow
def test_it_is_counted_each_time_and_quotes_nothing_of_the_events(bench, sick):
    bring_past(bench)
    bring(bench, "b", days=0)
    once = faults(bench)[sick.blamed]
    with structlog.testing.capture_logs() as logs:
        bring(bench, "c", days=1)
    again = faults(bench)

    assert {sick.rule, sick.blamed} >= again.keys()
    assert once.count + 1 == again[sick.blamed].count
    assert ("acme", once.first) == (again[sick.blamed].org, again[sick.blamed].first)
    assert "ConversionException" in again[sick.blamed].reason
    told = [line for line in logs if line["event"] == "rule_failed"]
    assert again.keys() == {line["rule"] for line in told}
    for text in (str(again), str(logs)):
        assert "canary" not in text
        assert "0050" not in text


@pytest.mark.slow
def test_status_and_health_say_which_rule_fails_and_why(bench, sick, tmp_path):
    bring_past(bench)
    bring(bench, "b", days=0)
    config = write_config(tmp_path, "https://acme.my.salesforce.com")

    told = {one["rule"]: one for one in status_lines(config) if one["kind"] == "rule_fault"}
    screen = " ".join(invoke_command("status", "-c", config).stdout.split())
    assert faults(bench).keys() == told.keys()
    assert "ConversionException" in told[sick.blamed]["reason"]
    assert "Rules that fail while they run" in screen
    assert sick.blamed in screen.split()
    assert (f"rules/{sick.blamed}", "failing") in ailing(bench)


def status_lines(config):
    return parse_lines(invoke_command("status", "--json", "-c", config))


@pytest.mark.slow
def test_once_it_is_mended_it_alerts_and_nobody_is_told_of_it_any_more(bench, well, sick, tmp_path):
    bring_past(bench)
    bring(bench, "b", days=0)

    assert mend(bench, well, tmp_path)
    assert {} == faults(bench)
    assert set() == ailing(bench)
    bring(bench, "c", days=1, address="192.0.2.9")
    assert sick.blamed in alerting(bench)
    assert {} == faults(bench)


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "blamed"), HUNGRY)
def test_a_rule_that_takes_all_memory_stops_no_other(well, tmp_path, rule, blamed):
    sick = Sick(rule=rule, blamed=blamed, changes={"predicate": GREEDY})
    with opened(tmp_path, made_sick(well, sick), memory="100MB") as bench:
        bring_past(bench)
        done = bring(bench, "b", days=0)

        assert 2 == done.rows
        assert STEADY <= alerting(bench)
        assert blamed not in alerting(bench)
        assert "OutOfMemoryException" in faults(bench)[blamed].reason
        assert {rule, blamed} >= faults(bench).keys()
