"""Value lists of the configuration: values in place or a file, and every way of being wrong."""

from __future__ import annotations

import pytest

from collector.settings import ListFileSettings, RulesSettings


def test_values_stand_in_place_or_in_a_file_beside_the_configuration(load_text, minimal, tmp_path):
    (tmp_path / "exits.txt").write_text("185.220.101.33\n")
    text = (
        "rules:\n  lists:\n    approved_apps: [Data Sync, 5.0/3]\n    trusted-ips: [10.0.0.0/8]\n"
        "    empty: []\n    tor_exits: {file: exits.txt}\n"
    )

    lists = load_text(minimal + text).settings.rules.lists

    assert {
        "approved_apps": ("Data Sync", "5.0/3"),
        "trusted-ips": ("10.0.0.0/8",),
        "empty": (),
        "tor_exits": ListFileSettings(file=tmp_path / "exits.txt"),
    } == lists


def test_there_are_none_by_default():
    assert {} == RulesSettings().lists


NAME = "a list's name must consist of 1 to 60 of a-z, 0-9, '_' and '-'"
WRONG = [
    ("{a: x}", "5:20: 'a' must be a list, such as [one, two]"),
    ("{a: }", "5:19: 'a' must be a list, such as [one, two]"),
    ("{a: [5]}", "5:21: 'a' must be text: put it in quotes"),
    ("{a: ['']}", "5:21: 'a' must not be empty"),
    ("{a: [10.0.0.1/8]}", "5:21: 'a' must be a network: 10.0.0.0/8 is the one around it"),
    ("{a: [10.0.0.0/99]}", "5:21: 'a' must be a network such as 10.0.0.0/8 or 2001:db8::/32"),
    (
        "{a: {file: gone.txt}}",
        "5:27: 'file' must be a file that can be read: No such file or directory",
    ),
    ("{a: {file: .}}", "5:27: 'file' must be a file that can be read: Is a directory"),
    ("{a: {}}", "5:17: missing key 'file'"),
    ("{a: {path: x}}", "5:17: missing key 'file'"),
    ("{A b: [x]}", f"5:17: {NAME}"),
    ("[x]", "5:16: 'lists' must hold keys"),
]


@pytest.mark.parametrize(("text", "expected"), WRONG, ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_told_at_its_place(problems_of, minimal, text, expected):
    lines = problems_of(f"{minimal}rules: {{lists: {text}}}")

    assert f"collector.yaml:{expected}" == lines[0]


def test_a_key_that_is_none_of_a_file_is_told(problems_of, minimal):
    lines = problems_of(minimal + "rules: {lists: {a: {path: x}}}")

    assert "collector.yaml:5:21: unknown key 'path'; known are file" == lines[-1]
