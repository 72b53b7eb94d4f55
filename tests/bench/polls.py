"""What a poll of 50 rows costs: with rules over several events, logins told thrice, the whole pack.

    python tests/bench/polls.py [--only bare|several|login|three|calls|logins]

Every figure is the median of some polls of one process: wall clock, and processor time, which says
more on a machine that has other things to do.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import measuring
import sixty_rules

from collector.csv_segments import write_records
from collector.detect import RuleSet
from collector.detect.loader import load_rule_set
from collector.rules.rule_files import EVENT_SCHEMA, load_rules
from collector.settings import RulesSettings

ROWS = 50
TURNS = 16
LOGIN_TYPES = ("Login", "LoginEvent", "LoginHistory")

_LOGIN_RULES = """
title: Failed login
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000001
name: failed
level: medium
logsource: {product: salesforce, service: SignIn}
detection: {failed: {outcome: failure}, condition: failed}
collector: {dedup: {key: [user_id], window: 1h}}
"""


def main() -> None:
    """Print a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=CASES)
    chosen = parser.parse_args()
    for name, measure in CASES.items():
        if chosen.only in (None, name):
            wall, processor = measure()
            print(f"{name:10}{1000 * wall:>8.0f} ms, {1000 * processor:.0f} ms of processor time")


def measure_polls(
    rules: RuleSet, types: Sequence[str], build_record: Callable[[str, int], Mapping[str, str]]
) -> tuple[float, float]:
    """The medians, wall clock and processor time in seconds, of the poll of the last type."""
    times: list[tuple[float, float]] = []
    with measuring.open_quiet_workbench(rules) as bench:
        for turn in range(TURNS):
            for event_type in types:
                numbers = range(turn * ROWS, (turn + 1) * ROWS)
                records = [build_record(event_type, number) for number in numbers]
                begun = time.perf_counter(), time.process_time()
                key = f"{event_type}{turn}"
                segments = write_records(bench.paths.spool, key, tuple(records[0]), records)
                bench.pipeline.ingest(
                    measuring.build_batch(key, event_type, segments.paths, segments.columns)
                )
                spent = time.perf_counter() - begun[0], time.process_time() - begun[1]
            times.append(spent)
    return statistics.median(wall for wall, _ in times), statistics.median(cpu for _, cpu in times)


def _render_second(number: int) -> str:
    return f"2026-11-10T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}"


def _build_call(_: str, number: int) -> Mapping[str, str]:
    return {
        "EVENT_TYPE": "RestApi",
        "TIMESTAMP_DERIVED": f"{_render_second(number)}.000Z",
        "USER_ID": f"0050000000{number % 7:05}",
        "CLIENT_IP": "192.0.2.77",
        "METHOD": "GET",
        "STATUS_CODE": "404" if number % 5 == 0 else "200",
        "ROWS_PROCESSED": "1995" if number % 10 == 0 else "20",
        "ENTITY_NAME": "Contact",
        "QUERY": "select Id from Contact",
        "URI": "/services/data/v60.0/query",
        "CLIENT_NAME": "acme/loader",
        "REQUEST_ID": f"request{number}",
    }


def _build_login(event_type: str, number: int) -> Mapping[str, str]:
    second, user = _render_second(number), f"0050000000{number % 7:05}AAA"
    fails = number % 5 == 0
    told: Mapping[str, Mapping[str, str]] = {
        "Login": {
            "TIMESTAMP_DERIVED": f"{second}.300Z",
            "USER_ID_DERIVED": user,
            "SOURCE_IP": "192.0.2.77",
            "LOGIN_STATUS": "LOGIN_ERROR_INVALID_PASSWORD" if fails else "LOGIN_NO_ERROR",
            "LOGIN_KEY": f"key{number}",
        },
        "LoginEvent": {
            "EventIdentifier": f"e{number}",
            "EventDate": f"{second}.100+0000",
            "UserId": user,
            "SourceIp": "192.0.2.77",
            "Status": "Invalid Password" if fails else "Success",
            "LoginKey": f"key{number}",
            "LoginHistoryId": f"0Ya{number:012}AAA",
        },
        "LoginHistory": {
            "Id": f"0Ya{number:012}AAA",
            "LoginTime": f"{second}.000+0000",
            "UserId": user,
            "SourceIp": "192.0.2.77",
            "Status": "Invalid Password" if fails else "Success",
        },
    }
    return told[event_type]


def _load_rules(text: str) -> RuleSet:
    with tempfile.TemporaryDirectory(prefix="collector-bench-") as directory:
        path = Path(directory) / "rules.yml"
        path.write_text(text)
        return load_rule_set([path], schema=EVENT_SCHEMA)


def _load_several() -> RuleSet:
    with tempfile.TemporaryDirectory(prefix="collector-bench-") as directory:
        path = sixty_rules.write_rules(Path(directory), several=True)
        return load_rule_set([path], schema=EVENT_SCHEMA)


CASES: Mapping[str, Callable[[], tuple[float, float]]] = {
    "bare": lambda: measure_polls(RuleSet(rules=()), ["RestApi"], _build_call),
    "several": lambda: measure_polls(_load_several(), ["RestApi"], _build_call),
    "login": lambda: measure_polls(_load_rules(_LOGIN_RULES), ["LoginHistory"], _build_login),
    "three": lambda: measure_polls(_load_rules(_LOGIN_RULES), LOGIN_TYPES, _build_login),
    "calls": lambda: measure_polls(load_rules(RulesSettings()), ["RestApi"], _build_call),
    "logins": lambda: measure_polls(load_rules(RulesSettings()), LOGIN_TYPES, _build_login),
}


if __name__ == "__main__":
    main()
