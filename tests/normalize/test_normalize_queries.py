"""What the queries in a log ask for stands in columns of their own."""

from __future__ import annotations

from collector.api.rule_tests import run_tests
from collector.normalize import find_physical_column, list_fields
from collector.rules.rule_files import load_rule_files

QUERY = (
    "SELECT Id, (SELECT Email FROM Contacts), Owner.Name FROM Account"
    " WHERE Name = 'x' AND Id IN (SELECT AccountId FROM Opportunity) LIMIT 50"
)
COLUMNS = ("soql_objects", "soql_fields", "soql_where", "soql_limit")
FLAGS = ("soql_is_count", "soql_has_relationship")


def test_a_query_is_told_in_columns(normalizer):
    event = normalizer.normalize_record("ApiEvent", Query=QUERY)

    assert [
        "Account,Contacts,Opportunity",
        "Id,Owner.Name,Contacts.Email",
        "Name = 'x' AND Id IN (SELECT AccountId FROM Opportunity)",
        50,
    ] == [event[name] for name in COLUMNS]
    assert ["false", "true"] == [event[name] for name in FLAGS]
    assert (QUERY, "Account") == (event["query"], event["entity"])


def test_each_record_has_what_its_own_query_asks_for(normalizer):
    queries = [
        "SELECT Id FROM Account WHERE a = 'one'",
        "",
        "SELECT Id FROM Account WHERE a = 'two'",
        "select COUNT() from Lead",
        "FIND {x} RETURNING Case(Id)",
        "no query",
        "SELECT Id FROM Account WHERE a = 'one'",
    ]
    events = normalizer.normalize_records(
        "UniqueQuery", *({"EVENT_TYPE": "UniqueQuery", "QUERY_IDENTIFIER": q} for q in queries)
    )

    by_number = sorted(events, key=lambda event: event["event_uid"])
    assert ["Account", None, "Account", "Lead", "Case", None, "Account"] == [
        event["soql_objects"] for event in by_number
    ]
    assert ["a = 'one'", None, "a = 'two'", None, None, None, "a = 'one'"] == [
        event["soql_where"] for event in by_number
    ]
    assert ["Account", None, "Account", "Lead", None, None, "Account"] == [
        event["entity"] for event in by_number
    ]
    assert [f"0AT5f000000ABCDEAA:0:{number}" for number in range(1, 8)] == [
        event["event_uid"] for event in by_number
    ]


def test_rules_call_them_by_a_path():
    assert find_physical_column("soql.objects", "ApiEvent") == "soql_objects"
    assert {"soql.objects", "soql_objects", "soql.limit"} <= list_fields("ApiEvent")
    assert "soql.objects" not in list_fields("Login")


def test_a_rule_over_what_queries_ask_for(tmp_path):
    path = tmp_path / "counts.yml"
    path.write_text(
        "title: Counts\nname: counts\nid: 0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9a04\nlevel: low\n"
        "logsource: {product: salesforce, service: ApiEvent}\n"
        "detection:\n  s: {soql.is_count: true, soql.objects|contains: lead}\n"
        "  condition: s\n"
        "collector:\n  title: 'of {soql.objects}'\n  dedup: {key: [soql.objects]}\n  tests:\n"
        "    - {name: counts, events: [{Query: select count() from Lead},"
        " {Query: select Id from Lead}], expect: {alerts: 1, title: of Lead, dedup: [Lead]}}\n",
        encoding="utf-8",
    )

    assert [""] == [each.failure for each in run_tests(load_rule_files([path]))]
