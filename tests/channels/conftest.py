"""A message such as a person might get; tests change the part that they are about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from collector.model import Alert, Message, Severity

ALERT = Alert(
    id="3f9c2a7b10d4",
    org="acme",
    rule="bulk-api-exfiltration",
    key=("7505f000008xKLm",),
    title="Bulk API query on Contact (150,000 records) by dana@acme.com",
    severity=Severity.CRITICAL,
    status="open",
    first_time=datetime(2026, 11, 19, 8, 0, 12, tzinfo=UTC),
    last_time=datetime(2026, 11, 19, 9, 10, 0, tzinfo=UTC),
    count=12,
    late_seconds=8 * 3600 + 120,
    entities={
        "user_id": "0055f00000HyJSwXXY",
        "user_name": "dana@acme.com",
        "source_ip": "203.0.113.89",
        "country": "NL",
        "client_name": "Data Loader Bulk",
        "job_id": "7505f000008xKLm",
        "region": "EMEA",
    },
    evidence=(
        {
            "event_uid": "0AT1.1",
            "time": "2026-11-19T08:00:12.000Z",
            "event_type": "BulkApi2",
            "operation": "query",
            "entity": "Contact",
            "record_count": 150000,
            "user_name": "dana@acme.com",
            "source_ip": "203.0.113.89",
            "status": None,
        },
        {
            "event_uid": "0AT1.2",
            "time": "2026-11-19T08:04:40.000Z",
            "event_type": "BulkApi2",
            "operation": "query",
            "entity": "Account",
            "record_count": 25000.0,
            "source_ip": "203.0.113.90",
            "query": "SELECT Id, Email\nFROM Account",
        },
    ),
    description="A Bulk API job read more records than people usually need.\nThieves use it.",
    attack=("T1078.004", "T1530"),
    triage=(
        "1. Ask the user whether the job is theirs.\n"
        "2. If not, freeze the user,\n   then revoke the sessions.\n"
        "3. List the objects that the job read."
    ),
    references=("https://help.salesforce.com/s/articleView?id=000390044&type=1",),
    created=datetime(2026, 11, 19, 17, 12, 0, tzinfo=UTC),
    revision=1,
)

MESSAGE = Message(
    key="3f9c2a7b10d4.1.secops",
    alert=ALERT,
    is_update=False,
    attempt=1,
    user_url="https://acme.my.salesforce.com/0055f00000HyJSwXXY",
)


@pytest.fixture(scope="session")
def message() -> Message:
    """A critical alert, told for the first time."""
    return MESSAGE


@pytest.fixture(scope="session")
def update() -> Message:
    """The same alert, grown, told again, and not for sure for the first time."""
    alert = replace(ALERT, count=131, severity=Severity.HIGH, revision=2)
    return replace(MESSAGE, key="3f9c2a7b10d4.2.secops", alert=alert, is_update=True, attempt=2)
