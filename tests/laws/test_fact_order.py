"""Whatever the order in which sources tell of facts, each is told to people once, and rightly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from collector.collection.local_files import build_batch
from collector.csv_segments import write_records
from collector.detect.loader import load_rule_set
from collector.ingest.temporary_pipeline import open_temporary_pipeline
from collector.model import AlertStatus
from collector.rules.rule_files import EVENT_SCHEMA
from collector.store import alerts
from fakes.model_samples import NOON

pytestmark = pytest.mark.slow

ADA, BOB = "005000000000001AAA", "005000000000002AAA"
ADDRESS = "203.0.113.7"


def log(second, **values):
    """A row of an event log file."""
    time = f"2026-03-01T12:00:{second:06.3f}Z"
    return {"TIMESTAMP_DERIVED": time, "USER_ID_DERIVED": ADA, "CLIENT_IP": ADDRESS, **values}


def stored(number, second, **values):
    """A record of Real-Time Event Monitoring."""
    return {
        "EventIdentifier": f"e{number}",
        "EventDate": f"2026-03-01T12:00:{second:06.3f}+0000",
        "UserId": ADA,
        "SourceIp": ADDRESS,
        **values,
    }


def login(second, number, **values):
    return {
        "Id": f"0Ya00000000000{number}AAA",
        "LoginTime": f"2026-03-01T12:00:{second:02}.000+0000",
        "UserId": ADA,
        "SourceIp": ADDRESS,
        "Status": "Success",
        **values,
    }


ORDERS = ((0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1))
"""Each of three comes first, between the others, and last."""

# By name: batches of a type, and by rule how many facts its alerts hold in the end.
CASES = {
    "calls": (
        [
            # 6,000 rows in three pages, told thrice, are 6,000.
            (
                "ApiEvent",
                [
                    stored(
                        n, n, RequestIdentifier=f"r{n}", RowsProcessed="6000", RowsReturned="2000"
                    )
                    for n in range(3)
                ],
            ),
            ("RestApi", [log(n, REQUEST_ID=f"r{n}", ROWS_PROCESSED=f"5{n}") for n in range(3)]),
            ("ApiTotalUsage", [log(n, REQUEST_ID=f"r{n}", USER_ID=ADA) for n in range(3)]),
        ],
        {"call": 3, "three-calls": 3},
    ),
    "calls without a request": (
        [
            ("ApiEvent", [stored(1, 1, RowsReturned="8000"), stored(2, 1.5, RowsReturned="10")]),
            ("RestApi", [log(2, REQUEST_ID="r1", ROWS_PROCESSED="8000")]),
            ("RestApi", [log(1.7, REQUEST_ID="r2", ROWS_PROCESSED="8000")]),
        ],
        {"call": 3, "rows": 3, "three-calls": 3, "small-call": 1},
    ),
    "reports": (
        [
            (
                "ReportEvent",
                [
                    stored(
                        n,
                        n,
                        ExecutionIdentifier="x",
                        ReportId="00O000000000001",
                        Operation="ReportExported",
                        RowsProcessed="900",
                    )
                    for n in range(3)
                ],
            ),
            (
                "Report",
                [log(1, REQUEST_ID="q", REPORT_ID="00O000000000001", ORIGIN="ReportExported")],
            ),
            ("ReportExport", [log(1, REQUEST_ID="q"), log(50, REQUEST_ID="z")]),
        ],
        {"report": 2},
    ),
    "files": (
        [
            (
                "FileEventStore",
                [stored(1, 5, FileAction="UI_DOWNLOAD", VersionId="068000000000001")],
            ),
            (
                "ContentTransfer",
                [
                    log(
                        second,
                        TRANSACTION_TYPE="VersionDownloadAction",
                        VERSION_ID="068000000000001",
                    )
                    for second in (4, 5.5)
                ],
            ),
            ("FileEventStore", [stored(2, 3, FileAction="PREVIEW", VersionId="068000000000001")]),
        ],
        {"download": 2},
    ),
    "impersonations": (
        [
            (
                "LoginAsEvent",
                [stored(1, 5, UserId=BOB, DelegatedUsername="admin@acme.com", LoginKey="k")],
            ),
            (
                "LoginAs",
                [
                    log(
                        9,
                        USER_ID_DERIVED=BOB,
                        DELEGATED_USER_ID_DERIVED=ADA,
                        DELEGATED_USER_NAME="admin@acme.com",
                        LOGIN_KEY="k",
                    )
                ],
            ),
            (
                "SetupAuditTrail",
                [
                    {
                        "Id": "0Ym000000000001AAA",
                        "Action": "suOrgAdminLogin",
                        "CreatedById": ADA,
                        "CreatedBy.Username": "admin@acme.com",
                        "CreatedDate": "2026-03-01T12:00:08.000+0000",
                        "Display": "Logged in using Login-As access for Bob",
                    }
                ],
            ),
        ],
        {"impersonation": 1},
    ),
    "logins that a third record joins": (
        [
            ("LoginHistory", [login(9, 1, Application="Browser"), login(30, 2)]),
            ("Login", [log(5, LOGIN_KEY="k1", LOGIN_STATUS="LOGIN_NO_ERROR")]),
            (
                "LoginEvent",
                [
                    stored(
                        1, 5, LoginKey="k1", LoginHistoryId="0Ya000000000001AAA", Status="Success"
                    )
                ],
            ),
        ],
        {"login": 2, "nameless-login": 1},
    ),
    "likeness that a likelier record ends": (
        [
            ("LoginHistory", [login(7, 1)]),
            ("Login", [log(5, LOGIN_STATUS="LOGIN_NO_ERROR")]),
            ("Login", [log(7.5, LOGIN_STATUS="LOGIN_NO_ERROR")]),
        ],
        {"login": 2, "nameless-login": 2},
    ),
}


@pytest.fixture(scope="module")
def rules():
    return load_rule_set([Path(__file__).with_name("fact_order.yml")], schema=EVENT_SCHEMA)


@pytest.mark.parametrize("name", CASES)
def test_facts_are_the_same_whatever_the_order_of_arrival(rules, name):
    batches, expected = CASES[name]

    found = {order: tell(rules, [batches[place] for place in order]) for order in ORDERS}

    counts = {rule: count for (rule, _), (count, *_) in found[0, 1, 2].items()}
    assert counts == expected
    assert all(told == found[0, 1, 2] for told in found.values()), found


def tell(rules, batches):
    """What stands in the end, by rule and key: how many facts, how grave, from when to when."""
    with open_temporary_pipeline(rules) as bench:
        for number, (kind, records) in enumerate(batches):
            segments = write_records(
                bench.paths.spool, f"{kind}{number}", tuple(records[0]), records
            )
            bench.pipeline.ingest(
                build_batch(
                    kind,
                    segments,
                    org="acme",
                    identity=json.dumps(records),
                    received=NOON.replace(hour=13 + number),
                )
            )
        with bench.database.read() as connection:
            return {
                (alert.rule, alert.key): (
                    alert.count,
                    int(alert.severity),
                    alert.first_time,
                    alert.last_time,
                )
                for alert in alerts.list_alerts(connection)
                if alert.status != AlertStatus.WITHDRAWN
            }
