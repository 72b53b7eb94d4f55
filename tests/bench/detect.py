"""What rules cost: on the whole path, over an archive, when a file is late, and while they load.

    python tests/bench/detect.py [--rows 2000000] [--days 30] [--only path|late|backtest|load]

Every figure comes from a process of its own; ratios are within one run on one machine. A further
measurement is one function, one row of PARTS and one line of the table.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import duckdb
import elf_csv
import measuring
import sixty_rules

from collector import engine
from collector.archive import write as archive
from collector.assembly import SCHEMA
from collector.backtest import MEMORY, Kept, backtest
from collector.detect import RuleSet, load
from collector.detect.lint import warnings
from collector.model import ArchiveFile
from collector.store import ledger


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--only", choices=TABLES)
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--csv", type=Path)
    chosen = parser.parse_args()
    if chosen.part:
        measuring.tell(PARTS, chosen.part, chosen.csv)
        return
    for name, table in TABLES.items():
        if chosen.only in (None, name):
            with tempfile.TemporaryDirectory(prefix="collector-bench-") as directory:
                table(Path(directory), chosen)
                print()


# ---- the whole path


def _whole_path(directory: Path, chosen: argparse.Namespace) -> None:
    path = directory / "log.csv"
    print(f"{chosen.rows:,} rows of {len(elf_csv.COLUMNS)} columns, file to committed batch\n")
    print(f"{'':52}{'rows/s':>10}{'seconds':>9}{'peak MB':>9}{'alerts':>8}{'ratio':>8}")
    for text, templates in (
        ("", elf_csv.USUAL),
        (", every query and URI its own", elf_csv.VARIED),
    ):
        elf_csv.write(path, chosen.rows, templates=templates)
        bare = measuring.best(__file__, "bare", path)
        _line(f"no rules{text}", bare, bare)
        _line(f"60 rules{text}", measuring.best(__file__, "judged", path), bare)
        _line(f"60, 12 over several events{text}", measuring.best(__file__, "several", path), bare)


def _line(name: str, run: measuring.Run, against: measuring.Run) -> None:
    rate, ratio = run["rows"] / run["seconds"], run["seconds"] / against["seconds"]
    print(
        f"{name:52}{rate:>10,.0f}{run['seconds']:>9.2f}{run['peak']:>9.0f}"
        f"{run['alerts']:>8}{ratio:>7.2f}x"
    )


def bare(path: Path) -> measuring.Run:
    """The whole path, with nothing to look for."""
    return measuring.whole_path(path, RuleSet(rules=()))


def judged(path: Path) -> measuring.Run:
    """The whole path with sixty rules, nearly none of which fits."""
    return measuring.whole_path(path, _sixty())


def several(path: Path) -> measuring.Run:
    """The same with twelve of them over several events."""
    return measuring.whole_path(path, _sixty(several=True))


# ---- a file that comes late

LATE = 10_000
DAY = 1_000_000


def _late(directory: Path, _: argparse.Namespace) -> None:
    path = directory / "log.csv"
    elf_csv.write(path, DAY)
    run = measuring.measure(__file__, "late", path)
    print(
        f"a late file of {LATE:,} rows against a day of {DAY:,}, 60 rules, 12 over several events"
    )
    print(f"file to committed batch: {run['seconds']:.2f} s, peak {run['peak']:.0f} MB")


def late(path: Path) -> measuring.Run:
    """A day, and then once more the rows of its first minutes as a file that comes late."""
    with measuring.quiet_workbench(_sixty(several=True)) as bench:

        def take(key: str, source: Path) -> float:
            begun = time.perf_counter()
            cut = measuring.cut(source, bench.places.spool, key)
            bench.pipeline.ingest(measuring.batch(key, "RestApi", cut.paths, cut.columns))
            return time.perf_counter() - begun

        take("day", path)
        some = path.with_name("late.csv")
        with path.open("rb") as whole, some.open("wb") as file:
            for _ in range(LATE + 1):
                file.write(whole.readline())
        return {"seconds": take("late", some), "peak": measuring.peak()}


# ---- a backtest


def _backtest(directory: Path, chosen: argparse.Namespace) -> None:
    path = directory / "log.csv"
    elf_csv.write(path, DAY)
    month = directory / "month"
    days = _month(path, month, chosen.days)
    shutil.rmtree(month / "spool", ignore_errors=True)
    print(f"{days} days of {DAY:,} rows, 60 rules, backtested")
    for part, name in (("past", "single events"), ("past_several", "12 over several events")):
        run = measuring.measure(__file__, part, month)
        print(
            f"  {name:24}{run['seconds']:>7.1f} s, peak {run['peak']:.0f} MB,"
            f" {run['alerts']:,.0f} alerts"
        )


def _month(path: Path, root: Path, days: int) -> int:
    """One day through the path, and its Parquet file again for every other day."""
    with measuring.quiet_workbench(RuleSet(rules=())) as bench:
        cut = measuring.cut(path, bench.places.spool, "day")
        bench.pipeline.ingest(measuring.batch("day", "RestApi", cut.paths, cut.columns))
        with bench.database.read() as connection:
            files = ledger.archive_files(connection)
        root.mkdir()
        sources = ", ".join(f"'{bench.places.archive / file.path}'" for file in files)
        with engine.connect(root) as connection:
            for day in range(days):
                connection.execute(
                    f"COPY (SELECT * REPLACE (time - INTERVAL {day} DAY AS time,"
                    f" event_uid || '-{day}' AS event_uid) FROM read_parquet([{sources}]))"
                    f" TO '{root}/{day:02}.parquet' {archive.FORMAT}"
                )
    return days


def past(root: Path) -> measuring.Run:
    """Sixty rules over a month."""
    return _tested(root, _sixty())


def past_several(root: Path) -> measuring.Run:
    """Sixty rules over a month, twelve of them over several events."""
    return _tested(root, _sixty(several=True))


def _tested(root: Path, rules: RuleSet) -> measuring.Run:
    with engine.connect(root, memory=MEMORY) as connection:
        files = [_file(connection, path) for path in sorted(root.glob("*.parquet"))]
        kept = Kept(connection=connection, root=root, org="acme", files=files)
        begun = time.perf_counter()
        verdicts = backtest(rules, [kept], connection=connection)
        seconds = time.perf_counter() - begun
    assert not [each for each in verdicts if each.failure], verdicts
    alerts = sum(verdict.total for verdict in verdicts)
    return {"seconds": seconds, "peak": measuring.peak(), "alerts": alerts}


def _file(connection: duckdb.DuckDBPyConnection, path: Path) -> ArchiveFile:
    rows, first, last = connection.execute(
        f"SELECT count(*), min(time), max(time) FROM read_parquet('{path}')"
    ).fetchall()[0]
    return ArchiveFile(
        path=path.name,
        org="acme",
        event_type="RestApi",
        date=first.date().isoformat(),
        rows=rows,
        bytes=path.stat().st_size,
        first=first,
        last=last,
    )


# ---- loading


def _load(directory: Path, _: argparse.Namespace) -> None:
    runs = [measuring.measure(__file__, "loaded", directory) for _ in range(3)]
    best = min(runs, key=lambda run: run["seconds"])
    print(f"100 rules, from files to rules that can be run: {best['seconds']:.2f} s")
    print(f"and what lint says of them: {best['lint']:.2f} s")


def loaded(directory: Path) -> measuring.Run:
    """A hundred rules: sixty, and forty of them once more under other names."""
    path = sixty_rules.write(directory, several=True, again=35)
    begun = time.perf_counter()
    rules = load([path], schema=SCHEMA)
    seconds = time.perf_counter() - begun
    begun = time.perf_counter()
    list(warnings(rules, schema=SCHEMA))
    lint = time.perf_counter() - begun
    assert len(rules.rules) == 100, len(rules.rules)
    return {"seconds": seconds, "lint": lint}


PARTS: dict[str, measuring.Part] = {
    "bare": bare,
    "judged": judged,
    "several": several,
    "late": late,
    "past": past,
    "past_several": past_several,
    "loaded": loaded,
}
TABLES = {"path": _whole_path, "late": _late, "backtest": _backtest, "load": _load}


def _sixty(*, several: bool = False) -> RuleSet:
    with tempfile.TemporaryDirectory(prefix="collector-bench-") as directory:
        return load([sixty_rules.write(Path(directory), several=several)], schema=SCHEMA)


if __name__ == "__main__":
    main()
