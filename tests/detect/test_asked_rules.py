"""Cases of correlations: rules that need not match, and what cases cannot be about."""

from __future__ import annotations

import pytest

from collector.detect import loader
from collector.errors import RulesError

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
---
title: New operation
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000003
name: new-operation
level: low
logsource: {product: salesforce, service: ApiEvent}
detection: {s: {user_id|exists: true}, condition: s}
collector: {first_seen: {key: [user_id, operation]}}
---
title: Much in all
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000004
name: keyless
level: low
logsource: {product: salesforce, service: ApiEvent}
detection: {s: {user_id|exists: true}, condition: s}
collector: {baseline: {metric: count, group_by: [operation]}}
---
title: Queries
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000005
name: queries
level: low
correlation:
  {type: event_count, rules: [query], group-by: [user_id], timespan: 10m, condition: {gte: 3}}
---
title: In and out
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000006
name: in-and-out
level: medium
correlation: {type: temporal, rules: [login, query], group-by: [user_id], timespan: 1h%s}
collector:
  severity:
    - %s
"""


@pytest.fixture
def load(rule_file, schema):
    def load(case, more=""):
        return loader.load_rule_set([rule_file("", head=RULES % (more, case))], schema=schema)

    return load


def said(load, *what):
    with pytest.raises(RulesError) as caught:
        load(*what)
    return [f"{each.column}: {each.message}" for each in caught.value.problems]


@pytest.mark.parametrize(
    "reference", ["new-operation", "NEW-operation", "0d9ff9fb-6f0f-4c55-9f0b-000000000003"]
)
def test_a_case_may_ask_for_a_rule_that_need_not_match(reference, load):
    """What it asks for goes on alerting; what it is about does not, as before."""
    loaded = load(f"{{when: {{rule: {reference}}}, level: critical}}")

    found = loaded.by_name["in-and-out"]
    over = found.aggregation
    assert ("login", "query", "new-operation") == over.rules
    assert (("login", "query"), {"new-operation"}) == (over.members, over.optional)
    assert (["new-operation"], 2) == (
        [each.rule for each in over.member_conditions],
        found.needed_correlated,
    )
    assert {"login", "query", "new-operation"} == loaded.correlation_inputs
    assert loaded.by_name["new-operation"].raises_alert
    assert not loaded.by_name["login"].raises_alert


def test_a_case_that_asks_for_one_of_the_rules_makes_none_optional(load):
    over = load("{when: {rule: login}, level: critical}").by_name["in-and-out"].aggregation

    assert (("login", "query"), frozenset()) == (over.rules, over.optional)


def test_what_is_asked_for_may_keep_the_group_elsewhere(load):
    case = "{when: {rule: keyless}, field: metric, gte: 2, level: critical}"
    more = ", aliases: {user_id: {keyless: operation}}"

    over = load(case, more).by_name["in-and-out"].aggregation

    assert {"keyless"} == over.optional
    (problem,) = said(load, case)
    assert problem.startswith("15: in rule 'keyless' its window has no field 'user_id'")


def test_a_file_may_ask_for_a_rule_of_another(rule_file, schema, tmp_path):
    """Loaded beside others it borrows what its cases ask for, and nothing else."""
    parts = (RULES % ("", "{when: {rule: new-operation}, level: critical}")).split("---\n")
    path = tmp_path / "others.yml"
    path.write_text("---\n".join(parts[:5]), encoding="utf-8")
    own = rule_file("", head=parts[5])

    loaded = loader.load_named_rule_set([own], other_paths=[path], schema=schema)

    assert {"login", "query", "new-operation"} == loaded.borrowed


def test_a_filter_on_the_correlation_is_for_what_its_cases_ask_for_too(rule_file, schema):
    text = RULES % ("", "{when: {rule: new-operation}, level: critical}")
    text += """\
---
title: Not of the robot
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000007
logsource: {product: salesforce}
filter: {rules: [in-and-out], robot: {user_id: 005000000000009}, condition: not robot}
"""
    loaded = loader.load_rule_set([rule_file("", head=text)], schema=schema)

    over = loaded.by_name["in-and-out"].aggregation
    copies = tuple(f"{name}.in-and-out" for name in ("login", "query", "new-operation"))
    assert (copies, {copies[2]}) == (over.rules, over.optional)
    assert [copies[2]] == [each.rule for each in over.member_conditions]
    assert "005000000000009" in loaded.by_name[copies[2]].predicate


ASKED = [
    ("{when: {rule: new-operatoin}, level: low}", "15: ", "did you mean 'new-operation'?"),
    ("{when: {rule: queries}, level: low}", "15: 'queries' is a correlation: cases ask for", ""),
    ("{when: {rul: query}, level: low}", "15: unknown key 'rul', did you mean 'rule'?", ""),
    ("{when: {rule: 5}, level: low}", "15: 'rule' must be text", ""),
    ("{when: nowhere, level: low}", "8: 'when' of a correlation is the name of one of its", ""),
    (
        "{when: {list: ioc_ip}, level: low}",
        "8: 'when' about a list goes with rules about events, not with a correlation",
        "",
    ),
    (
        "{field: metric, gte: record_count, level: low}",
        "23: 'metric' and 'record_count': one is of events, the other of their window",
        "",
    ),
    (
        "{field: record_count, lt: event_count, level: low}",
        "29: 'record_count' and 'event_count': one is of events, the other of their window",
        "",
    ),
]


@pytest.mark.parametrize(("case", "start", "end"), ASKED, ids=[row[0] for row in ASKED])
def test_what_a_case_cannot_be_about_is_told_where_it_stands(case, start, end, load):
    found = said(load, case)

    assert any(each.startswith(start) and each.endswith(end) for each in found), found


def test_only_correlations_ask_for_other_rules(rule_file, schema):
    text = RULES.split("---\n", maxsplit=1)[0]
    text += "collector: {severity: [{when: {rule: query}, level: high}]}\n"

    with pytest.raises(RulesError, match="'when' about another rule goes with a correlation"):
        loader.load_rule_set([rule_file("", head=text)], schema=schema)
