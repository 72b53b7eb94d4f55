"""What holds for the repository as a whole: layers, words, documents, and what is installed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import collector
from collector.settings.shipped_files import find_shipped_folder
from collector.store.schema_version import MIGRATIONS_DIR

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "collector"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

TOP = ("collector", "rules", "config", "tests", ".ci")
MADE = re.compile(r"__pycache__|\.(pyc|egg-info)$")

REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("python-hosted".replace("-", ""), "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
        ("crates", "io"),
        ("golang", "org"),
    )
]


def files(*tops: str) -> Iterator[Path]:
    """Every file that a person wrote, below these folders or else in the whole repository."""
    roots = [ROOT / top for top in tops or TOP]
    yield from (
        path
        for root in roots
        for path in sorted(root.rglob("*"))
        if path.is_file() and not any(MADE.search(part) for part in path.parts)
    )
    if not tops:
        yield from sorted(path for path in ROOT.iterdir() if path.is_file())


def places(pattern: str, *tops: str) -> list[str]:
    """Where a pattern stands in text, as path:line."""
    sought = re.compile(pattern)
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files(*tops)
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if sought.search(line)
    ]


# ---- code


def test_arrows_go_one_way():
    """The contracts of import-linter in pyproject.toml are kept."""
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    process = subprocess.run(
        [sys.executable, "-c", command, "--no-cache", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == process.returncode, process.stdout + process.stderr
    assert "3 kept, 0 broken" in process.stdout


def test_every_module_says_what_it_is_for():
    silent = [
        str(path.relative_to(ROOT))
        for path in files("collector")
        if path.suffix == ".py"
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]

    assert [] == silent


def test_every_exemption_from_a_check_names_the_check():
    assert [] == places(r"#\s*type:\s*ignore(?!\[[a-z])", "collector", "tests")
    assert [] == places(r"#\s*noqa(?!: [A-Z]+\d)", "collector", "tests")


def test_the_command_line_makes_no_json_of_its_own():
    """Shapes of JSON stand in collector/api; elsewhere settings and single values are written."""
    found = places(r"\bjson\.dumps\(|\bto_json_value\(", "collector/cli")

    assert [] == places(r"\basdict\b", "collector/cli")
    assert {"demo.py", "hunt.py", "org.py", "output.py"} == {
        place.rpartition(":")[0].rpartition("/")[2] for place in found
    }


def test_yaml_is_read_in_one_place_and_never_by_the_c_library_whose_limits_vary():
    pattern = r"yaml\.(\w*load|parse|compose|scan)|yaml\.C\w+|\bfrom yaml\b"

    assert {"collector/yaml_source"} == {
        place.rpartition("/")[0] for place in places(pattern, "collector")
    }


# ---- words


def test_nothing_is_left_to_be_done():
    assert [] == places(r"\b(TO{1}DO|FIX{1}ME)\b")


def test_no_text_names_a_registry():
    assert [] == places("|".join(map(re.escape, REGISTRIES)))


# ---- documents


@pytest.mark.parametrize(
    "command", ["pip install . && collector demo", "pip install '.[test]' && pytest"]
)
def test_the_readme_prints_the_two_commands_on_lines_of_their_own(command):
    assert command in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()


def test_the_version_is_one_and_the_changelog_has_it():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## (\d+\.\d+\.\d+)", changelog, re.MULTILINE)

    assert PROJECT["project"]["version"] == collector.__version__ == released[0]


def test_the_readme_names_every_command():
    from collector.cli import COMMANDS

    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert [] == [name for name in COMMANDS if f"collector {name}" not in readme]


# ---- what is installed


def test_the_wheel_is_told_to_carry_rules_and_configuration():
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]

    assert ["collector"] == wheel["packages"]
    assert {
        "rules": "collector/_shipped/rules",
        "config": "collector/_shipped/config",
    } == wheel["force-include"]


def test_what_is_installed_has_every_file_of_the_repository():
    """Whether from a wheel or from this folder: modules, templates, migrations, rules, config."""
    installed = Path(collector.__file__).parent

    assert [] == _missing(PACKAGE, installed)
    assert [] == _missing(PACKAGE / "store" / "migrations", MIGRATIONS_DIR)
    for name in ("rules", "config"):
        assert [] == _missing(ROOT / name, find_shipped_folder(name))


def _missing(source: Path, target: Path) -> list[str]:
    wanted = [path.relative_to(source) for path in files(str(source.relative_to(ROOT)))]
    assert wanted
    return [str(path) for path in wanted if not (target / path).is_file()]
