"""Fields that nobody documents: named by a rule that says so, and told of by lint."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.api.rule_tests import run_tests
from collector.detect import loader
from collector.detect.lint import lint_rules
from collector.errors import RulesError
from collector.rules.rule_files import load_rule_files

SOURCE = "logsource: {product: salesforce, service: Login}\n"


@pytest.fixture
def load(rule_file, schema):
    return lambda body: loader.load_rule_set([rule_file(body)], schema=schema)


@pytest.fixture
def warned(load, schema):
    """What lint says of the fields of a rule, as (line counted from the body's first, message)."""

    def lint(body):
        return [
            (each.problem.line - 4, each.problem.message)
            for each in lint_rules(load(body), schema=schema)
            if "no field" in each.problem.message or "unknown field" in each.problem.message
        ]

    return lint


def body(selection, block="unknown_fields: allow"):
    return (
        f"{SOURCE}detection:\n  s: {{{selection}}}\n  condition: s\n"
        f"collector:\n  title: '{{user_id|somebody}}'\n  {block}\n"
    )


def test_a_rule_that_allows_them_names_fields_that_are_not_documented(load):
    (rule,) = load(body("EASY_SUITE_VALUE: x, record_count|gte: 5, c-uri: /a")).rules

    assert {"EASY_SUITE_VALUE", "record_count", "c-uri", "user_id"} == rule.fields - {"source_ip"}


def test_its_misspelt_and_its_undocumented_fields_are_told_at_their_lines(warned):
    found = warned(
        body("LOGIN_STATUS: x, usr_id: y", "unknown_fields: allow\n  dedup: {key: [X9]}")
    )

    assert [
        (3, "Login has no field 'usr_id', did you mean 'user_id'?"),
        (8, "Login has no field 'X9'"),
    ] == found


def test_a_selection_over_an_undocumented_field_may_hold(load, schema):
    warnings = [
        each.problem.message
        for each in lint_rules(load(body("EASY_SUITE_VALUE: x")), schema=schema)
    ]

    assert [] == [each for each in warnings if "never holds" in each]


def test_a_word_of_a_title_stays_a_word(load):
    text = body("OTHER: x", "unknown_fields: allow").replace("somebody}", "Somebody} {NEW_ONE}")

    (rule,) = load(text).rules

    assert "NEW_ONE" in rule.fields
    assert "Somebody" not in rule.fields


def test_who_does_not_allow_them_learns_how(load):
    with pytest.raises(RulesError) as caught:
        load(body("EASY_SUITE_VALUE: x", "alert: true"))

    assert str(caught.value).endswith(
        "Login has no field 'EASY_SUITE_VALUE';"
        " what your org's files have is known with `-c` once some were collected, else say"
        " 'collector: {unknown_fields: allow}'"
    )


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("unknown_field: allow", "unknown key 'unknown_field', did you mean 'unknown_fields'?"),
        ("unknown_fields: yes", "'unknown_fields' must be 'refuse' or 'allow'"),
    ],
)
def test_a_misspelt_allowance_is_refused(block, expected, load):
    with pytest.raises(RulesError) as caught:
        load(body("OTHER: x", block))

    assert str(caught.value).endswith(expected)


def test_a_correlation_groups_by_the_unknown_fields_of_its_rule_and_lint_tells_it(warned):
    text = body("NEW_ONE: x") + (
        "---\ntitle: Many\nname: many\nid: 0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9a02\nlevel: low\n"
        "correlation:\n  type: event_count\n  rules: [a-rule]\n  group-by: [NEW_ONE, usr_id]\n"
        "  timespan: 1h\n  condition: {gte: 2}\n"
    )

    assert [
        (3, "Login has no field 'NEW_ONE'"),
        (16, "in rule 'a-rule' Login has no field 'NEW_ONE'"),
        (16, "in rule 'a-rule' Login has no field 'usr_id', did you mean 'user_id'?"),
    ] == warned(text)


def test_a_rule_over_an_undocumented_column_matches_the_files_that_have_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "suite.yml"
    path.write_text(
        "title: A suite\nname: suite\nid: 0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9a03\nlevel: low\n"
        f"{SOURCE}detection: {{s: {{BRAND_NEW|startswith: x}}, condition: s}}\n"
        "collector:\n  unknown_fields: allow\n  title: '{BRAND_NEW}'\n  tests:\n"
        "    - {name: has it, events: [{BRAND_NEW: xy}, {BRAND_NEW: z}], "
        "expect: {alerts: 1, title: xy}}\n"
        "    - {name: has it not, events: [{USER_ID: '005000000000001'}], expect: {alerts: 0}}\n",
        encoding="utf-8",
    )

    assert ["", ""] == [each.failure for each in run_tests(load_rule_files([path]))]
