"""An explanation says of every part of a rule what the engine says of it."""

from __future__ import annotations

import itertools
from datetime import date
from functools import partial
from itertools import starmap

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.detect import loader
from collector.detect.explain import explain_events
from collector.detect.explain.questions import ExplainSubject
from collector.detect.lists import ValueLists
from collector.detect.lists.value_list import ListEntry, ValueList
from collector.escaping import quote_literal
from collector.evaluation.rule_matcher import RuleMatcher
from collector.model import Severity

COLUMNS = ("user_id", "source_ip", "source_ip_key", "operation", "record_count", "raw_Operation")

RULE = {
    "logsource": {"product": "salesforce", "service": "ApiEvent"},
    "detection": {
        "reads": {"operation|startswith": ["query", "read"], "record_count|gte": 10},
        "outside": [{"source_ip|cidr": "203.0.113.0/24"}, {"user_id": None}],
        "words": ["report", "export"],
        "same": {"Operation|fieldref": "operation"},
        "condition": "reads and not outside or 1 of words or same",
    },
    "collector": {
        "severity": [
            {"when": "outside", "level": "critical"},
            {"when": "reads", "field": "record_count", "gte": 1000, "level": "high"},
            {"field": "record_count", "lt": 5, "level": "low"},
        ],
        "title": "{operation|something} by {user_id}",
        "dedup": {"key": ["user_id"], "fallback": ["operation"]},
    },
}

EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "user_id": st.sampled_from(["u1", "U1", ""]),
        "source_ip": st.sampled_from(["203.0.113.7", "198.51.100.1"]),
        "operation": st.sampled_from(["Query", "reader", "export it", "delete", "%"]),
        "record_count": st.sampled_from([0, 5, 10, 1000]),
        "raw_Operation": st.sampled_from(["query", "delete", "'"]),
    },
)
CANONICAL = {"record_count": "BIGINT"}


def relation(*events, columns=COLUMNS):
    """A FROM item with these events of one type."""
    return f"({' UNION ALL '.join(starmap(partial(row, columns), enumerate(events)))})"


def row(columns, number, event):
    if "source_ip" in event:
        digits = "".join(f"{int(octet):02x}" for octet in event["source_ip"].split("."))
        event = {**event, "source_ip_key": f"{'0' * 20}ffff{digits}"}
    values = ", ".join(
        f"CAST({'NULL' if event.get(name) is None else quote_literal(str(event[name]))} AS"
        f' {CANONICAL.get(name, "VARCHAR")}) AS "{name}"'
        for name in columns
    )
    time = f"TIMESTAMPTZ '2026-03-01 12:00:{number:02}Z'"
    return (
        f"SELECT 'e{number}' AS event_uid, 'acme' AS org, 'ApiEvent' AS event_type,"
        f" {time} AS time, {time} AS received, {values}"
    )


def written(folder, rule):
    """A rule file with this rule."""
    head = {"title": "A rule", "id": "0d9ff9fb-6f0f-4c55-9f0b-000000000000", "name": "a-rule"}
    path = folder / "rule.yml"
    path.write_text(yaml.safe_dump({**head, "level": "medium", **rule}), encoding="utf-8")
    return path


@pytest.fixture
def asked(connection, schema, tmp_path):
    """What a rule says of events of a type."""

    def run(rule, *events, event_type="ApiEvent", columns=COLUMNS, further=(), **lists):
        rules = loader.load_rule_set([written(tmp_path, rule), *further], schema=schema, **lists)
        (made,) = rules.select_by_type(event_type)
        subject = ExplainSubject(
            rule=made,
            document=rules.documents[made.name],
            event_type=event_type,
            schema=schema,
            **lists,
        )
        return explain_events(
            subject,
            connection,
            relation=relation(*events, columns=columns),
            columns=frozenset({"event_uid", "org", "event_type", "time", "received", *columns}),
        )

    return run


