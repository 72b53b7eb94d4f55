"""Rules name what the directory knows, where events have the id that leads to it."""

from __future__ import annotations

import pytest

from collector import normalize
from collector.detect.export.sql import EventTable, export_rules
from collector.detect.loader import load_rule_set
from collector.errors import RulesError
from collector.rules.rule_files import EVENT_SCHEMA

RULE = """
title: A rule
id: 00000000-0000-4000-8000-000000000001
name: rule
level: low
logsource: {{product: salesforce, service: {service}}}
detection: {{s: {{{detection}}}, condition: s}}
collector: {{title: "{title}"}}
"""

MANAGER_PREDICATE = (
    """COALESCE((substr("user.manager_id", 1, 15) = '005000000000001' AND"""
    """ length("user.manager_id") IN (15, 18)), FALSE)"""
)


@pytest.fixture
def load(tmp_path):
    def load_one(detection, *, service="ApiEvent", title="of {user.display|user_id}"):
        path = tmp_path / "rule.yml"
        path.write_text(
            RULE.format(detection=detection, service=service, title=title), encoding="utf-8"
        )
        return load_rule_set([path], schema=EVENT_SCHEMA)

    return load_one


def test_a_misspelt_field_is_refused_with_the_nearest_name(load):
    with pytest.raises(RulesError, match=r"no field 'user.profil', did you mean 'user.profile'"):
        load("user.profil: Sales")


def test_a_field_of_whom_the_event_does_not_name_is_refused(load):
    with pytest.raises(RulesError, match=r"'report.folder' never has a value in LoginHistory"):
        load("report.folder: Pipeline", service="LoginHistory")


def test_a_name_may_be_asked_where_the_log_has_the_id_alone(load):
    (rule,) = load("user_name: ada@acme.com", service="ApiTotalUsage").rules

    assert {"user_name"} == rule.condition_fields


@pytest.mark.parametrize(
    ("detection", "predicate"),
    [
        (
            "user.is_admin: true",
            """COALESCE(lower(CAST("user.is_admin" AS VARCHAR)) IN ('true', '1'), FALSE)""",
        ),
        ("user.is_admin: null", 'COALESCE("user.is_admin" IS NULL, FALSE)'),
        (
            'user.name: "\u201cAda\u201d Lovelace\u200b"',
            """COALESCE(lower("user.name") = lower('Ada\u201d Lovelace'), FALSE)""",
        ),
        (
            "user.manager_id: 005000000000001AAA",
            MANAGER_PREDICATE,
        ),
    ],
)
def test_fields_are_compared_as_what_they_hold(load, detection, predicate):
    (rule,) = load(detection).rules

    assert predicate == rule.predicate


def export(rules):
    table = EventTable(
        schema=EVENT_SCHEMA, derived_types=normalize.DERIVED_EVENT_TYPES, dialect="duckdb"
    )
    (exported,) = export_rules(rules, table)
    return exported


def test_sql_over_an_archive_leaves_a_rule_out_that_needs_the_directory(load):
    assert export(load("user.is_admin: true, operation: query")).reason == (
        "user.is_admin is of the directory, which is in the state, not in the archive"
    )


def test_sql_over_an_archive_has_a_rule_that_only_shows_names(load):
    exported = export(load("operation: query"))

    assert ("", False) == (exported.reason, '"user.display"' in exported.text)
