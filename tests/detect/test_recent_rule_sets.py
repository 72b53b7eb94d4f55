"""Who loads the same files again gets what was compiled; whatever differs is compiled anew."""

from __future__ import annotations

import pytest

from collector.detect.recent_rule_sets import KEPT
from collector.rules.rule_files import load_rules
from collector.settings import RulesSettings, TuneSettings

RULE = """\
title: A login
id: 5d0f6e52-7a0e-4a39-9f59-3a1c5d2e0c02
name: a-login
level: low
logsource: {product: salesforce, service: Login}
detection: {s: {source_ip|expand: "%offices%"}, condition: s}
"""


@pytest.fixture
def load(tmp_path):
    path = tmp_path / "rule.yml"
    path.write_text(RULE)

    def load_with(text=RULE, *, address="192.0.2.1", **settings):
        path.write_text(text)
        chosen = {"paths": [path], "lists": {"offices": [address]}, **settings}
        return load_rules(RulesSettings.model_validate(chosen))

    return load_with


def test_the_same_sources_are_compiled_once(load):
    assert load() is load()


@pytest.mark.parametrize(
    "changes",
    [
        {"text": RULE.replace("level: low", "level: high")},
        {"address": "192.0.2.2"},
        {"tune": {"a-login": TuneSettings(level="high")}},
        {"disable": ["api-anomaly"]},
    ],
    ids=["rule", "list", "tuning", "disabled"],
)
def test_what_differs_is_compiled_anew(load, changes):
    before = load()
    after = load(**changes)

    assert (after.by_name, after.lists) != (before.by_name, before.lists)
    assert load() is before


def test_what_was_compiled_long_ago_is_forgotten(load):
    first = load()
    for number in range(KEPT):
        load(address=f"192.0.2.{number + 10}")

    again = load()
    assert again is not first
    assert again.by_name["a-login"].predicate == first.by_name["a-login"].predicate
