"""What rules can say, on the real path: each rule of a file and its own tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.api.rule_tests import run_tests
from collector.rules.rule_files import load_rule_files


@pytest.mark.slow
def test_every_rule_of_the_file_does_what_its_tests_say():
    rules = load_rule_files([Path(__file__).with_name("rule_language.yml")])
    results = list(run_tests(rules))

    assert 23 == len(results)
    assert [] == [(each.test.name, each.failure) for each in results if each.failure]
