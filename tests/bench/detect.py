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
from collector.archive.local_archive import LocalArchive
from collector.archive.parquet_writer import PARQUET_OPTIONS
from collector.backtest import MEMORY_LIMIT, OrgArchive, run_backtest
from collector.detect import RuleSet
from collector.detect.lint import lint_rules
from collector.detect.loader import load_rule_set
from collector.model import ArchiveFile
from collector.rules.rule_files import EVENT_SCHEMA
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
        measuring.print_figures(PARTS, chosen.part, chosen.csv)
        return
    for name, table in TABLES.items():
        if chosen.only in (None, name):
            with tempfile.TemporaryDirectory(prefix="collector-bench-") as directory:
                table(Path(directory), chosen)
                print()


# ---- the whole path


def _print_whole_path(directory: Path, chosen: argparse.Namespace) -> None:
    path = directory / "log.csv"
    print(f"{chosen.rows:,} rows of {len(elf_csv.COLUMNS)} columns, file to committed batch\n")
    print(f"{'':52}{'rows/s':>10}{'seconds':>9}{'peak MB':>9}{'alerts':>8}{'ratio':>8}")
    for text, templates in (
        ("", elf_csv.USUAL_TEMPLATES),
        (", every query and URI its own", elf_csv.VARIED_TEMPLATES),
    ):
        elf_csv.write_log_file(path, chosen.rows, templates=templates)
        bare = measuring.measure_best(__file__, "bare", path)
        _print_line(f"no rules{text}", bare, bare)
        _print_line(f"60 rules{text}", measuring.measure_best(__file__, "judged", path), bare)
        _print_line(
            f"60, 12 over several events{text}",
            measuring.measure_best(__file__, "several", path),
            bare,
        )


def _print_line(name: str, run: measuring.RunFigures, against: measuring.RunFigures) -> None:
    rate, ratio = run["rows"] / run["seconds"], run["seconds"] / against["seconds"]
    print(
        f"{name:52}{rate:>10,.0f}{run['seconds']:>9.2f}{run['peak']:>9.0f}"
        f"{run['alerts']:>8}{ratio:>7.2f}x"
    )


def measure_bare(path: Path) -> measuring.RunFigures:
    """The whole path, with nothing to look for."""
    return measuring.measure_whole_path(path, RuleSet(rules=()))


def measure_sixty_rules(path: Path) -> measuring.RunFigures:
    """The whole path with sixty rules, nearly none of which fits."""
    return measuring.measure_whole_path(path, _load_sixty_rules())


def measure_several_events(path: Path) -> measuring.RunFigures:
    """The same with twelve of them over several events."""
    return measuring.measure_whole_path(path, _load_sixty_rules(several=True))


# ---- a file that comes late

LATE_ROWS = 10_000
DAY_ROWS = 1_000_000


def _print_late(directory: Path, _: argparse.Namespace) -> None:
    path = directory / "log.csv"
    elf_csv.write_log_file(path, DAY_ROWS)
    run = measuring.measure_part(__file__, "late", path)
    print(
        f"a late file of {LATE_ROWS:,} rows against a day of {DAY_ROWS:,},"
        " 60 rules, 12 over several events"
    )
    print(f"file to committed batch: {run['seconds']:.2f} s, peak {run['peak']:.0f} MB")


def measure_late_file(path: Path) -> measuring.RunFigures:
    """A day, and then once more the rows of its first minutes as a file that comes late."""
    with measuring.open_quiet_workbench(_load_sixty_rules(several=True)) as bench:

        def ingest_file(key: str, source: Path) -> float:
            begun = time.perf_counter()
            cut = measuring.cut_segments(source, bench.paths.spool, key)
            bench.pipeline.ingest(measuring.build_batch(key, "RestApi", cut.paths, cut.columns))
            return time.perf_counter() - begun

        ingest_file("day", path)
        some = path.with_name("late.csv")
        with path.open("rb") as whole, some.open("wb") as file:
            for _ in range(LATE_ROWS + 1):
                file.write(whole.readline())
        return {"seconds": ingest_file("late", some), "peak": measuring.measure_peak_memory()}


# ---- a backtest


