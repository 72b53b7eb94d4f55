"""Columns whose text is a list: rules compare each member of it."""

from __future__ import annotations

import pytest

from collector.detect.predicates.case_folding import build_any_match_query
from collector.model.event_columns import EVENT_COLUMNS
from collector.model.member_columns import SEPARATORS, split_members

TEXTS = ("Account", "Lead;Account", "Lead, Contact ,Case", "AccountTeam", None, "")


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ({"entity": "account"}, "TTFFFF"),
        ({"entity": ["case", "AccountTeam"]}, "FFTTFF"),
        ({"entity|startswith": "Acc"}, "TTFTFF"),
        ({"entity|endswith": "t"}, "TTTFFF"),
        ({"entity|re": "^(Lead|Account)$"}, "TTTFFF"),
        ({"entity|contains": "a, C"}, "FFFFFF"),
        ({"entity|all": ["Lead", "Case"]}, "FFTFFF"),
        ({"entity|neq": "Account"}, "FFTTTT"),
        ({"entity|exists": True}, "TTTTFT"),
        ({"entity": None}, "FFFFTF"),
        ({"entity": ""}, "FFFFTT"),
        ({"entity": [f"Object{n}__c" for n in range(60)] + ["LEAD"]}, "FTTFFF"),
    ],
)
def test_any_member_may_fit_and_none_may_fit_what_is_negated(where, items, expected):
    found = where({"s": items, "condition": "s"}, [{"entity": text} for text in TEXTS])

    assert expected == "".join("FT"[each] for each in found)


def test_one_feature_has_to_fit_a_pattern(where):
    texts = [
        '[{"featureName":"rowCount","featureContribution":"95 %"},{"featureName":"asn"}]',
        '[{"featureName":"rowCount"},{"featureName":"asn","featureContribution":"95 %"}]',
    ]
    items = {"SecurityEventData|re": "rowCount.*95 %"}

    rows = [{"SecurityEventData": text} for text in texts]
    assert [True, False] == where({"s": items, "condition": "s"}, rows)


def test_a_keyword_is_looked_for_in_the_whole_text(where):
    assert [True] == where({"s": ["lead;acc"], "condition": "s"}, [{"entity": "Lead;Account"}])


def test_fields_that_are_lists_are_equal_where_any_two_members_are(where):
    rows = [
        {"entity": "Lead,Case", "PREFIXES_SEARCHED": "case 001"},
        {"entity": "Lead,Case", "PREFIXES_SEARCHED": "001 006"},
    ]
    detection = {"s": {"entity|fieldref": "PREFIXES_SEARCHED"}, "condition": "s"}

    assert [True, False] == where(detection, rows)


def test_several_rules_over_one_list_fold_the_case_of_its_column_alone(rules, connection):
    both = rules(
        {"detection": {"s": {"entity|startswith": "acc"}, "condition": "s"}},
        {"detection": {"s": {"entity|endswith": "ase"}, "condition": "s"}},
    )
    query = build_any_match_query(
        "(VALUES ('Lead,Account'), ('lead'), ('x;CASE')) AS t(entity)",
        [rule.predicate for rule in both.rules],
        "entity",
    )

    assert {("Lead,Account",), ("x;CASE",)} == set(connection.execute(query).fetchall())


def test_ids_names_and_addresses_are_no_lists():
    """They are compared in forms of their own, which know no members."""
    lists = [column for column in EVENT_COLUMNS if column.separator]

    assert {"plain"} == {column.kind for column in lists}
    assert {"VARCHAR"} == {column.sql_type for column in lists}
    assert SEPARATORS.keys() >= {column.name for column in lists}


@pytest.mark.parametrize(
    ("column", "text", "expected"),
    [
        ("entity", "Account;Account", ["Account"]),
        ("entity", " A ,B", [" A", "B"]),
        ("ColumnHeaders", "[CASE_NUMBER, OWNER]", ["CASE_NUMBER", "OWNER"]),
        ("ImpactedUserIds", '["005A","005B"]', ["005A", "005B"]),
        ("ParentNameList", '["Sales, all", "X"]', ["Sales, all", "X"]),
        ("user_name", "a,b", ["a,b"]),
    ],
)
def test_what_parts_members_depends_on_the_column(column, text, expected):
    assert expected == split_members(column, text)
