"""How things are called: types are told apart by name alone, functions say what they do to what."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = [path for path in (ROOT / "collector").rglob("*.py") if "migrations" not in path.parts]


def definitions(kind: type[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Every definition of a kind, by name, and where it stands."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, kind):
                yield node.name, f"{path.relative_to(ROOT)}:{node.lineno}"


def words(name: str) -> list[str]:
    return [word for word in name.split("_") if word]


def test_no_class_name_stands_for_two_things():
    found = defaultdict(list)
    for name, place in definitions(ast.ClassDef):
        found[name].append(place)

    assert {} == {name: places for name, places in found.items() if len(places) > 1}


def test_functions_are_verb_and_object():
    """One word in five may do: `send`, `fetch`, properties. Two words and more are the rule."""
    names = [name for name, _ in definitions(ast.FunctionDef) if not name.startswith("__")]
    counts = [len(words(name)) for name in names]

    assert sum(counts) / len(counts) >= 2.1
    assert counts.count(1) / len(counts) <= 0.1


def test_no_name_is_a_sentence():
    assert [] == [
        (name, place) for name, place in definitions(ast.FunctionDef) if len(words(name)) > 5
    ]
