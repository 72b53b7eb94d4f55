"""An event that comes to a correlation in several groups is a member in each of them."""

from __future__ import annotations

import pytest
import yaml

from collector import engine
from collector.api.alert_evidence import ExplainContext
from collector.api.alert_explanation import explain_alert
from collector.api.event_trace import trace_event
from collector.detect.loader import load_rule_set
from collector.rules.rule_files import EVENT_SCHEMA
from collector.store import alerts
from fakes.pipeline_bench import build_login_row, open_pipeline_bench

ANN, BOB = "ann@example.com", "bob@example.com"
LOGSOURCE = {"product": "salesforce", "service": "Login"}


def document(number, name, **more):
    identity = f"0d9ff9fb-6f0f-4c55-9f0b-{number:012d}"
    return {"title": name, "id": identity, "name": name, "level": "medium", **more}


def leaf(number, name, status):
    detection = {"s": {"LOGIN_STATUS": status}, "condition": "s"}
    return document(
        number, name, logsource=LOGSOURCE, detection=detection, collector={"alert": False}
    )


def correlation(number, name, rules, condition, **more):
    over = {
        "type": "event_count",
        "rules": rules,
        "group-by": ["who"],
        "timespan": "10m",
        "condition": condition,
    }
    return document(number, name, correlation=over | more)


def rules(condition=None):
    """Those who log in, and those whom the login is said to be for, are one person's two names."""
    aliases = {"who": {"by-name": "user_name", "for-name": "BROWSER_TYPE"}}
    pair = ["by-name", "for-name"]
    return (
        leaf(1, "by-name", ["LOGIN_ODD", "LOGIN_ALONE"]),
        leaf(2, "for-name", "LOGIN_ODD"),
        correlation(3, "often", pair, condition or {"gte": 2}, aliases=aliases),
    )


@pytest.fixture
def loaded(tmp_path):
    def load_all(*documents):
        path = tmp_path / "groups.yml"
        path.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
        return load_rule_set([path], schema=EVENT_SCHEMA)

    return load_all


@pytest.fixture
def bench(tmp_path):
    with open_pipeline_bench(tmp_path) as bench:
        yield bench


def odd(number, name, other, status="LOGIN_ODD"):
    return build_login_row(number, USER_NAME=name, BROWSER_TYPE=other, LOGIN_STATUS=status)


def ingest(bench, *rows, key="a" * 32):
    return bench.pipeline.ingest(bench.write_batch("Login", rows, key=key, record_prefix=key))


def told(bench):
    """By group, how many events an alert has, and what has become of it."""
    return {found.key: (found.count, found.status) for found in bench.list_alerts()}


def test_each_group_has_its_alert_with_all_of_its_events(bench, loaded):
    bench.pipeline.set_rules(loaded(*rules()))
    ingest(bench, odd(1, ANN, BOB), odd(2, ANN, BOB), odd(3, BOB, "x"))

    assert {(ANN,): (2, "open"), (BOB,): (3, "open")} == told(bench)
    assert {(ANN,): 2, (BOB,): 3} == {each.key: len(each.evidence) for each in bench.list_alerts()}


def test_it_is_the_same_in_whatever_batches_they_come(bench, loaded):
    bench.pipeline.set_rules(loaded(*rules()))
    ingest(bench, odd(2, ANN, BOB), key="a" * 32)
    ingest(bench, odd(3, BOB, "x"), key="b" * 32)
    assert {(BOB,): (2, "open")} == told(bench)

    ingest(bench, odd(1, ANN, BOB), key="c" * 32)
    assert {(ANN,): (2, "open"), (BOB,): (3, "open")} == told(bench)
    assert () == bench.pipeline.rematch_rules(["often"]).notified_alerts


def test_what_ceases_in_one_group_goes_on_in_another(bench, loaded):
    bench.pipeline.set_rules(loaded(*rules({"lt": 2})))
    ingest(bench, odd(1, ANN, BOB), key="a" * 32)
    assert {(ANN,): (1, "open"), (BOB,): (1, "open")} == told(bench)

    ingest(bench, odd(0, ANN, "x", "LOGIN_ALONE"), key="b" * 32)
    assert {(ANN,): 1, (BOB,): 1} == {key: count for key, (count, _) in told(bench).items()}
    assert {(ANN,): 0, (BOB,): 1_000} == {
        found.key: found.first_time.microsecond for found in bench.list_alerts()
    }


def test_a_correlation_over_it_has_them_in_each_of_its_groups_too(bench, loaded):
    outer = correlation(4, "outer", ["often"], {"gte": 1})
    inner = rules()
    bench.pipeline.set_rules(loaded(*inner, outer))
    ingest(bench, odd(1, ANN, BOB), odd(2, ANN, BOB))

    assert {(ANN,): (1, "open"), (BOB,): (1, "open")} == told(bench)


def test_each_of_its_alerts_is_explained_by_the_events_themselves(bench, loaded):
    whole = loaded(*rules())
    bench.pipeline.set_rules(whole)
    ingest(bench, *(odd(number, ANN, BOB) for number in range(12)))

    with bench.database.read() as state, engine.open_engine() as connection:
        ground = ExplainContext(
            state=state,
            engine=connection,
            archive=bench.places.archive,
            rules=whole,
            schema=EVENT_SCHEMA,
        )
        accounts = [explain_alert(ground, found, limit=50) for found in alerts.list_alerts(state)]
    assert [(12, 0, ())] * 2 == [
        (len(each.evidence), each.remaining_count, each.remarks) for each in accounts
    ]
    assert all(witness.is_archived for each in accounts for witness in each.evidence)


def test_the_way_of_an_event_leads_to_both_of_its_alerts(bench, loaded):
    bench.pipeline.set_rules(loaded(*rules()))
    ingest(bench, odd(1, ANN, BOB), odd(2, ANN, BOB))
    uid = bench.list_rows()[0][0]

    with bench.database.read() as state, engine.open_engine() as connection:
        (found,) = trace_event(state, connection, uid, archive=bench.places.archive)
    assert {(ANN,), (BOB,)} == {raised.alert.key for raised in found.alerts}


def test_an_event_that_can_be_in_one_group_alone_keeps_its_uid(bench, loaded):
    by_name, for_name, often = rules()
    over = {**often["correlation"], "rules": ["by-name"], "aliases": {}, "group-by": ["user_name"]}
    bench.pipeline.set_rules(loaded(by_name, for_name, {**often, "correlation": over}))
    ingest(bench, odd(1, ANN, BOB), odd(2, ANN, BOB))

    (found,) = bench.list_alerts()
    assert found.fold_state.identity_uid in {uid for (uid,) in bench.list_rows()}