def selection(explanation, name):
    return next(each for each in explanation.selections if each.name == name)


def test_every_item_says_what_was_asked_what_the_event_has_and_whether_it_holds(asked):
    (said,) = asked(RULE, {"operation": "Query", "record_count": 7, "source_ip": "203.0.113.7"})
    reads, outside = selection(said, "reads"), selection(said, "outside")

    assert [("operation|startswith", ("query", "read"), {"operation": "Query"}, True)] == [
        (each.key, each.values, each.event_values, each.holds) for each in reads.alternatives[0][:1]
    ]
    assert [("record_count|gte", (10,), {"record_count": 7}, False)] == [
        (each.key, each.values, each.event_values, each.holds) for each in reads.alternatives[0][1:]
    ]
    assert (False, True) == (reads.holds, outside.holds)
    assert [{"source_ip": "203.0.113.7"}, {"user_id": None}] == [
        item.event_values for (item,) in outside.alternatives
    ]
    assert [True, True] == [item.holds for (item,) in outside.alternatives]


def test_values_without_a_field_show_where_they_were_looked_for(asked):
    (said,) = asked(RULE, {"operation": "export it"})
    ((item,),) = selection(said, "words").alternatives

    assert ("", ("report", "export"), {"operation": "export it"}, True) == (
        item.key,
        item.values,
        item.event_values,
        item.holds,
    )


def test_a_reference_shows_both_fields(asked):
    (said,) = asked(RULE, {"operation": "Query", "raw_Operation": "delete"})
    ((item,),) = selection(said, "same").alternatives

    assert {"raw_Operation": "delete", "operation": "Query"} == item.event_values
    assert not item.holds


def test_a_field_is_shown_from_the_column_that_its_type_keeps_it_in(asked):
    rule = {
        "logsource": {"product": "salesforce", "service": "BulkJob"},
        "detection": {"it": {"Operation": "query"}, "condition": "it"},
    }
    (said,) = asked(rule, {"operation": "query"}, event_type="BulkJob")

    assert {"operation": "query"} == said.selections[0].alternatives[0][0].event_values
    assert said.holds


def test_what_the_events_have_no_column_for_is_nothing(asked):
    (said,) = asked(RULE, {"user_id": "u1"}, columns=("user_id",))

    assert {"operation": None} == selection(said, "reads").alternatives[0][0].event_values
    assert not said.holds


def test_every_part_stands_at_its_line(asked):
    (said,) = asked(RULE, {"user_id": "u1"})
    lines = said.path.read_text(encoding="utf-8").splitlines()

    assert lines[said.condition_line - 1].strip().startswith("condition:")
    for part in said.selections:
        assert lines[part.line - 1].strip() == f"{part.name}:"
        for item in itertools.chain(*part.alternatives):
            assert item.key in lines[item.line - 1]
    for rung in said.ladder.cases:
        assert rung.text.split(" ")[0] in "\n".join(lines[rung.line - 1 : rung.line + 4])


def test_the_first_case_that_holds_decides(asked):
    (said,) = asked(RULE, {"operation": "Query", "record_count": 1000, "user_id": "u1"})

    assert [
        ("outside", "critical", {}, False, False),
        ("reads and record_count ≥ 1000", "high", {"record_count": 1000}, True, True),
        ("record_count < 5", "low", {"record_count": 1000}, False, False),
    ] == [
        (each.text, each.effect, each.event_values, each.holds, each.is_decisive)
        for each in said.ladder.cases
    ]
    assert (Severity.MEDIUM, Severity.HIGH) == (said.ladder.level, said.ladder.severity)


def test_the_key_is_told_by_the_columns_that_give_it(asked):
    found = asked(RULE, {"user_id": "u1"}, {"operation": "delete"}, {"record_count": 5})

    assert [{"user_id": "u1"}, {"operation": "delete"}, {"event_uid": "e2"}] == [
        each.key for each in found
    ]


