"""The archive alone knows where its files lie: nobody else joins, names or lists paths in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import collector

PACKAGE = Path(collector.__file__).parent
WIRING = PACKAGE / "ingest" / "state_paths.py"
"""The one place that says which archive a state directory has."""

LOCAL = "collector.archive.local_archive"


def list_trespasses(text: str) -> list[str]:
    """The expressions of a module that only an archive may hold."""
    return [ast.unparse(node) for node in ast.walk(ast.parse(text)) if is_trespass(node)]


def is_trespass(node: ast.AST) -> bool:
    match node:
        case (
            ast.BinOp(op=ast.Div(), right=ast.Attribute(attr="path"))
            | ast.Call(func=ast.Name(id="FileLocation"))
            | ast.Attribute(value=ast.Attribute(attr="archive"), attr="root")
            | ast.Attribute(value=ast.Name(id="archive"), attr="root")
        ):
            return True
        case ast.Call(
            func=ast.Attribute(attr="glob" | "rglob"), args=[ast.Constant(value=pattern)]
        ):
            return "parquet" in str(pattern)
        case ast.ImportFrom(module=module, names=names):
            return LOCAL in {module, *(f"{module}.{name.name}" for name in names)}
        case ast.JoinedStr():
            return any(word in ast.unparse(node) for word in ("event_type={", "org={", "date={"))
    return False


def list_modules() -> Iterator[Path]:
    archive = PACKAGE / "archive"
    for path in sorted(PACKAGE.rglob("*.py")):
        if path != WIRING and not path.is_relative_to(archive):
            yield path


def test_no_other_room_knows_where_the_files_of_the_archive_lie():
    found = {
        str(path.relative_to(PACKAGE)): trespasses
        for path in list_modules()
        if (trespasses := list_trespasses(path.read_text(encoding="utf-8")))
    }

    assert {} == found


@pytest.mark.parametrize(
    "text",
    [
        "paths = [root / file.path for file in files]",
        "location = FileLocation(str(path))",
        "found = list(root.rglob('*.parquet'))",
        "folder = paths.archive.root",
        "from collector.archive.local_archive import LocalArchive",
        "from collector.archive import local_archive",
        "path = f'org={org}/event_type={event_type}'",
    ],
)
def test_what_only_an_archive_may_do_is_recognised(text):
    assert 1 == len(list_trespasses(text))


def test_the_wiring_makes_a_local_archive():
    assert "from collector.archive.local_archive import LocalArchive" in list_trespasses(
        WIRING.read_text(encoding="utf-8")
    )
