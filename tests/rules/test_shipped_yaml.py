"""Of the shipped files libyaml makes what PyYAML's own parser makes, with the same places."""

from __future__ import annotations

import pytest
import yaml

from collector.errors import RulesError
from collector.settings.shipped_files import find_shipped_folder
from collector.yaml_source.dialect import SHIPPED_SIGMA, SIGMA
from collector.yaml_source.problem_report import ProblemReport
from collector.yaml_source.reader import parse_trees

FILES = sorted(find_shipped_folder("rules").rglob("*.yml"))


def test_libyaml_is_there_and_there_are_files():
    assert SHIPPED_SIGMA.loader is yaml.CSafeLoader
    assert len(FILES) > 50


@pytest.mark.slow
def test_both_parsers_make_the_same_trees():
    for path in FILES:
        report = ProblemReport(path=path, error_type=RulesError)
        text = path.read_text(encoding="utf-8")
        quick, slow = (parse_trees(text, report, each) for each in (SHIPPED_SIGMA, SIGMA))
        assert quick == slow, path
        assert not report.problems, path
