"""Lists of pairs: an app, and the networks that are its own."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from collector.detect.export import sigma
from collector.detect.lint import lint_rules
from collector.errors import RulesError
from collector.normalize.ip_address_sql import select_addresses

ENTRIES = [
    {"value": "klue", "networks": ["192.0.2.0/24", "2001:db8::/32"]},
    {"prefix": "gain", "networks": ["198.51.100.7"]},
    {"value": "alone"},
]
FOREIGN = {
    "known": {"user_name|expand": "%apps%"},
    "own": {"user_name|pair": ["apps", "source_ip"]},
    "condition": "known and not own",
}


@pytest.fixture
def load(load_beside_list):
    def load_rule(detection, entries=ENTRIES):
        return load_beside_list("apps", entries, detection)

    return load_rule


def test_an_app_is_told_outside_the_networks_of_its_own_entry(load, connection):
    (rule,) = load(FOREIGN).rules
    events = [
        ("Klue", "192.0.2.9", False),
        ("Klue", "2001:db8::9", False),
        ("Klue", "198.51.100.7", True),
        ("Gainsight", "198.51.100.7", False),
        ("alone", "192.0.2.9", True),
        ("other", "203.0.113.1", False),
    ]
    rows = ", ".join(f"('{name}', '{address}')" for name, address, _ in events)
    keyed = select_addresses(
        f"(SELECT * FROM (VALUES {rows}) AS t(user_name, source_ip))", "source_ip"
    )
    shown = f"SELECT *, read_address_key AS source_ip_key FROM ({keyed})"
    query = f"SELECT user_name, source_ip, {rule.predicate} FROM ({shown})"

    assert sorted(events) == sorted(connection.execute(query).fetchall())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([{"value": "a", "networks": "192.0.2.0/24"}], "'networks' must be a list of networks"),
        ([{"value": "a", "networks": ["x"]}], "each of 'networks' must be a network such as"),
        ([{"value": "a", "network": []}], "unknown key 'network', did you mean 'networks'?"),
    ],
)
def test_what_is_wrong_with_pairs_is_told(load, entries, message):
    with pytest.raises(RulesError) as caught:
        load(FOREIGN, entries)

    assert message in str(caught.value)


def test_a_list_without_pairs_is_a_warning(load, schema):
    rules = load(FOREIGN, [{"value": "a"}])

    (warned,) = [
        each.problem.message
        for each in lint_rules(rules, schema=schema)
        if "networks" in each.problem.message
    ]
    assert warned.startswith("no entry of the list 'apps' has networks")
    assert "FALSE" in load(FOREIGN, []).rules[0].predicate


def test_the_other_of_a_pair_has_an_address(load):
    with pytest.raises(RulesError, match="the other field of a pair is source_ip"):
        load({"s": {"user_name|pair": ["apps", "uri"]}, "condition": "s"})


def test_sigma_has_no_words_for_pairs(load):
    (exported,) = sigma.export_rules(load(FOREIGN), at=datetime(2026, 1, 1, tzinfo=UTC))

    assert "Sigma has no words for a list of pairs" == exported.reason
