"""`rules export`: what is written loads elsewhere, and finds what the rules find here."""

from __future__ import annotations

import duckdb
import pytest
import sqlalchemy as sa
from cli.processes import invoke_command
from sigma.collection import SigmaCollection

from collector.api.rule_list import classify_rule
from collector.detect.export.sql import ARCHIVE_PLACEHOLDER
from collector.ingest.temporary_pipeline import open_temporary_pipeline
from collector.rules.rule_files import load_rule_files
from collector.rules.self_tests import run_rule_tests
from collector.settings.shipped_files import find_shipped_folder
from collector.store import tables

EXPORTED = (
    *("api/api-anomaly.yml", "api/cli-activity.yml", "api/user-agent-ioc.yml"),
    *(
        "applications/package-or-app-installed.yml",
        "authentication/threat-detection-passthrough.yml",
    ),
    *("bulk/bulk-result-download.yml", "guest/guest-api-read.yml", "setup/data-export-service.yml"),
)

LADDER = """\
title: A login
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b11
name: a-login
level: low
logsource: {product: salesforce, service: Login}
detection:
  ada: {user_name|contains: ada}
  eve: {user_name|contains: eve}
  condition: ada or eve
collector:
  severity: [{when: eve, level: high}]
---
title: Usual
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b12
name: usual
level: low
logsource: {product: salesforce, service: Login}
detection:
  any: {user_name|exists: true}
  condition: any
collector:
  baseline: {metric: count, group_by: [user_name], window: 1h, history: 30d}
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "rules.yml"
    path.write_text(LADDER)
    return path


def test_the_shipped_rules_load_in_pysigma(tmp_path):
    out = tmp_path / "sigma"
    result = invoke_command("rules", "export", "--to", "sigma", "--out", out)
    found = SigmaCollection.load_ruleset([out])

    assert 0 == result.exit_code
    assert [] == [*found.errors, *(error for rule in found.rules for error in rule.errors)]
    told = {
        rule.name
        for rule in load_rule_files(()).rules
        if classify_rule(rule) == "event" and rule.raises_alert
    }
    written = {path.stem for path in out.iterdir()}
    left_out = {line.split()[0] for line in result.stderr.splitlines()}
    assert told <= written | left_out
    assert len(told & written) > len(told) / 2


def test_on_stdout_the_rules_follow_each_other_and_what_cannot_be_said_is_on_stderr(path):
    result = invoke_command("rules", "export", "--to", "sigma", path)
    found = SigmaCollection.from_yaml(result.stdout)

    assert ["a-login-high", "a-login-low"] == [rule.name for rule in found.rules]
    assert (
        "usual is left out: Sigma has no words for a measure held against its past or its peers\n"
        == result.stderr
    )


@pytest.mark.parametrize("language", ["duckdb", "spark"])
def test_sql_stands_below_a_line_with_the_name_of_its_rule(path, language, tmp_path):
    result = invoke_command("rules", "export", "--to", language, path)
    headers = [line for line in result.stdout.splitlines() if line.startswith("-- rule: ")]

    assert ["-- rule: a-login", "-- rule: usual"] == headers

    out = tmp_path / "sql"
    invoke_command("rules", "export", "--to", language, "--out", out, path)

    assert {"a-login.sql", "usual.sql"} == {each.name for each in out.iterdir()}


def test_a_language_has_to_be_named(path):
    assert 2 == invoke_command("rules", "export", path).exit_code
    assert 2 == invoke_command("rules", "export", "--to", "prolog", path).exit_code


@pytest.mark.slow
def test_sql_over_an_archive_finds_the_events_that_the_rules_have_found(tmp_path):
    """Of the tests of some shipped rules, each of which has an org of its own."""
    out = tmp_path / "sql"
    paths = [find_shipped_folder("rules") / each for each in EXPORTED]
    invoke_command("rules", "export", "--to", "duckdb", "--out", out, *paths)
    rules = load_rule_files(paths)
    with open_temporary_pipeline(rules) as bench:
        assert [] == [each.failure for each in run_rule_tests(rules, bench) if each.failure]
        archive = bench.paths.archive.root
        exported = [rule for rule in rules.rules if (out / f"{rule.name}.sql").exists()]
        single = [rule for rule in exported if classify_rule(rule) == "event"]
        asked = [
            (rule, f"{rule.name}-{n}")
            for rule in single
            for n, test in enumerate(rule.tests)
            if not test.lists and not test.directory
        ]
        with bench.database.read() as connection:
            expected = {
                (rule.name, org): _matched(connection, rule.name, org) for rule, org in asked
            }
        actual = {
            (rule.name, org): _found((out / f"{rule.name}.sql").read_text(), archive, org)
            for rule, org in asked
        }

    assert expected == actual
    assert any(expected.values())


def _matched(connection, rule, org):
    table = tables.matches
    query = sa.select(table.c.event_uid).where(table.c.rule == rule, table.c.org == org)
    return set(connection.execute(query).scalars())


def _found(text, archive, org):
    (view,) = [line for line in text.splitlines() if line.startswith("-- CREATE VIEW")]
    with duckdb.connect() as connection:
        if not list((archive / f"org={org}").rglob("*.parquet")):
            return set()
        view = view[3:].replace(f"{ARCHIVE_PLACEHOLDER}/", f"{archive}/org={org}/")
        connection.execute(view.replace("'ORG'", f"'{org}'"))
        result = connection.execute(text)
        place = [column[0] for column in result.description].index("event_uid")
        return {row[place] for row in result.fetchall()}