def _print_backtest(directory: Path, chosen: argparse.Namespace) -> None:
    path = directory / "log.csv"
    elf_csv.write_log_file(path, DAY_ROWS)
    month = directory / "month"
    days = _build_month(path, month, chosen.days)
    shutil.rmtree(month / "spool", ignore_errors=True)
    print(f"{days} days of {DAY_ROWS:,} rows, 60 rules, backtested")
    for part, name in (("past", "single events"), ("past_several", "12 over several events")):
        run = measuring.measure_part(__file__, part, month)
        print(
            f"  {name:24}{run['seconds']:>7.1f} s, peak {run['peak']:.0f} MB,"
            f" {run['alerts']:,.0f} alerts"
        )


def _build_month(path: Path, root: Path, days: int) -> int:
    """One day through the path, and its Parquet file again for every other day."""
    with measuring.open_quiet_workbench(RuleSet(rules=())) as bench:
        cut = measuring.cut_segments(path, bench.paths.spool, "day")
        bench.pipeline.ingest(measuring.build_batch("day", "RestApi", cut.paths, cut.columns))
        with bench.database.read() as connection:
            files = ledger.list_archive_files(connection)
        root.mkdir()
        sources = ", ".join(f"'{location}'" for location in bench.paths.archive.locate_files(files))
        with engine.open_engine(root) as connection:
            for day in range(days):
                connection.execute(
                    f"COPY (SELECT * REPLACE (time - INTERVAL {day} DAY AS time,"
                    f" event_uid || '-{day}' AS event_uid) FROM read_parquet([{sources}]))"
                    f" TO '{root}/{day:02}.parquet' ({PARQUET_OPTIONS})"
                )
    return days


def measure_backtest(root: Path) -> measuring.RunFigures:
    """Sixty rules over a month."""
    return _run_backtest(root, _load_sixty_rules())


def measure_backtest_several(root: Path) -> measuring.RunFigures:
    """Sixty rules over a month, twelve of them over several events."""
    return _run_backtest(root, _load_sixty_rules(several=True))


def _run_backtest(root: Path, rules: RuleSet) -> measuring.RunFigures:
    with engine.open_engine(root, memory_limit=MEMORY_LIMIT) as connection:
        files = [_describe_file(connection, path) for path in sorted(root.glob("*.parquet"))]
        kept = OrgArchive(
            connection=connection, archive=LocalArchive(root=root), org="acme", files=files
        )
        begun = time.perf_counter()
        verdicts = run_backtest(rules, [kept], connection=connection)
        seconds = time.perf_counter() - begun
    assert not [each for each in verdicts if each.failure], verdicts
    alerts = sum(verdict.alert_count for verdict in verdicts)
    return {"seconds": seconds, "peak": measuring.measure_peak_memory(), "alerts": alerts}


def _describe_file(connection: duckdb.DuckDBPyConnection, path: Path) -> ArchiveFile:
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
        first_time=first,
        last_time=last,
    )


# ---- loading


def _print_load(directory: Path, _: argparse.Namespace) -> None:
    runs = [measuring.measure_part(__file__, "loaded", directory) for _ in range(3)]
    best = min(runs, key=lambda run: run["seconds"])
    print(f"100 rules, from files to rules that can be run: {best['seconds']:.2f} s")
    print(f"and what lint says of them: {best['lint']:.2f} s")


def measure_load(directory: Path) -> measuring.RunFigures:
    """A hundred rules: sixty, and forty of them once more under other names."""
    path = sixty_rules.write_rules(directory, several=True, duplicates=35)
    begun = time.perf_counter()
    rules = load_rule_set([path], schema=EVENT_SCHEMA)
    seconds = time.perf_counter() - begun
    begun = time.perf_counter()
    list(lint_rules(rules, schema=EVENT_SCHEMA))
    lint = time.perf_counter() - begun
    assert len(rules.rules) == 100, len(rules.rules)
    return {"seconds": seconds, "lint": lint}


PARTS: dict[str, measuring.MeasuredPart] = {
    "bare": measure_bare,
    "judged": measure_sixty_rules,
    "several": measure_several_events,
    "late": measure_late_file,
    "past": measure_backtest,
    "past_several": measure_backtest_several,
    "loaded": measure_load,
}
TABLES = {
    "path": _print_whole_path,
    "late": _print_late,
    "backtest": _print_backtest,
    "load": _print_load,
}


def _load_sixty_rules(*, several: bool = False) -> RuleSet:
    with tempfile.TemporaryDirectory(prefix="collector-bench-") as directory:
        return load_rule_set(
            [sixty_rules.write_rules(Path(directory), several=several)], schema=EVENT_SCHEMA
        )


if __name__ == "__main__":
    main()
