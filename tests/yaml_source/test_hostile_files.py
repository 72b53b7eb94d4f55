"""No file harms whoever reads it, and none reads differently from what it does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collector.errors import RulesError, SettingsError
from collector.yaml_source.dialect import CONFIGURATION, SIGMA
from collector.yaml_source.problem_report import ProblemReport
from collector.yaml_source.reader import parse_trees, read_tree
from collector.yaml_source.source_text import read_text

ALIAS_BOMB = "l0: &l0 [x, x]\n" + "".join(
    f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 10)
)

REFUSED_BY_BOTH = {
    "ten megabytes": ("x" * 10_000_000, "1:1: larger than 1,000,000 bytes"),
    "one byte too many": ("#" * 1_000_001, "1:1: larger than 1,000,000 bytes"),
    "a hundred thousand lists": ("[" * 100_000, "1:21: nested more than 20 levels deep"),
    "lists, never closed, by lines": ("- " * 100_000, "1:41: nested more than 20 levels deep"),
    "mappings": ("{a: " * 100_000, "1:81: nested more than 20 levels deep"),
    "keys of keys": ("? " * 100_000, "1:41: nested more than 20 levels deep"),
    "lists as keys": ("{[" * 100_000, "1:21: nested more than 20 levels deep"),
    "a NUL": ("a: b\n\nc: d\0", "3:5: the character U+0000 may not stand in YAML"),
    "a terminal's escape": ("a: \x1b[2J", "1:4: the character U+001B may not stand in YAML"),
    "a C1 control": ("a: \x9b", "1:4: the character U+009B may not stand in YAML"),
    "a non-character": ("a: \n\ufffe", "2:1: the character U+FFFE may not stand in YAML"),
    "UTF-16": ("a: 1".encode("utf-16-le"), "1:2: the character U+0000 may not stand in YAML"),
    "UTF-16 with its mark": ("a: 1".encode("utf-16"), "1:1: not UTF-8 text"),
    "half a surrogate pair, encoded": (b"a: \xed\xa0\xbd", "1:4: not UTF-8 text"),
    "an overlong slash": (b"a:\n  b: \xc0\xaf", "2:6: not UTF-8 text"),
    "an escape beyond Unicode": (r'a: "\U00110000"', "1:1: beyond this, a number is out of range"),
    "a version beyond numbers": (
        "%YAML 1." + "9" * 5000 + "\n---\na: 1",
        "1:1: beyond this, a number is out of range",
    ),
    "a tab as indentation": ("a: 1\n\tb: 2", "2:1: "),
    "a tab in a list": ("a: [\n\t{", "2:1: "),
    "an alias to nothing": ("a: *b", "1:4: "),
    "an alias to itself": ("a: &b [*b]", "1:8: "),
    "an alias as a key": ("*x : 1", "1:1: "),
    "an alias merged in": ("a: &x {b: 1}\nc:\n  <<: *x", "3:7: "),
    "a bomb of aliases": (ALIAS_BOMB, "10:50: "),
    "a tag that runs code": ("a: !!python/object/apply:os.system [ls]", "1:4: "),
    "a tag of one's own": ("a: !env [1]", "1:4: "),
    "a tag on a key": ("!env a: 1", "1:1: "),
    "a set": ("a: !!set {b, c}", "1:4: "),
    "bytes": ("a: !!binary YQ==", "1:4: "),
    "a key twice": ("a: 1\nb: 2\na: 3", "3:1: "),
    "a key twice, quoted": ("{a: 1, 'a': 2}", "1:8: "),
    "a key twice, by an escape": ('a: 1\n"\\x61": 2', "2:1: "),
    "a list as a key": ("[1]: 2", "1:1: a key must be text"),
    "a mapping as a key": ("? {a: 1}\n: 2", "1:3: a key must be text"),
    "a NUL by an escape": (r'a: "x\0y"', "1:4: "),
    "half a surrogate pair": (r'a: "\ud83d"', "1:4: "),
    "half a surrogate pair as a key": (r'"\ude00\ud83d": 1', "1:1: "),
}


@pytest.mark.parametrize("dialect", [CONFIGURATION, SIGMA], ids=["configuration", "sigma"])
@pytest.mark.parametrize(
    ("content", "expected"), REFUSED_BY_BOTH.values(), ids=REFUSED_BY_BOTH.keys()
)
def test_it_is_refused_at_its_place_wherever_it_stands(read, dialect, content, expected):
    _, lines = read(content, dialect)

    assert lines[-1].startswith(expected)


@pytest.mark.parametrize(
    ("content", "configuration", "sigma"),
    [
        ("a: *b", "an alias (*name) is not allowed", "aliases (*name) are not served"),
        ("a: !b c", "a tag (!name) is not allowed", "unknown tag !b"),
        ("a: 1\na: 2", "key 'a' already stands on line 1", "'a' stands here twice"),
        ("a: 1\n\tb: 2", "a tab: indent with spaces", "not YAML: a tab: indent with spaces"),
        (r'a: "\0"', "holds a character that is no text", "no event holds NUL characters"),
    ],
)
def test_each_kind_of_file_has_its_words(read, content, configuration, sigma):
    for dialect, expected in ((CONFIGURATION, configuration), (SIGMA, sigma)):
        _, (line,) = read(content, dialect)
        assert line.split(": ", 1)[1].startswith(expected)


def test_an_anchor_that_nobody_refers_to_does_no_harm_in_a_rule(read):
    assert read("a: &x 1\nb: &x 2", SIGMA)[1] == []
    assert read("a: &x 1", CONFIGURATION)[1] == [
        "1:4: an anchor (&name) is not allowed: write the value out twice"
    ]


@pytest.mark.parametrize("dialect", [CONFIGURATION, SIGMA], ids=["configuration", "sigma"])
def test_twenty_levels_are_read_with_what_they_hold(read, dialect):
    (root,), lines = read("[" * 20 + "deep" + "]" * 20, dialect)

    assert [] == lines
    assert "deep" == root.follow_path((0,) * 20).value
    assert (1, 21) == (root.find_position((0,) * 20).line, root.find_position((0,) * 20).column)


@pytest.mark.parametrize("dialect", [CONFIGURATION, SIGMA], ids=["configuration", "sigma"])
def test_values_are_counted_over_all_documents(read, dialect):
    small = replace(dialect, max_nodes=1_000)
    first = f"[{'1,' * 499}]\n--- "

    assert [] == read(f"{first}[{'1,' * 499}]", small)[1]
    assert ["2:1004: more than 1,000 values in one file"] == read(f"{first}[{'1,' * 500}]", small)[
        1
    ]


@pytest.mark.parametrize("dialect", [CONFIGURATION, SIGMA], ids=["configuration", "sigma"])
def test_a_byte_order_mark_and_any_line_ends_are_no_part_of_the_text(read, dialect):
    (root,), lines = read(b"\xef\xbb\xbfa: x\r\nb: y\rc: z\n", dialect)

    assert [] == lines
    assert {"a": "x", "b": "y", "c": "z"} == root.to_plain()


@pytest.mark.parametrize("dialect", [CONFIGURATION, SIGMA], ids=["configuration", "sigma"])
def test_an_emoji_of_two_escapes_is_one_character(read, dialect):
    (root,), lines = read(r'"\ud83d\ude00": ["\ud83d\udd11"]', dialect)

    assert [] == lines
    assert {"😀": ["🔑"]} == root.to_plain()


def test_documents_are_read_one_by_one_and_empty_ones_have_no_value(read):
    trees, lines = read("---\na: 1\n---\n---\n- b\n...\n--- ~\n", SIGMA)

    assert [] == lines
    assert [{"a": 1}, None, ["b"], None] == [tree.to_plain() for tree in trees]
    assert [(2, 1), (4, 1), (5, 1)] == [
        (tree.position.line, tree.position.column) for tree in trees[:3]
    ]


def test_a_second_document_is_not_looked_at_where_there_is_to_be_one(tmp_path):
    path = tmp_path / "file.yml"
    path.write_text("a: 1\n---\n*x : [\n")
    report = ProblemReport(path=path, error_type=SettingsError)

    assert {"a": 1} == read_tree(report, CONFIGURATION).to_plain()
    assert [f"{path}:2:1: a second document: one per file"] == [*map(str, report.problems)]


@pytest.mark.parametrize("error_type", [RulesError, SettingsError])
def test_the_error_is_that_of_whoever_reads(tmp_path, error_type):
    report = ProblemReport(path=tmp_path / "none.yml", error_type=error_type)

    with pytest.raises(error_type, match=r"none\.yml:1:1: cannot be read: No such file"):
        parse_trees(read_text(report), report, SIGMA)