@settings(max_examples=30, deadline=None)
@given(events=st.lists(EVENTS, min_size=10, max_size=25))
def test_explanation_and_engine_never_disagree(events, law):
    """A selection holds iff an alternative does; the rest is what the matcher makes of events."""
    explained, matched = law(events)

    for said in explained:
        match = matched.get(said.event["event_uid"])
        assert said.holds == (match is not None)
        for part in said.selections:
            whole = [all(item.holds for item in items) for items in part.alternatives]
            assert part.holds == any(whole)
        if match:
            assert (match.severity, match.title) == (said.ladder.severity, said.title)
            assert match.key == tuple(said.key.values())
            assert match.event == said.event


@pytest.fixture(scope="module")
def law(connection, schema, tmp_path_factory):
    """The explanations of events, and by uid what the matcher makes of them."""
    path = written(tmp_path_factory.mktemp("law"), RULE)
    rules = loader.load_rule_set([path], schema=schema)
    (rule,) = rules.select_by_type("ApiEvent")
    subject = ExplainSubject(
        rule=rule, document=rules.documents[rule.name], event_type="ApiEvent", schema=schema
    )
    columns = frozenset({"event_uid", "org", "event_type", "time", "received", *COLUMNS})

    def run(events):
        source = relation(*events)
        found = RuleMatcher(rules).find_matches(
            connection, relation=source, columns=columns, event_type="ApiEvent", org="acme"
        )
        explained = explain_events(subject, connection, relation=source, columns=columns)
        return explained, {match.event_uid: match for match in found}

    return run


IOC = ValueLists(
    by_name={
        "ioc_ip": ValueList(
            name="ioc_ip",
            entries=(
                ListEntry(form="cidr", text="203.0.113.0/24", campaign="Drift theft"),
                ListEntry(form="value", text="198.51.100.1", last_seen=date(2025, 8, 20)),
            ),
        )
    }
)


@pytest.mark.parametrize(
    ("address", "entry"),
    [
        ("203.0.113.7", IOC["ioc_ip"].entries[:1]),
        ("198.51.100.1", IOC["ioc_ip"].entries[1:]),
        ("192.0.2.1", ()),
    ],
)
def test_what_is_in_a_list_comes_with_the_entry_that_holds_it(asked, address, entry):
    rule = {
        "logsource": {"product": "salesforce", "service": "ApiEvent"},
        "detection": {"it": {"source_ip|expand": "%ioc_ip%"}, "condition": "it"},
    }
    (said,) = asked(rule, {"source_ip": address}, lists=IOC)
    ((item,),) = said.selections[0].alternatives

    assert (bool(entry), bool(entry), entry) == (said.holds, item.holds, item.list_entries)


FILTER = """\
title: What is known
logsource: {product: salesforce, service: ApiEvent}
filter: {rules: [a-rule], known: {user_id: u1}, condition: not known}
"""


def test_what_a_filter_file_adds_is_part_of_the_rule_and_has_no_line_in_its_file(asked, tmp_path):
    path = tmp_path / "filter.yml"
    path.write_text(FILTER, encoding="utf-8")
    event = {"operation": "export it"}
    known, other = asked(RULE, {**event, "user_id": "u1"}, event, further=[path])

    assert (False, True) == (known.holds, other.holds)
    (added,) = [each for each in known.selections if each.line is None]
    ((item,),) = added.alternatives
    assert (True, {"user_id": "u1"}, None) == (item.holds, item.event_values, item.line)
    assert added.name in known.condition[0]


def test_of_a_baseline_an_event_says_only_that_it_is_counted(asked):
    rule = {
        **RULE,
        "collector": {
            "baseline": {"metric": "count", "group_by": ["user_id"]},
            "severity": [{"field": "metric", "gte": 5, "level": "high"}],
        },
    }
    (said,) = asked(rule, {"operation": "export it"})

    assert (True, None, {}, "") == (said.holds, said.ladder, said.key, said.title)
