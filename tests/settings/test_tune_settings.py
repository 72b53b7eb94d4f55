"""`rules.tune` in the configuration: its keys and their types; what it means, rules tell."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector.model import Severity
from collector.settings import RulesSettings


def test_every_key_is_typed_and_knows_its_place(load_text, minimal, tmp_path):
    text = (
        "rules:\n  tune:\n    burst: {level: high, threshold: 7, window: 30m, enabled: false}\n"
        "    'read-*':\n      exclude: [{user_name: [etl, 7]}, {app_id: x}]\n"
        "      only: {org: acme}\n      parameters: {rows: 2.5, span: 1h}\n"
        "      severity: [{field: metric, gte: 9, level: critical}]\n"
    )

    rules = load_text(minimal + text).settings.rules
    burst, read = rules.tune["burst"], rules.tune["read-*"]

    assert (Severity.HIGH, 7, timedelta(minutes=30), False) == (
        burst.level,
        burst.threshold,
        burst.window,
        burst.enabled,
    )
    assert ({"user_name": ["etl", 7]}, {"app_id": "x"}) == read.exclude
    assert ({"org": "acme"},) == read.only
    assert {"rows": 2.5, "span": "1h"} == read.parameters
    assert ({"field": "metric", "gte": 9, "level": "critical"},) == read.severity
    source = rules.source.get_child("tune")
    assert (tmp_path / "collector.yaml", 8) == (
        source.path,
        source.node.find_position(("read-*", "exclude")).line - minimal.count("\n") + 3,
    )


def test_there_is_none_by_default():
    assert {} == RulesSettings().tune


CONDITIONS = "must hold fields with values, such as {user_name: [etl@acme.com]}"
WRONG = [
    ("{a: x}", "5:19: 'a' must hold keys"),
    ("[x]", "5:15: 'tune' must hold keys"),
    ("{a: {treshold: 5}}", "5:20: unknown key 'treshold', did you mean 'threshold'?"),
    ("{a: {threshold: '5'}}", "5:31: 'threshold' must be a number"),
    ("{a: {threshold: true}}", "5:31: 'threshold' must be a number"),
    ("{a: {threshold: 0}}", "5:31: 'threshold' must be greater than 0"),
    ("{a: {exclude: {user_name: }}}", "5:29: 'exclude' must have a value for each field"),
    ("{a: {only: {user_name: [ada, null]}}}", "5:26: 'only' must have a value for each field"),
    ("{a: {level: loud}}", "5:27: 'level' must be one of informational, low, medium"),
    ("{a: {window: 5}}", "5:28: 'window' must be a duration such as 30s, 5m, 24h or 30d"),
    ("{a: {enabled: maybe}}", "5:29: 'enabled' must be true or false"),
    ("{a: {exclude: etl}}", f"5:29: 'exclude' {CONDITIONS}"),
    ("{a: {only: {}}}", f"5:26: 'only' {CONDITIONS}"),
    ("{a: {severity: {level: high}}}", "5:30: 'severity' must be a list of cases, such as"),
    ("{a: {parameters: {rows: [1]}}}", "5:39: 'rows' must be a number, a duration or a text"),
    ("{a: {parameters: {Rows: 1}}}", "5:33: 'Rows' must begin with a-z and go on"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), WRONG, ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_told_at_its_place(problems_of, minimal, text, expected):
    (line,) = problems_of(f"{minimal}rules: {{tune: {text}}}")

    assert line.startswith(f"collector.yaml:{expected}")
