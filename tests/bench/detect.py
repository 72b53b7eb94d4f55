"""What rules cost: sixty of them on the whole path, against the same path without any.

    python tests/bench/detect.py [--rows 2000000]

Every figure comes from a process of its own; ratios are within one run on one machine. A further
measurement is one function, one row of PARTS and one line of the table.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import elf_csv
import measuring
import sixty_rules

from collector.assembly import SCHEMA
from collector.detect import RuleSet, load


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--csv", type=Path)
    chosen = parser.parse_args()
    if chosen.part:
        measuring.tell(PARTS, chosen.part, chosen.csv)
        return
    with tempfile.TemporaryDirectory(prefix="collector-bench-") as directory:
        _whole_path(Path(directory), chosen.rows)


def _whole_path(directory: Path, rows: int) -> None:
    path = directory / "log.csv"
    print(f"{rows:,} rows of {len(elf_csv.COLUMNS)} columns, file to committed batch\n")
    print(f"{'':44}{'rows/s':>10}{'seconds':>9}{'peak MB':>9}{'alerts':>8}{'ratio':>8}")
    for text, templates in (
        ("", elf_csv.USUAL),
        (", every query and URI its own", elf_csv.VARIED),
    ):
        elf_csv.write(path, rows, templates=templates)
        bare, judged = (measuring.best(__file__, part, path) for part in ("bare", "judged"))
        _line(f"no rules{text}", bare, bare)
        _line(f"60 rules{text}", judged, bare)


def _line(name: str, run: measuring.Run, against: measuring.Run) -> None:
    rate, ratio = run["rows"] / run["seconds"], run["seconds"] / against["seconds"]
    print(
        f"{name:44}{rate:>10,.0f}{run['seconds']:>9.2f}{run['peak']:>9.0f}"
        f"{run['alerts']:>8}{ratio:>7.2f}x"
    )


# ---- the parts, each in a process of its own


def bare(path: Path) -> measuring.Run:
    """The whole path, with nothing to look for."""
    return measuring.whole_path(path, RuleSet(rules=()))


def judged(path: Path) -> measuring.Run:
    """The whole path with sixty rules, nearly none of which fits."""
    return measuring.whole_path(path, _sixty())


PARTS: dict[str, measuring.Part] = {"bare": bare, "judged": judged}


def _sixty() -> RuleSet:
    with tempfile.TemporaryDirectory(prefix="collector-bench-") as directory:
        return load([sixty_rules.write(Path(directory))], schema=SCHEMA)


if __name__ == "__main__":
    main()
