"""Lists in the configuration: values, and entries with attributes as files have them."""

from __future__ import annotations

from datetime import date

import pytest

from collector.app.configuration import read_configuration
from collector.detect.lists.value_list import ListEntry
from collector.errors import RulesError
from collector.rules.rule_files import load_rules, load_sound_rules
from fakes.tuned_rules import CONFIG


@pytest.fixture
def settings(tmp_path):
    def read(lines):
        path = tmp_path / "collector.yaml"
        path.write_text(f"{CONFIG}  lists:\n{lines}")
        return read_configuration(path, {"SECRET": "s"}).settings.rules

    return read


def test_entries_have_the_attributes_that_files_give_them(settings):
    lines = (
        "    ours:\n      - ada\n      - 10.0.0.0/8\n"
        "      - {cidr: 192.0.2.0/24, source: acme-cti, confidence: high, expires: 2027-01-31}\n"
        "      - {prefix: etl-, note: loaders}\n"
    )

    assert (
        ListEntry(form="value", text="ada"),
        ListEntry(form="cidr", text="10.0.0.0/8"),
        ListEntry(
            form="cidr",
            text="192.0.2.0/24",
            source="acme-cti",
            confidence="high",
            expires=date(2027, 1, 31),
        ),
        ListEntry(form="prefix", text="etl-", note="loaders"),
    ) == load_rules(settings(lines)).lists["ours"].entries


WRONG = [
    ("{valu: x}", "unknown key 'valu', did you mean 'value'?"),
    ("{value: x, prefix: y}", "an entry has one of value, cidr, prefix, contains"),
    ("{value: x, expires: 2027-02-30}", "'expires' is no day of a calendar"),
    ("{value: x, confidence: certain}", "'confidence' must be one of low, medium, high"),
]


@pytest.mark.parametrize(("entry", "expected"), WRONG, ids=[row[0] for row in WRONG])
def test_what_is_wrong_with_an_entry_is_told_at_its_place(settings, tmp_path, entry, expected):
    with pytest.raises(RulesError) as caught:
        load_rules(settings(f"    ours:\n      - ada\n      - {entry}\n"))

    assert {(tmp_path / "collector.yaml", 9)} == {
        (problem.path, problem.line) for problem in caught.value.problems
    }
    assert expected in [problem.message for problem in caught.value.problems]


def test_who_must_go_on_goes_on_without_that_list_and_with_all_others(settings):
    lines = (
        "    broken: [{valu: x}]\n    ioc_ip: [{value: 192.0.2.7, note: n}]\n"
        "  tune: {cli-activity: {level: low}, bulk-api-job: {parameters: {high_rows: 0}}}\n"
    )
    sound = load_sound_rules(settings(lines))

    assert {7, 9} == {problem.line for problem in sound.problems}
    assert "broken" not in sound.rules.lists
    assert "192.0.2.7" in {entry.text for entry in sound.rules.lists["ioc_ip"].entries}
    assert "low" == str(sound.rules.by_name["cli-activity"].level)


def test_a_value_may_stand_there_twice_and_a_doubtful_one_is_told_at_its_place(settings, tmp_path):
    lines = "    ours:\n      - ada\n      - ada\n      - 10.0.0.0/8\n      - 192.0.2.x\n"
    ours = load_rules(settings(lines)).lists["ours"]
    (warning,) = ours.warnings

    assert ["ada", "10.0.0.0/8", "192.0.2.x"] == [entry.text for entry in ours.entries]
    assert (tmp_path / "collector.yaml", 11, 9) == (warning.path, warning.line, warning.column)
