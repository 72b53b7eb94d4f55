"""The preflight: what an org lets us read and what is missing, in Salesforce's own words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from collector import clock, privileges
from collector.errors import CollectorError, SalesforceError
from collector.model import Alert, Channel, Message, Sent, Severity, Stream
from collector.salesforce.soql import literal
from collector.sources import Context, Source, Unavailable

Level = Literal["ok", "warning", "failed"]

MAX_SKEW = timedelta(minutes=1)
"""A JWT is good for at most 3 minutes, so a clock that is further off will be refused one day."""

LATELY = timedelta(days=1)

_RESOURCES = {"bulk_jobs": "jobs/", "org_limits": ""}
"""Sources whose streams are no objects, with the path that their names stand below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `subject` is a path such as `acme/stored_events/ApiEvent`."""

    level: Level
    subject: str
    message: str


def examine_org(context: Context, sources: Sequence[Source]) -> Iterator[Finding]:
    """Log in, then look at the clock, the limits and every source of an org."""
    try:
        yield _login(context)
    except CollectorError as error:
        yield Finding(level="failed", subject=f"{context.org}/login", message=str(error))
        return
    yield _clock(context)
    yield _limits(context)
    yield _privileges(context)
    for source in sources:
        yield from _source(context, source)


def examine_channel(name: str, channel: Channel) -> Finding:
    """Send a test message."""
    outcome = channel.send(_test_message(name))
    subject = f"channels/{name}"
    if isinstance(outcome, Sent):
        return Finding(level="ok", subject=subject, message="the test message was taken")
    return Finding(level="failed", subject=subject, message=outcome.reason)


def _login(context: Context) -> Finding:
    client = context.client
    objects = client.object_names()
    return Finding(
        level="ok",
        subject=f"{context.org}/login",
        message=f"{client.instance_url}, API {client.api_version}, {len(objects)} objects visible",
    )


def _clock(context: Context) -> Finding:
    skew = context.client.skew or timedelta()
    subject = f"{context.org}/clock"
    if abs(skew) <= MAX_SKEW:
        return Finding(level="ok", subject=subject, message=f"{skew.total_seconds():+.0f} s")
    direction = "behind" if skew > timedelta() else "ahead of"
    seconds = abs(skew).total_seconds()
    message = f"this machine's clock is {seconds:.0f} s {direction} the org's: set it by NTP"
    return Finding(level="warning", subject=subject, message=message)


def _limits(context: Context) -> Finding:
    subject = f"{context.org}/limits"
    try:
        daily: Mapping[str, int] = context.client.limits().get("DailyApiRequests", {})
        used, most = daily["Max"] - daily["Remaining"], daily["Max"]
    except (SalesforceError, KeyError, TypeError) as error:
        return Finding(
            level="warning",
            subject=subject,
            message=f"not readable ({error}); it needs 'View Setup and Configuration'",
        )
    share = used / most if most else 1.0
    return Finding(
        level="ok" if share < 0.8 else "warning",
        subject=subject,
        message=f"{used:,} of {most:,} API calls used in the last 24 h",
    )


def _privileges(context: Context) -> Finding:
    level, message = privileges.verdict(context)
    return Finding(level=level, subject=f"{context.org}/privileges", message=message)


def _source(context: Context, source: Source) -> Iterator[Finding]:
    try:
        streams = source.streams(context)
    except SalesforceError as error:
        subject = f"{context.org}/{source.kind}"
        yield Finding(level="failed", subject=subject, message=str(error))
        return
    for stream in streams:
        if isinstance(stream, Unavailable):
            yield Finding(level="warning", subject=str(stream.stream), message=stream.reason)
        else:
            yield _stream(context, stream)


def _stream(context: Context, stream: Stream) -> Finding:
    since = context.client.now() - LATELY
    try:
        if stream.source == "event_log_file":
            return _log_files(context, stream, since)
        if stream.source in _RESOURCES:
            return _resource(context, stream)
        return _object(context, stream)
    except SalesforceError as error:
        return Finding(level="failed", subject=str(stream), message=str(error))


def _log_files(context: Context, stream: Stream, since: datetime) -> Finding:
    kind = "Sequence = 0" if stream.name == "daily" else "Sequence >= 1"
    soql = (
        f"SELECT EventType FROM EventLogFile WHERE {kind}"
        f" AND CreatedDate >= {literal(since - LATELY)}"
    )
    types = {str(record.get("EventType")) for page in context.client.query(soql) for record in page}
    if types:
        message = f"files of the last two days: {', '.join(sorted(types))}"
        return Finding(level="ok", subject=str(stream), message=message)
    message = (
        "readable, but no file in the last two days: is log generation on? "
        "(Setup, Event Monitoring Settings, Generate event log files)"
    )
    return Finding(level="warning", subject=str(stream), message=message)


def _resource(context: Context, stream: Stream) -> Finding:
    context.client.get(_RESOURCES[stream.source] + stream.name)
    return Finding(level="ok", subject=str(stream), message="readable")


def _object(context: Context, stream: Stream) -> Finding:
    soql = f"SELECT Id FROM {stream.name} LIMIT 1"
    if any(page for page in context.client.query(soql)):
        return Finding(level="ok", subject=str(stream), message="readable, and has rows")
    if stream.source != "stored_events":
        return Finding(level="ok", subject=str(stream), message="readable, no row yet")
    message = "readable, but empty: storing may be off (Setup, Event Manager, Enable Storing)"
    return Finding(level="warning", subject=str(stream), message=message)


def _test_message(channel: str) -> Message:
    now = clock.now()
    alert = Alert(
        id="0" * 20,
        org="test",
        rule="test-message",
        key=(),
        title="Test message: alerts of collector will arrive here",
        severity=Severity.INFORMATIONAL,
        status="open",
        first_time=now,
        last_time=now,
        count=1,
        late_seconds=0,
        entities={},
        evidence=(),
        description="Sent by `collector check --send-test`. Nothing has happened.",
        attack=(),
        triage="",
        references=(),
        created=now,
        revision=1,
    )
    key = f"test.{clock.to_micros(now)}.{channel}"
    return Message(key=key, alert=alert, update=False, attempt=1)
