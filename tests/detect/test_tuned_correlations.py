"""`exclude` and `only` of correlations: what such a correlation looks at, for it alone."""

from __future__ import annotations

import duckdb
import pytest

from collector.errors import RulesError
from fakes.tuned_rules import load_tuned_rules

RULES = """\
title: Login
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000001
name: login
level: low
logsource: {product: salesforce, service: Login}
detection: {s: {LOGIN_STATUS: x}, condition: s}
---
title: Query
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000002
name: query
level: low
logsource: {product: salesforce, service: ApiEvent}
detection: {s: {operation: query}, condition: s}
collector: {alert: true}
---
title: Queries
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000003
name: queries
level: low
correlation:
  {type: event_count, rules: [query], group-by: [user_id], timespan: 10m, condition: {gte: 3}}
---
title: In and out
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000004
name: in-and-out
level: medium
correlation: {type: temporal, rules: [login, queries], group-by: [user_id], timespan: 1h}
"""


@pytest.fixture
def tune(tmp_path, schema):
    """The rules as a configuration with these lines under `rules.tune` tunes them."""

    def load(*lines):
        return load_tuned_rules(tmp_path, schema, RULES, lines)

    return load


def holds(rule, **values):
    """Whether the rule's predicate holds for an event with these values."""
    row = {**dict.fromkeys(rule.fields), **values}
    columns = ", ".join(
        f'CAST({"NULL" if value is None else repr(value)} AS VARCHAR) AS "{name}"'
        for name, value in row.items()
    )
    return duckdb.sql(f"SELECT {rule.predicate} FROM (SELECT {columns})").fetchall()[0][0]


def test_it_is_about_what_the_correlation_looks_at_for_it_alone(tune):
    loaded = tune("queries: {exclude: {user_id: [u1, u2]}}")
    rules = loaded.by_name

    assert ("query.queries",) == rules["queries"].correlated_rules
    copy, plain = rules["query.queries"], rules["query"]
    assert [False, True] == [holds(copy, operation="query", user_id=each) for each in ("u1", "u3")]
    assert holds(plain, operation="query", user_id="u1")
    assert [True, False] == [plain.raises_alert, copy.raises_alert]
    (change,) = loaded.find_adjustment("queries").changes
    assert "exclude" == change.key
    assert ((), ()) == (loaded.tuning_warnings, loaded.filter_warnings)
    assert {"login", "query", "queries", "in-and-out"} == {each.name for each in loaded.own_rules}


def test_it_reaches_down_through_correlations(tune):
    rules = tune("in-and-out: {only: [{user_id: u1}, {operation: query}]}").by_name

    assert ("login.in-and-out", "queries.in-and-out") == rules["in-and-out"].correlated_rules
    assert ("query",) == rules["queries"].correlated_rules
    assert ("query.in-and-out",) == rules["queries.in-and-out"].correlated_rules
    login, query = rules["login.in-and-out"], rules["query.in-and-out"]
    # Logins have no operation: of the alternatives the other one counts for them.
    assert [True, False] == [holds(login, LOGIN_STATUS="x", user_id=each) for each in ("u1", "u2")]
    assert holds(query, operation="query", user_id="u2")


def test_several_entries_and_keys_add_up_and_a_glob_does_nothing_twice(tune):
    loaded = tune(
        "'*': {exclude: {user_id: u1}}",
        "queries: {exclude: {user_id: u2}, only: {user_id: [u1, u2, u3]}}",
    )

    copy = loaded.by_name["query.queries"]
    found = {each: holds(copy, operation="query", user_id=each) for each in ("u1", "u2", "u3")}
    assert {"u1": False, "u2": False, "u3": True} == found
    assert ("login", "queries") == loaded.by_name["in-and-out"].correlated_rules
    keys = [change.key for change in loaded.find_adjustment("queries").changes]
    assert ["exclude", "only", "exclude"] == keys
    assert () == loaded.tuning_warnings


def test_a_rule_without_the_field_is_left_alone_and_named(tune):
    loaded = tune("in-and-out: {exclude: {operation: x}}")

    assert ("login", "queries.in-and-out") == loaded.by_name["in-and-out"].correlated_rules
    (warning,) = loaded.tuning_warnings
    assert warning.message == (
        "'exclude' of 'in-and-out' leaves 'login' alone: 'operation' never has a value in Login"
    )
    assert (7, "collector.yaml") == (warning.line, warning.path.name)


def test_what_is_wrong_in_it_is_told_at_its_place(tune):
    with pytest.raises(RulesError) as caught:
        tune('queries: {exclude: {source_ip: "%nowhere%"}}')

    (problem,) = caught.value.problems
    assert (7, "collector.yaml") == (problem.line, problem.path.name)
    assert "nowhere" in problem.message
