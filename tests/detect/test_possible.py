"""What can be known of a condition before there is any event."""

from __future__ import annotations

from itertools import product

import pytest
from sigma.rule import SigmaDetections

from collector.detect.lint.condition_outcomes import (
    ALWAYS,
    MAYBE,
    NEVER,
    EventTypeFacts,
    compute_outcomes,
    list_required_comparisons,
)
from collector.detect.predicates import condition_sql
from collector.detect.predicates.field_columns import FieldColumns

HAD = frozenset({"user_name", "query", "event_type"})
LOGIN = EventTypeFacts(event_type="Login", has_field=HAD.__contains__)


def condition(selection, text="sel"):
    detections = SigmaDetections.from_dict({**selection, "condition": text})
    return detections.parsed_condition[0].parse()


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ({"user_name": "ada"}, MAYBE),
        ({"status": "ok"}, NEVER),
        ({"status|contains": "ok"}, NEVER),
        ({"status|re": "ok"}, NEVER),
        ({"status|gte": 1}, NEVER),
        ({"status|exists": True}, NEVER),
        ({"status|exists": False}, ALWAYS),
        ({"user_name|exists": False}, MAYBE),
        ({"status": None}, ALWAYS),
        ({"status": ""}, ALWAYS),
        ({"status": "*"}, NEVER),
        ({"user_name|fieldref": "status"}, NEVER),
        ({"user_name|fieldref": "query"}, MAYBE),
        ({"user_name": "ada", "status": "ok"}, NEVER),
        ({"event_type": "login"}, ALWAYS),
        ({"event_type": ["Login", "Logout"]}, ALWAYS),
        ({"event_type": "Logout"}, NEVER),
        ({"event_type": "Log*"}, MAYBE),
        (["some words"], MAYBE),
    ],
)
def test_a_selection_on_a_type_that_lacks_fields(items, expected):
    assert expected == compute_outcomes(condition({"sel": items}), LOGIN)


def test_a_keyword_is_looked_for_where_there_is_text():
    assert NEVER == compute_outcomes(
        condition({"sel": ["words"]}),
        EventTypeFacts(event_type="Login", has_field={"user_id"}.__contains__),
    )


def test_conditions_of_never_and_always_and_maybe():
    parts = {"never": {"status": "x"}, "always": {"status": None}, "maybe": {"user_name": "x"}}

    def of(text):
        return compute_outcomes(condition(parts, text), LOGIN)

    assert (NEVER, MAYBE, ALWAYS) == (of("maybe and never"), of("maybe or never"), of("not never"))
    assert (ALWAYS, MAYBE) == (of("maybe or always"), of("maybe and always"))
    assert (NEVER, MAYBE, ALWAYS) == (of("not always"), of("not maybe"), of("1 of *"))


def test_what_is_said_is_true_of_every_row(connection):
    """Where a "never" or "always" is told, no row that lacks the field is anything else."""
    texts = ("a", "a and b", "a or b", "not a and b", "not (a or not b)", "c and not d", "not c")
    parts = {
        "a": {"user_name": "x"},
        "b": {"status|contains": "y"},
        "c": {"status": None},
        "d": {"status": "", "query|startswith": "z"},
    }
    rows = ", ".join(
        f"({name}, {query}, NULL)"
        for name, query in product(("NULL", "'x'", "''"), ("NULL", "'z'", "'q'"))
    )
    columns = FieldColumns(column_types={}, resolve_column=lambda field: field)
    for text in texts:
        parsed = condition(parts, text)
        found = connection.execute(
            f"SELECT DISTINCT {condition_sql.compile_predicate(parsed, columns)}"
            f" FROM (VALUES {rows}) AS t(user_name, query, status)"
        ).fetchall()
        assert {row[0] for row in found} <= compute_outcomes(parsed, LOGIN), text


def test_what_must_not_hold_is_not_wanted():
    parts = {"a": {"user_name": "x"}, "b": {"status": "y"}, "c": {"query": "z"}}
    found = [
        each.field for each in list_required_comparisons(condition(parts, "a and not (b or not c)"))
    ]

    assert ["user_name", "query"] == found
