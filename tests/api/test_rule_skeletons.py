"""A rule to begin with has nothing wrong with it, and does what its own tests say."""

from __future__ import annotations

import pytest

from collector.api import rule_tests
from collector.api.rule_lint import build_lint_report
from collector.api.rule_skeletons import SKELETON_KINDS, render_skeleton, write_skeleton
from collector.errors import CollectorError
from collector.rules.rule_files import load_rule_files


@pytest.fixture
def folder(tmp_path):
    for kind in SKELETON_KINDS:
        write_skeleton(kind, f"my-{kind}", tmp_path / f"{kind}.yml")
    return tmp_path


def test_every_kind_passes_lint_beside_the_others(folder):
    report = build_lint_report(load_rule_files([folder]))

    assert [] == list(report.warnings)
    assert {"my-plain", "my-correlation", "my-first_seen", "my-baseline"} <= {
        rule.name for rule in report.rules.rules
    }


@pytest.mark.slow
def test_every_kind_passes_its_own_tests(folder):
    (folder / "filter.yml").unlink()
    results = list(rule_tests.run_tests(load_rule_files([folder])))

    assert 12 == len(results)
    assert {""} == {result.failure for result in results}


@pytest.mark.parametrize("kind", SKELETON_KINDS)
def test_no_two_have_the_same_id(kind):
    first, second = ({*render_skeleton(kind, "a").splitlines()} for _ in range(2))

    assert {"id"} == {line.partition(":")[0] for line in first ^ second}


def test_a_file_that_is_there_is_left_as_it_is(folder):
    before = (folder / "plain.yml").read_text()
    with pytest.raises(CollectorError, match="is there already"):
        write_skeleton("plain", "other", folder / "plain.yml")

    assert before == (folder / "plain.yml").read_text()


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(CollectorError, match="cannot be written: No such file"):
        write_skeleton("plain", "other", tmp_path / "none" / "plain.yml")


def test_a_name_is_a_slug():
    with pytest.raises(ValueError, match="a rule's name is a slug"):
        render_skeleton("plain", 'x"\ny: z')
