"""The rules that are shipped: complete, and true to their own tests on the real path."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from collector.detect.lint import lint_rules
from collector.ingest.temporary_pipeline import open_temporary_pipeline
from collector.rules import self_tests
from collector.rules.rule_files import EVENT_SCHEMA, load_written_rules
from collector.settings.shipped_files import find_shipped_folder

FOLDER = find_shipped_folder("rules")
FILES = sorted(each for each in FOLDER.rglob("*.yml") if each.parent.name != "lists")


@pytest.fixture(scope="module")
def shipped():
    """As their files have them, and all of them on."""
    return load_written_rules(())


def test_the_four_seeds_are_shipped(shipped):
    names = {rule.name for rule in shipped.rules}

    assert {"api-anomaly", "bulk-api-job", "cli-activity", "package-or-app-installed"} <= names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_file_tells_all_that_its_reader_needs(path, shipped):
    """A rule has the file's name; every key of use is filled in, of building blocks the first."""
    documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    (named,) = [each for each in documents if each["name"] == path.stem]

    for each in documents:
        assert all(each.get(key) for key in ("title", "description", "author", "date", "tags"))
        assert each["status"]
    assert all(named.get(key) for key in ("references", "falsepositives"))
    assert named["collector"]["triage"].count("\n") >= 4


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_file_shows_when_it_fires_and_when_it_does_not(path, shipped):
    rules = [rule for rule in shipped.own_rules if rule.path == path and rule.raises_alert]

    assert {True, False} == {test.alert_count > 0 for rule in rules for test in rule.tests}
    assert all(rule.attack and rule.tests for rule in rules)


def test_nothing_is_wrong_with_them(shipped):
    found = lint_rules(shipped, schema=EVENT_SCHEMA)

    assert [] == [f"{each.problem.path.name}: {each.problem.message}" for each in found]


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_rules_of_a_shipped_file_do_what_their_tests_say(path, shipped):
    others = frozenset(rule.name for rule in shipped.known_rules if rule.path != path)
    rules = replace(shipped, borrowed=others)
    with open_temporary_pipeline(rules) as bench:
        verdicts = list(self_tests.run_rule_tests(rules, bench))

    assert len(verdicts) == sum(len(rule.tests) for rule in rules.own_rules) > 0
    assert [] == [f"{v.rule.name}: {v.test.name}: {v.failure}" for v in verdicts if v.failure]
