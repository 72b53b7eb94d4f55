"""The outline of rules says of them what the rules themselves say, as long as it is of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector.detect import RuleSet
from collector.model import Correlation
from collector.rules.coverage import OrgView, compute_coverage
from collector.rules.file_stamps import stamp_files
from collector.rules.outline import RuleOutlineFile, outline_rules
from collector.settings import RulesSettings
from fakes.model_samples import build_rule


def correlate(kind, *names):
    over = Correlation(type=kind, rules=names, group_by=("user_id",), timespan=timedelta(hours=1))
    return build_rule(name=kind, event_types=(), aggregation=over)


RULES = RuleSet(
    rules=(
        build_rule(name="login", event_types=("Login",)),
        build_rule(name="calls", event_types=("ApiEvent", "BulkJob")),
        build_rule(name="anything", event_types=()),
        correlate("event_count", "login", "calls"),
        correlate("temporal", "login", "calls"),
    )
)


@pytest.fixture
def rule_file(tmp_path):
    path = tmp_path / "mine.yml"
    path.write_text("title: One")
    return path


def make_file(tmp_path, **settings):
    return RuleOutlineFile(path=tmp_path / "outline.json", settings=RulesSettings(**settings))


def test_rules_cover_an_org_as_their_outline_does(tmp_path):
    file = make_file(tmp_path)
    file.save_outline(frozenset(), outline_rules(RULES))
    outline = file.load_outline(frozenset())

    for seen in (set(), {"Login"}, {"ApiEvent"}, {"Login", "ApiEvent"}):
        view = OrgView(org="acme", polls=(), seen_types=seen)

        assert list(compute_coverage(RULES, view)) == list(compute_coverage(outline, view))


def test_problems_are_kept_for_the_owner_alone(tmp_path, rule_file):
    file, stamps = make_file(tmp_path), stamp_files([rule_file])
    file.save_outline(stamps, outline_rules(RULES, ["mine.yml:1:1: no detection"]))

    assert ("mine.yml:1:1: no detection",) == file.load_outline(stamps).problems
    assert 0o600 == file.path.stat().st_mode & 0o777
    assert {"mine.yml", "outline.json"} == {each.name for each in tmp_path.iterdir()}


def test_it_does_not_count_where_files_or_settings_are_others(tmp_path, rule_file):
    file, stamps = make_file(tmp_path, paths=(rule_file,)), stamp_files([rule_file])
    file.save_outline(stamps, outline_rules(RULES))

    assert outline_rules(RULES) == file.load_outline(stamp_files([rule_file]))
    assert None is make_file(tmp_path).load_outline(stamps)
    assert None is make_file(tmp_path, paths=(rule_file,), disable=("x",)).load_outline(stamps)
    rule_file.write_text("title: Two")  # of the same length

    assert None is file.load_outline(stamp_files([rule_file]))


@pytest.mark.parametrize("content", ["", "[]", '{"fingerprint": 1}', "\udc80", "[" * 100_000])
def test_a_file_that_is_nothing_of_ours_is_none(tmp_path, content):
    file = make_file(tmp_path)
    file.path.write_bytes(content.encode("utf-8", "surrogateescape"))

    assert None is file.load_outline(frozenset())
    file.path.unlink()

    assert None is file.load_outline(frozenset())


def test_a_place_that_refuses_it_is_no_fault(tmp_path):
    file = make_file(tmp_path / "absent")
    file.save_outline(frozenset(), outline_rules(RULES))

    assert [] == list(tmp_path.iterdir())
