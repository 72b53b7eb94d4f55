"""Small valid values of the model, each test changing what it is about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from collector.model import (
    Alert,
    ArchiveFile,
    Batch,
    Cursor,
    LogFileFacts,
    Match,
    Rule,
    Severity,
    Stream,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STREAM = Stream(org="acme", source="event_log_file", name="hourly")


def build_rule(**changes):
    made = Rule(
        id="11111111-1111-4111-8111-111111111111",
        name="odd-login",
        level=Severity.MEDIUM,
        event_types=("Login",),
        predicate="TRUE",
        fields=frozenset(),
        severity_cases=(),
        title="Odd login",
        dedup_key=("user_id",),
        dedup_window=timedelta(hours=1),
        raises_alert=True,
        description="A login that is odd.",
        attack=("T1078",),
        references=("https://example.com/odd",),
        triage="Ask the user.",
        tests=(),
        path=Path("odd-login.yml"),
    )
    return replace(made, **changes)


def build_match(uid="e1", minutes=0.0, severity=Severity.MEDIUM, **changes):
    time = NOON + timedelta(minutes=minutes)
    made = Match(
        org="acme",
        rule="odd-login",
        event_uid=uid,
        time=time,
        received=time + timedelta(hours=3),
        severity=severity,
        title=f"Odd login {uid}",
        key=("005000000000001AAA",),
        entities={"user_id": "005000000000001AAA"},
        event={"event_uid": uid, "time": time, "user_name": "ada@example.com", "entity": None},
    )
    return replace(made, **changes)


def build_alert(**changes):
    made = Alert(
        id="0123456789abcdef0123",
        org="acme",
        rule="odd-login",
        key=("005000000000001AAA",),
        title="Odd login",
        severity=Severity.MEDIUM,
        status="open",
        first_time=NOON,
        last_time=NOON,
        count=1,
        late_seconds=60,
        entities={"user_id": "005000000000001AAA"},
        evidence=({"event_uid": "e1"},),
        description="",
        attack=("T1078",),
        triage="",
        references=(),
        created=NOON,
        revision=1,
        told_severity=Severity.MEDIUM,
        told_count=1,
    )
    return replace(made, **changes)


def build_batch(**changes):
    made = Batch(
        key="k" * 32,
        stream=STREAM,
        event_type="Login",
        log_time=NOON,
        received=NOON + timedelta(hours=3),
        segments=(),
        columns=(),
        record_prefix="0AT000000000001AAA",
        dedupe=False,
        cursor=Cursor(time=NOON, tiebreaker="0AT000000000001AAA"),
        facts=build_log_file_facts(),
    )
    return replace(made, **changes)


def build_archive_file(**changes):
    made = ArchiveFile(
        path="org=acme/event_type=Login/date=2026-03-01/x.parquet",
        org="acme",
        event_type="Login",
        date="2026-03-01",
        rows=3,
        bytes=9,
        first_time=NOON,
        last_time=NOON + timedelta(seconds=1),
    )
    return replace(made, **changes)


def build_log_file_facts(**changes):
    made = LogFileFacts(
        file_id="0AT000000000001AAA",
        log_date=NOON,
        created_date=NOON + timedelta(hours=2),
        interval="hourly",
        sequence=1,
        announced_bytes=1_000,
    )
    return replace(made, **changes)
