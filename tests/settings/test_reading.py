"""YAML is read as far as JSON goes, and everything else is refused with its place."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta

import pytest

from collector.errors import SettingsError
from collector.yaml_source.dialect import CONFIGURATION
from collector.yaml_source.problem_report import ProblemReport
from collector.yaml_source.reader import read_tree
from collector.yaml_source.source_text import MAX_BYTES
from collector.yaml_source.tree_builder import MAX_DEPTH


@pytest.fixture
def plain(tmp_path):
    """What a text is as dicts, lists and scalars."""

    def plain(text):
        path = tmp_path / "collector.yaml"
        path.write_text(text)
        report = ProblemReport(path=path, error_type=SettingsError)
        value = read_tree(report, CONFIGURATION).to_plain()
        assert report.problems == []
        return value

    return plain


@pytest.fixture
def refused(tmp_path):
    """The lines about a text that reading alone finds."""

    def refused(text):
        path = tmp_path / "collector.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        report = ProblemReport(path=path, error_type=SettingsError)
        with suppress(SettingsError):
            read_tree(report, CONFIGURATION)
        return [f"{p.line}:{p.column}: {p.message}" for p in report.problems]

    return refused


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("010", "010"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        (".inf", ".inf"),
        ("=", "="),
        ("1e999", "1e999"),
        ("9" * 5000, "9" * 5000),
        ("'5'", "5"),
        ('"null"', "null"),
        ("|\n  5\n", "5\n"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("5", 5),
        ("-7", -7),
        ("0", 0),
        ("67.0", 67.0),
        ("-1.5e3", -1500.0),
    ],
)
def test_only_what_json_knows_is_more_than_text(plain, text, expected):
    actual = plain(f"key: {text}")["key"]

    assert expected == actual
    assert type(expected) is type(actual)


def test_keys_are_text_whatever_they_look_like(plain):
    assert plain("1: a\nno: b\nnull: c\n<<: d") == {"1": "a", "no": "b", "null": "c", "<<": "d"}


@pytest.mark.parametrize("indent", [None, 1, 4])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_json_is_read_as_json(plain, indent, ascii_only):
    document = {
        "text": 'quotes " and \\ / and \n breaks',
        "emoji": "🔑 é",
        "🔑": [1, -2.5, True, False, None, [], {}],
        "deep": {"a": {"b": [{"c": "no"}, "010"]}},
    }

    assert document == plain(json.dumps(document, indent=indent, ensure_ascii=ascii_only))


def test_a_byte_order_mark_is_no_part_of_the_first_key(plain):
    assert plain("\ufeffa: 1") == {"a": 1}


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n"])
def test_a_file_of_nothing_is_no_value(plain, text):
    assert plain(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &x 1", ["1:4: an anchor (&name) is not allowed: write the value out twice"]),
        ("a:\n  b: *x", ["2:6: an alias (*name) is not allowed: write the value out"]),
        ("*x : 1", ["1:1: an alias (*name) is not allowed: write the value out"]),
        ("a: !!python/name:os.system", [
            "1:4: a tag (!name) is not allowed: quote a text that begins with '!'"
        ]),
        ("a: !env [1]", ["1:4: a tag (!name) is not allowed: quote a text that begins with '!'"]),
        ("a: ! 1", ["1:4: a tag (!name) is not allowed: quote a text that begins with '!'"]),
        ("a: 1\nb: 2\na: 3", ["3:1: key 'a' already stands on line 1"]),
        ("{a: 1, 'a': 2}", ["1:8: key 'a' already stands on line 1"]),
        ("[1]: 2", ["1:1: a key must be text"]),
        ("? {a: 1}\n: 2", ["1:3: a key must be text"]),
        ("a: 1\n---\nb: 2", ["2:1: a second document: one per file"]),
        ("a: 1\n\tb: 2", ["2:1: a tab: indent with spaces"]),
        ("a: b: c", [("1:5: a ':' cannot stand here: check the indentation, "
                     "or put the value in quotes")]),
        ("a: 1\nword", ["2:5: expected 'key: value'"]),
        ("a:\n  - 1\n b: 2", ["3:2: the indentation does not fit the lines above"]),
        ('a: "b', ["1:6: a quote is not closed"]),
        ("a: [1, 2", ["1:9: expected ',' or a closing bracket"]),
        (r'a: "\d"', [("1:6: unknown escape after a backslash: use single quotes "
                      "where a backslash is meant")]),
        (r'a: "\U00110000"', ["1:1: beyond this, a number is out of range"]),
        ("%YAML 1." + "9" * 5000 + "\n---\na: 1", ["1:1: beyond this, a number is out of range"]),
        (r'a: "\ud83d"', ["1:4: holds a character that is no text: NUL or half a surrogate pair"]),
        (r'a: "x\0y"', ["1:4: holds a character that is no text: NUL or half a surrogate pair"]),
        ("a: b\n\nc: d\0", ["3:5: the character U+0000 may not stand in YAML"]),
        ("a: \x1b[2J", ["1:4: the character U+001B may not stand in YAML"]),
        (b"a: 1\nb: \xe9", ["2:4: not UTF-8 text"]),
        (b"\xff\xfea\0", ["1:1: not UTF-8 text"]),
        (b"#" * (MAX_BYTES + 1), ["1:1: larger than 1,000,000 bytes"]),
    ],
)  # fmt: skip
def test_everything_else_is_refused_with_its_place(refused, text, expected):
    assert expected == refused(text)


def test_what_has_no_words_of_ours_is_told_in_those_of_the_parser(refused):
    (line,) = refused("a: @b")

    assert line.startswith("1:4: not YAML: ")


def test_small_mistakes_are_told_together(refused):
    assert refused("a: &x 1\nb: *x\na: 2") == [
        "1:4: an anchor (&name) is not allowed: write the value out twice",
        "2:4: an alias (*name) is not allowed: write the value out",
        "3:1: key 'a' already stands on line 1",
    ]


def test_depth_is_allowed_up_to_its_limit_and_not_beyond(plain, refused):
    most = "[" * MAX_DEPTH + "]" * MAX_DEPTH

    assert plain(most) is not None
    assert refused(f"[{most}]") == ["1:21: nested more than 20 levels deep"]


@pytest.mark.parametrize("opening", ["[", "{", "- ", "? ", "{a: ", "[{"])
def test_a_hundred_thousand_brackets_end_at_the_limit(refused, opening):
    assert refused(opening * 100_000)[-1].endswith("nested more than 20 levels deep")


@pytest.mark.slow
def test_values_are_allowed_up_to_their_number_and_not_beyond(plain, refused):
    items = CONFIGURATION.max_nodes - 1

    assert items == len(plain(f"[{'1,' * items}]"))
    assert refused(f"[{'1,' * (items + 1)}]") == ["1:100000: more than 50,000 values in one file"]


def test_a_bomb_of_aliases_is_named_and_never_multiplied(refused):
    lines = ["l0: &l0 [x, x]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10)]
    actual = refused("\n".join(lines))

    assert len(actual) == 10 + 9 * 9
    assert all("is not allowed" in line for line in actual)


def test_every_key_and_value_knows_its_place(tmp_path):
    path = tmp_path / "collector.yaml"
    path.write_text("a:\n  - b: 1\n    ccc:   'é'\n")
    root = read_tree(ProblemReport(path=path, error_type=SettingsError), CONFIGURATION)
    item = root.get_child("a").items[0]
    entry = item.entries["ccc"]

    assert (root.entries["a"].position.line, root.entries["a"].position.column) == (1, 1)
    assert (item.position.line, item.position.column) == (2, 5)
    assert (entry.position.line, entry.position.column) == (3, 5)
    assert (entry.node.position.line, entry.node.position.column) == (3, 12)


def test_a_configuration_written_by_a_program_as_json_loads(load_text):
    org = {
        "name": "acme",
        "login_url": "https://acme.my.salesforce.com",
        "auth": {"flow": "client_credentials", "client_id": "x", "client_secret": "${env:S}"},
        "api_version": "67.0",
        "sources": {"stored_events": False, "login_history": {"every": "30s"}},
    }
    document = {"orgs": [org], "channels": {"here": {"type": "terminal"}}}
    settings = load_text(json.dumps(document, indent=1), {"S": "s"}).settings

    assert settings.orgs[0].sources.stored_events is None
    assert timedelta(seconds=30) == settings.orgs[0].sources.login_history.every
