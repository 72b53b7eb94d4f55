"""How fast the whole path is, and how small: file to committed batch, against plain Python.

    python tests/bench/ingest.py [--rows 1000000]

Every figure comes from a process of its own; ratios are within one run on one machine. The
baseline does the same job with the standard library: csv.DictReader, the same columns normalized,
the shipped rules as Python predicates, the events written to a gzipped NDJSON file.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import ipaddress
import json
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import elf_csv
import measuring
from measuring import (
    build_batch,
    measure_best,
    measure_part,
    measure_peak_memory,
    open_quiet_workbench,
)

from collector.csv_segments import write_records
from collector.rules.rule_files import load_rules
from collector.settings import RulesSettings


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--csv", type=Path)
    chosen = parser.parse_args()
    if chosen.part:
        measuring.print_figures(PARTS, chosen.part, chosen.csv)
        return
    with tempfile.TemporaryDirectory(prefix="collector-bench-") as directory:
        _print_table(Path(directory), chosen.rows)


def _print_table(directory: Path, rows: int) -> None:
    small, large = directory / "small.csv", directory / "large.csv"
    size = elf_csv.write_log_file(small, rows)
    elf_csv.write_log_file(large, 4 * rows)
    print(f"{rows:,} rows of {len(elf_csv.COLUMNS)} columns, {size / 1e6:,.0f} MB of CSV\n")
    ours = measure_best(__file__, "whole", small)
    four = measure_part(__file__, "whole", large)
    parse = measure_part(__file__, "dict_reader", small)
    same = measure_part(__file__, "same_job", small)
    print(f"{'':52}{'rows/s':>10}{'seconds':>9}{'peak MB':>9}{'ours is':>9}")
    for name, run, count in (
        ("collector, file to committed batch", ours, rows),
        (f"collector, {4 * rows:,} rows", four, 4 * rows),
        ("csv.DictReader + Python predicates, nothing stored", parse, rows),
        ("csv.DictReader + predicates + normalize + store", same, rows),
    ):
        rate = count / run["seconds"]
        ratio = rows / ours["seconds"] / rate
        print(f"{name:52}{rate:>10,.0f}{run['seconds']:>9.2f}{run['peak']:>9.0f}{ratio:>8.1f}x")
    print(f"\nalerts in each run: {ours['alerts']}, {parse['alerts']}, {same['alerts']}")
    poll = measure_part(__file__, "poll", small)
    print(f"a 50-row poll through all rules of its type: {poll['milliseconds']:.0f} ms (median)")
    print(f"import collector + collector --help: {_measure_help():.2f} s (best of 5)")


def _measure_help() -> float:
    def run_help() -> float:
        begun = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "collector", "--help"], check=True, capture_output=True
        )
        return time.perf_counter() - begun

    return min(run_help() for _ in range(5))


# ---- the parts, each in a process of its own


def measure_pipeline(path: Path) -> measuring.RunFigures:
    """Cut as a download is cut, normalize, archive, detect, commit."""
    return measuring.measure_whole_path(path, load_rules(RulesSettings()))


def measure_dict_reader(path: Path) -> measuring.RunFigures:
    """Read rows as dictionaries and ask each predicate; keep nothing."""
    begun = time.perf_counter()
    with path.open(newline="", encoding="utf-8") as file:
        hits = {
            hit for row in csv.DictReader(file) for rule in PREDICATES if (hit := rule(row, row))
        }
    return {
        "seconds": time.perf_counter() - begun,
        "peak": measure_peak_memory(),
        "alerts": len(hits),
    }


def measure_same_job(path: Path) -> measuring.RunFigures:
    """The same, with the columns normalized and every event stored."""
    hits = set()
    begun = time.perf_counter()
    with (
        tempfile.NamedTemporaryFile(suffix=".gz") as out,
        gzip.open(out, "wt", compresslevel=1, encoding="utf-8") as store,
        path.open(newline="", encoding="utf-8") as file,
    ):
        for number, row in enumerate(csv.DictReader(file)):
            event = _normalize_row(row, number)
            hits.update(hit for rule in PREDICATES if (hit := rule(row, event)))
            store.write(json.dumps({**event, **row}))
            store.write("\n")
    return {
        "seconds": time.perf_counter() - begun,
        "peak": measure_peak_memory(),
        "alerts": len(hits),
    }


def measure_poll(_path: Path) -> measuring.RunFigures:
    """Fifty rows of an object that shipped rules look at, as a poll brings them."""
    times = []
    with open_quiet_workbench(load_rules(RulesSettings())) as bench:
        for turn in range(21):
            records = [_build_api_event(turn * 50 + number) for number in range(50)]
            begun = time.perf_counter()
            segments = write_records(bench.paths.spool, f"p{turn}", tuple(records[0]), records)
            bench.pipeline.ingest(
                build_batch(f"poll{turn}", "ApiEvent", segments.paths, segments.columns)
            )
            times.append(time.perf_counter() - begun)
    return {"milliseconds": 1000 * sorted(times)[len(times) // 2]}


PARTS = {
    "whole": measure_pipeline,
    "dict_reader": measure_dict_reader,
    "same_job": measure_same_job,
    "poll": measure_poll,
}


def _build_api_event(number: int) -> dict[str, object]:
    return {
        "Id": "000000000000000AAA",
        "EventIdentifier": f"00000000-0000-4000-8000-{number:012}",
        "EventDate": "2026-11-10T10:00:00.000+0000",
        "UserId": "0055f00000Hyy1QAAQ",
        "Username": "ada@example.com",
        "SourceIp": "203.0.113.7",
        "UserAgent": "Mozilla/5.0 (X11; Linux x86_64)",
        "Operation": "Query",
        "QueriedEntities": "Contact",
        "Query": "SELECT Id, Name FROM Contact WHERE Email != null",
        "RowsProcessed": 200.0,
    }


def _normalize_row(row: dict[str, str], number: int) -> dict[str, object]:
    address = row["CLIENT_IP"]
    return {
        "event_uid": f"0AT5f0000000001AAA:{number}",
        "time": datetime.fromisoformat(row["TIMESTAMP_DERIVED"]).isoformat(),
        "user_id": row["USER_ID_DERIVED"] or row["USER_ID"],
        "user_name": row["USER_NAME"] or None,
        "source_ip": address if address != "Salesforce.com IP" else None,
        "source_ip_key": _to_ip_key(address),
        "client_name": row["CLIENT_NAME"] or None,
        "user_agent": None if row["USER_AGENT"].isdigit() else row["USER_AGENT"],
        "record_count": int(row["ROWS_PROCESSED"]) if row["ROWS_PROCESSED"] else None,
        "entity": row["ENTITY_NAME"] or None,
        "outcome": {"S": "success", "F": "failure"}.get(row["REQUEST_STATUS"]),
        "status": row["STATUS_CODE"] or None,
        "query": row["QUERY"] or None,
        "uri": row["URI"] or None,
        "session_key": row["SESSION_KEY"] or None,
        "login_key": row["LOGIN_KEY"] or None,
        "app_id": row["CONNECTED_APP_ID"] or None,
        "app_name": row["CONNECTED_APP_NAME"] or None,
    }


def _to_ip_key(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return f"{0xFFFF << 32 | int(address) if address.version == 4 else int(address):032x}"


def _match_cli(row: dict[str, str], _event: object) -> tuple[str, ...] | None:
    agents = ("salesforce-multi-org-fetcher/", "salesforce-cli/")
    texts = (row["CLIENT_NAME"], row["USER_AGENT"], row["CONNECTED_APP_NAME"])
    if any(text.lower().startswith(agents) for text in texts):
        return ("cli", row["USER_ID"], row["CLIENT_IP"])
    return None


def _match_bulk(row: dict[str, str], _event: object) -> tuple[str, ...] | None:
    return ("bulk",) if row["EVENT_TYPE"] in ("BulkApi2", "BulkApiResultEventStore") else None


def _match_package(row: dict[str, str], _event: object) -> tuple[str, ...] | None:
    return ("package",) if row["EVENT_TYPE"] in ("PackageInstall", "SetupAuditTrail") else None


def _match_anomaly(row: dict[str, str], _event: object) -> tuple[str, ...] | None:
    return ("anomaly",) if row["EVENT_TYPE"] == "ApiAnomalyEventStore" else None


PREDICATES = (_match_cli, _match_bulk, _match_package, _match_anomaly)


if __name__ == "__main__":
    main()
