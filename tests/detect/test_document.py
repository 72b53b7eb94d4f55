"""YAML with places, and what is not read as YAML."""

from __future__ import annotations

import pytest

from collector.detect.language import yaml_document
from collector.errors import RulesError


def read(tmp_path, content):
    path = tmp_path / "x.yml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return yaml_document.read_documents(path)


REFUSED = [
    ("a: [1", "1:6: not YAML"),
    ("a:\n\t- b", "2:1: not YAML"),
    ("a: 1\nb: 2\na: 3\n", "3:1: 'a' stands here twice"),
    ("a: {x: 1, x: 2}", "1:11: 'x' stands here twice"),
    ("5: x", "1:1: a key must be text"),
    ("[a]: x", "1:1: a key must be text"),
    ("a: &x 1\nb: *x\n", "2:4: aliases (*name) are not served"),
    ("- a\n- b\n", "1:1: a document is a mapping of keys"),
    ("only text", "1:1: a document is a mapping of keys"),
    ("a: !python/object:os.system x", "1:4: unknown tag"),
    ("a: !!int x", "1:4: a value that YAML cannot build"),
    (b"a: 1\nb: \xff\n", "2:4: not UTF-8 text"),
    ("a: \x07", "1:4: the character U+0007 may not stand in YAML"),
    ("é: 1\r\n# ü\x7f\x00\n", "2:4: the character U+007F may not stand in YAML"),
    ("a: \n\ufffe", "2:1: the character U+FFFE may not stand in YAML"),
    ("a: 1\n" * 300_000, "1:1: larger than 1,000,000 bytes"),
]


@pytest.mark.parametrize(("content", "expected"), REFUSED, ids=range(len(REFUSED)))
def test_what_reads_differently_from_what_it_does_is_refused(content, expected, tmp_path):
    with pytest.raises(RulesError) as caught:
        read(tmp_path, content)

    (problem,) = caught.value.problems
    said = str(problem).removeprefix(f"{tmp_path / 'x.yml'}:")
    assert said.startswith(expected)


def test_a_bomb_of_nested_lists_is_refused(tmp_path):
    with pytest.raises(RulesError, match="1:23: nested more than 20 levels deep"):
        read(tmp_path, "a: " + "[" * 100_000)


def test_a_file_that_is_not_there_is_a_problem_of_that_file(tmp_path):
    with pytest.raises(RulesError, match=r"none\.yml:1:1: cannot be read: No such file"):
        yaml_document.read_documents(tmp_path / "none.yml")


def test_documents_know_where_their_keys_stand(tmp_path):
    first, second = read(tmp_path, "---\na: {b: [x, y]}\n---\n---\nc: 1\nd:\n  - e: f\n---\n")

    assert [2, 7, 7] == [
        first.find_line(("a", "b", 1)),
        second.find_line(("d", 0)),
        second.find_line(("d", 0, "e")),
    ]
    assert "7:5" in str(second.build_problem(("d", 0, "e", "g"), "x"))
    assert "5:1" in str(second.build_problem(("nothing",), "x"))


def test_dates_are_text_as_written(tmp_path):
    (found,) = read(tmp_path, "a: 2026-11-20\nb: [2026-11-20T10:00:00Z, 5, 1.5, true, null, x]\n")

    assert {"a": "2026-11-20", "b": ["2026-11-20T10:00:00Z", 5, 1.5, True, None, "x"]} == found.data


def test_an_empty_file_holds_nothing(tmp_path):
    assert [] == read(tmp_path, "# nothing\n---\n")
