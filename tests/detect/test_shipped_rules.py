"""The rules that are shipped: complete, and true to their own tests on the real path."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from collector import detect
from collector.app.wiring import EVENT_SCHEMA, open_temporary_pipeline
from collector.rules import self_tests

FOLDER = Path(__file__).parents[2] / "rules"
FILES = sorted(FOLDER.glob("*.yml"))


@pytest.fixture(scope="module")
def shipped():
    return detect.load_rule_set([FOLDER], schema=EVENT_SCHEMA)


def test_the_four_seeds_are_shipped(shipped):
    names = {rule.name for rule in shipped.rules}

    assert {"api-anomaly", "bulk-api-job", "cli-activity", "package-or-app-installed"} <= names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_rule_tells_all_that_its_reader_needs(path):
    """File and rule have one name; every key that a person relies on is filled in."""
    (document,) = yaml.safe_load_all(path.read_text(encoding="utf-8"))

    assert path.stem == document["name"]
    for key in ("description", "references", "author", "date", "tags", "falsepositives", "status"):
        assert document[key], key
    assert document["collector"]["triage"].count("\n") >= 4


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_rule_shows_when_it_fires_and_when_it_does_not(path, shipped):
    (rule,) = [rule for rule in shipped.rules if rule.path == path]

    assert {True, False} == {test.alert_count > 0 for test in rule.tests}
    assert rule.attack


def test_every_shipped_rule_does_what_its_tests_say(shipped):
    with open_temporary_pipeline(shipped) as bench:
        verdicts = list(
            self_tests.run_rule_tests(
                shipped.rules,
                pipeline=bench.pipeline,
                database=bench.database,
                spool=bench.paths.spool,
            )
        )

    assert len(verdicts) == sum(len(rule.tests) for rule in shipped.rules) > 0
    assert [] == [f"{v.rule.name}: {v.test.name}: {v.failure}" for v in verdicts if v.failure]
