"""`link` of a correlation: what its events lack stands in another one, of the same session."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector.clock import now
from collector.detect import loader
from collector.detect.export import sigma as export_sigma
from collector.errors import RulesError
from collector.model import MemberLink
from collector.rules.rule_files import EVENT_SCHEMA

RULES = """\
title: Login
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000001
name: login
level: low
logsource: {product: salesforce, service: LoginEvent}
detection: {s: {app_name|exists: true}, condition: s}
---
title: Export
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000002
name: export
level: low
logsource: {product: salesforce, service: BulkApi2}
detection: {s: {record_count|gte: 1}, condition: s}
---
title: Grant
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000003
name: grant
level: low
logsource: {product: salesforce, service: OauthToken}
detection: {s: {app_name|exists: true}, condition: s}
---
title: Exports
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000004
name: exports
level: low
correlation:
  {type: event_count, rules: [export], group-by: [user_id], timespan: 10m, condition: {gte: 3}}
---
title: Grant and export
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000005
name: granted-and-took
level: medium
correlation: {type: temporal, rules: [grant, RULE], group-by: [app_name], timespan: 1h}
collector:
"""
LINK = "{rule: login, by: login_key, fill: [app_name]}"


@pytest.fixture
def load(rule_file):
    def load(line, rule="export"):
        text = f"{RULES.replace('RULE', rule)}  {line}\n"
        return loader.load_rule_set([rule_file("", head=text)], schema=EVENT_SCHEMA)

    return load


def said(load, *what):
    with pytest.raises(RulesError) as caught:
        load(*what)
    return [f"{each.column}: {each.message}" for each in caught.value.problems]


def test_a_rule_fills_what_others_lack(load):
    loaded = load(f"link: {LINK}")

    found = loaded.by_name["granted-and-took"].aggregation
    expected = MemberLink(
        rule="login", by="login_key", fills=("app_name",), within=timedelta(hours=12)
    )
    assert expected == found.link
    assert (("grant", "export", "login"), {"login"}) == (found.rules, found.optional)
    assert loaded.by_name["login"].raises_alert


def test_sigma_has_no_words_for_it(load):
    loaded = load(f"link: {LINK}")

    exported = {each.rule: each for each in export_sigma.export_rules(loaded, at=now())}
    assert "Sigma has no words for an event that links others" in str(exported["granted-and-took"])


def test_without_a_link_the_field_is_lacking(load):
    (problem,) = said(load, "title: nothing")

    assert "in rule 'export'" in problem
    assert "'app_name'" in problem


WRONG = [
    ("link: {rule: lgin, by: login_key, fill: [app_name]}", "unknown rule 'lgin', did you mean"),
    ("link: {rule: exports, by: login_key, fill: [app_name]}", "'exports' is a correlation, and"),
    ("link: {rule: login, by: login_ky, fill: [app_name]}", "has no field 'login_ky', did you"),
    ("link: {rule: login, by: login_key, fill: [app_nme]}", "has no field 'app_nme', did you"),
    ("link: {rule: login, by: login_key, fill: []}", "'fill' must hold one item or more"),
    ("link: {rule: login, by: login_key, fils: [app_name]}", "unknown key 'fils', did you mean"),
    ("link: {rule: login, by: Platform, fill: [app_name]}", "none of its rules has 'Platform'"),
]


@pytest.mark.parametrize(("line", "expected"), WRONG, ids=[row[0] for row in WRONG])
def test_what_is_wrong_with_a_link_is_told(line, expected, load):
    found = said(load, line)

    assert any(expected in each for each in found), found


def test_what_is_filled_makes_episodes_where_it_makes_groups(load):
    """A late link event moves an event from group to group, not within one."""
    both = "link: {rule: login, by: login_key, fill: [app_name, user_name]}"

    assert load(f"{both}\n  dedup: {{key: [app_name]}}")
    found = said(load, f"{both}\n  dedup: {{key: [app_name, user_name]}}")
    assert any("'user_name' is filled by the link: have it in" in each for each in found), found


def test_a_link_fills_events_and_not_windows(load):
    assert any("a link fills events" in each for each in said(load, f"link: {LINK}", "exports"))


def test_a_rule_over_events_has_no_link(rule_file):
    text = RULES.split("---\n", maxsplit=1)[0] + f"collector: {{link: {LINK}}}\n"

    with pytest.raises(RulesError, match="a link goes with a correlation"):
        loader.load_rule_set([rule_file("", head=text)], schema=EVENT_SCHEMA)
