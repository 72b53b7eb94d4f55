"""The preflight: what an org lets us read and what is missing, in Salesforce's own words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from collector import clock
from collector.errors import CollectorError, SalesforceError
from collector.model import (
    Alert,
    AlertStatus,
    Channel,
    DeliverySuccess,
    FindingLevel,
    Message,
    Severity,
    Stream,
)
from collector.preflight import privileges
from collector.salesforce.clock_skew import describe_clock_skew
from collector.sources import Source, SourceContext, UnavailableStream

MAX_SKEW = timedelta(minutes=1)
"""A JWT is good for at most 3 minutes, so a clock that is further off will be refused one day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightFinding:
    """One thing that was looked at. `subject` is a path such as `acme/stored_events/ApiEvent`."""

    level: FindingLevel
    subject: str
    message: str


def examine_org(context: SourceContext, sources: Sequence[Source]) -> Iterator[PreflightFinding]:
    """Log in, then look at the clock, the limits and every source of an org."""
    try:
        yield _check_login(context)
    except CollectorError as error:
        yield PreflightFinding(
            level=FindingLevel.FAILED, subject=f"{context.org}/login", message=str(error)
        )
        return
    yield _check_clock(context)
    yield _check_limits(context)
    yield _check_privileges(context)
    for source in sources:
        yield from _check_source(context, source)


def examine_channel(name: str, channel: Channel) -> PreflightFinding:
    """Send a test message."""
    outcome = channel.send(_build_test_message(name))
    subject = f"channels/{name}"
    if isinstance(outcome, DeliverySuccess) and outcome.refusals:
        return PreflightFinding(
            level=FindingLevel.WARNING, subject=subject, message=outcome.refusals
        )
    if isinstance(outcome, DeliverySuccess):
        return PreflightFinding(
            level=FindingLevel.OK, subject=subject, message="the test message was taken"
        )
    return PreflightFinding(level=FindingLevel.FAILED, subject=subject, message=outcome.reason)


def _check_login(context: SourceContext) -> PreflightFinding:
    client = context.client
    objects = client.list_object_names()
    return PreflightFinding(
        level=FindingLevel.OK,
        subject=f"{context.org}/login",
        message=f"{client.instance_url}, API {client.api_version}, {len(objects)} objects visible",
    )


def _check_clock(context: SourceContext) -> PreflightFinding:
    skew = context.client.clock_skew
    subject = f"{context.org}/clock"
    if skew is None:
        message = "the org's answers tell no time that can be right: what is between here and it?"
        return PreflightFinding(level=FindingLevel.WARNING, subject=subject, message=message)
    if abs(skew) <= MAX_SKEW:
        return PreflightFinding(
            level=FindingLevel.OK, subject=subject, message=f"{skew.total_seconds():+.0f} s"
        )
    return PreflightFinding(
        level=FindingLevel.WARNING, subject=subject, message=describe_clock_skew(skew)
    )


def _check_limits(context: SourceContext) -> PreflightFinding:
    subject = f"{context.org}/limits"
    try:
        daily: Mapping[str, int] = context.client.get_limits().get("DailyApiRequests", {})
        used_calls, max_calls = daily["Max"] - daily["Remaining"], daily["Max"]
    except (SalesforceError, KeyError, TypeError) as error:
        return PreflightFinding(
            level=FindingLevel.WARNING,
            subject=subject,
            message=f"not readable ({error}); it needs 'View Setup and Configuration'",
        )
    share = used_calls / max_calls if max_calls else 1.0
    return PreflightFinding(
        level=FindingLevel.OK if share < 0.8 else FindingLevel.WARNING,
        subject=subject,
        message=f"{used_calls:,} of {max_calls:,} API calls used in the last 24 h",
    )


def _check_privileges(context: SourceContext) -> PreflightFinding:
    level, message = privileges.assess_privileges(context)
    return PreflightFinding(level=level, subject=f"{context.org}/privileges", message=message)


def _check_source(context: SourceContext, source: Source) -> Iterator[PreflightFinding]:
    try:
        streams = source.reader.list_streams(context)
    except SalesforceError as error:
        subject = f"{context.org}/{source.kind}"
        yield PreflightFinding(level=FindingLevel.FAILED, subject=subject, message=str(error))
        return
    for stream in streams:
        if isinstance(stream, UnavailableStream):
            yield PreflightFinding(
                level=FindingLevel.WARNING, subject=str(stream.stream), message=stream.reason
            )
        else:
            yield _check_stream(context, source, stream)


def _check_stream(context: SourceContext, source: Source, stream: Stream) -> PreflightFinding:
    try:
        result = source.spec.probe(context, stream)
    except SalesforceError as error:
        return PreflightFinding(level=FindingLevel.FAILED, subject=str(stream), message=str(error))
    return PreflightFinding(
        level=FindingLevel.WARNING if result.is_warning else FindingLevel.OK,
        subject=str(stream),
        message=result.message,
    )


def _build_test_message(channel: str) -> Message:
    now = clock.now()
    alert = Alert(
        id="0" * 20,
        org="test",
        rule="test-message",
        key=(),
        title="Test message: alerts of collector will arrive here",
        severity=Severity.INFORMATIONAL,
        status=AlertStatus.OPEN,
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
    return Message(key=key, alert=alert, is_update=False, attempt=1)
