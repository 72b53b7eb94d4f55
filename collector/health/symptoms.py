"""Finds what is wrong with collecting itself: pure functions from a snapshot to symptoms."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from collector.model import PollState, Stream
from collector.salesforce.clock_skew import NOTABLE_SKEW, describe_clock_skew
from collector.stable_ids import hash_lines
from collector.store.health_snapshot import HealthSnapshot, StreamActivity
from collector.store.ledger import PollStatus

FAILING_THRESHOLD = timedelta(hours=1)
PAUSED_THRESHOLD = timedelta(hours=6)
STUCK_THRESHOLD = timedelta(hours=1)
CRITICAL_STUCK_THRESHOLD = timedelta(minutes=5)
EMPTY_THRESHOLD = timedelta(hours=24)
MIN_ACTIVE_DAYS = 7

MIN_SILENCE = timedelta(minutes=30)
"""Without a successful poll for so long, and for three of its intervals, a source is silent."""

FILE_PERIODS = {"hourly": timedelta(hours=1), "daily": timedelta(days=1)}
"""What time a log file covers."""

FILE_LAGS = {"hourly": timedelta(hours=12), "daily": timedelta(hours=48)}
"""How long after the end of that time Salesforce may take for the next one: usually half of it."""

COLLECTOR_ORG = "collector"
"""The org of what concerns no org, such as the outbox."""

PollSchedule = Mapping[tuple[str, str], timedelta]
"""The sources that are to be polled, by org and kind, and how often at present."""


class SymptomState(StrEnum):
    """What is wrong with something, or that it is not any more."""

    SILENT = "silent"
    FAILING = "failing"
    PAUSED = "paused"
    UNAVAILABLE = "unavailable"
    EMPTY = "empty"
    LOST = "lost"
    QUARANTINED = "quarantined"
    STUCK = "stuck"
    REFUSED = "refused"
    BROKEN = "broken"
    DAMAGED = "damaged"
    LOW = "low"
    FULL = "full"
    SKEWED = "skewed"
    RECOVERED = "recovered"


TRANSIENT_STATES = frozenset({SymptomState.LOST, SymptomState.QUARANTINED, SymptomState.REFUSED})
"""States that do not last: nothing recovers from them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """One thing that is wrong, and since when.

    Attributes:
        subject: such as `acme/stored_events`; `part` is what of it, such as `ApiEvent`.
        time: when it had lasted long enough to be reported.
    """

    org: str
    subject: str
    part: str
    state: SymptomState
    reason: str
    since: datetime
    time: datetime

    @property
    def key(self) -> str:
        """The id of what is wrong, whenever it began; of a transient state, one for every day."""
        day = f"{self.since:%Y-%m-%d}" if self.state in TRANSIENT_STATES else ""
        return hash_lines(self.subject, self.part, self.state, day)

    @property
    def uid(self) -> str:
        """The id of this episode of it."""
        return hash_lines(self.key, self.since.isoformat())


def find_symptoms(
    snapshot: HealthSnapshot, schedule: PollSchedule, *, now: datetime, started_at: datetime
) -> list[Symptom]:
    """All that is wrong now.

    Args:
        snapshot: what the state holds.
        schedule: sources that are not in it are ignored.
        now: the present moment.
        started_at: since when there has been polling; silence before it does not count.
    """
    symptoms: list[Symptom] = []
    paused_sources = {
        _to_source_key(poll) for poll in snapshot.polls if poll.state == PollState.PAUSED
    }
    for poll in snapshot.polls:
        every = schedule.get(_to_source_key(poll))
        if every is not None:
            symptoms += _check_poll(poll)
            symptoms += _check_activity(poll, snapshot.activity, now)
        if every is not None and _to_source_key(poll) not in paused_sources:
            symptoms += _check_silence(poll, max(MIN_SILENCE, 3 * every), now, started_at)
    symptoms += _check_unusable_batches(snapshot)
    symptoms += _check_outbox(snapshot)
    symptoms += _check_rules(snapshot)
    symptoms += _check_clocks(snapshot, {org for org, _ in schedule})
    return [symptom for symptom in symptoms if symptom.time <= now]


# ---- streams


def _check_poll(poll: PollStatus) -> Iterator[Symptom]:
    """The symptoms of the last poll of a stream."""
    if poll.state == PollState.UNAVAILABLE and poll.last_success is not None:
        yield _build_symptom(poll, SymptomState.UNAVAILABLE, poll.reason, poll.since)
    if poll.state == PollState.FAILED:
        yield _build_symptom(poll, SymptomState.FAILING, poll.reason, poll.since, FAILING_THRESHOLD)
    if poll.state == PollState.PAUSED:
        yield _build_symptom(poll, SymptomState.PAUSED, poll.reason, poll.since, PAUSED_THRESHOLD)


def _check_silence(
    poll: PollStatus, patience: timedelta, now: datetime, started_at: datetime
) -> Iterator[Symptom]:
    """A stream that could be read once and has not been read for long."""
    if poll.state not in (PollState.OK, PollState.FAILED) or poll.last_success is None:
        return
    if max(poll.last_success, started_at) + patience <= now:
        reason = f"no successful poll since {_format_time(poll.last_success)}"
        more = f": {poll.reason}" if poll.reason else ""
        yield _build_symptom(poll, SymptomState.SILENT, reason + more, poll.last_success, patience)


def _check_activity(
    poll: PollStatus, activities: Mapping[Stream, StreamActivity], now: datetime
) -> Iterator[Symptom]:
    """A stream that can be read, but brings no files or events any more."""
    activity = activities.get(poll.stream)
    if poll.state != PollState.OK or activity is None:
        return
    length = FILE_PERIODS.get(poll.stream.name)
    if length is not None:
        end = activity.newest_log_time + length
        lag = max(FILE_LAGS[poll.stream.name], 2 * activity.longest_pause)
        if poll.since + lag <= now:
            reason = f"no file has come for any time after {_format_time(end)}"
            yield _build_symptom(poll, SymptomState.SILENT, reason, end, lag)
    elif poll.stream.source == "stored_events" and activity.active_days >= MIN_ACTIVE_DAYS:
        others = [
            other.newest_log_time
            for stream, other in activities.items()
            if stream.org == poll.stream.org and stream.source == poll.stream.source
        ]
        if max(others) > now - EMPTY_THRESHOLD >= poll.since:
            reason = (
                f"{poll.stream.name} had events every day until"
                f" {_format_time(activity.newest_log_time)} and none since, while other objects"
                " have: is its storing switched off? (Setup, Event Manager, Enable Storing)"
            )
            yield _build_symptom(
                poll, SymptomState.EMPTY, reason, activity.newest_log_time, EMPTY_THRESHOLD
            )


def _build_symptom(
    poll: PollStatus,
    state: SymptomState,
    reason: str,
    since: datetime,
    patience: timedelta = timedelta(),
) -> Symptom:
    stream = poll.stream
    return Symptom(
        org=stream.org,
        subject=f"{stream.org}/{stream.source}",
        part=stream.name,
        state=state,
        reason=reason,
        since=since,
        time=since + patience,
    )


# ---- batches and messages


def _check_unusable_batches(snapshot: HealthSnapshot) -> Iterator[Symptom]:
    for batches in snapshot.unusable_batches:
        yield Symptom(
            org=batches.org,
            subject=f"{batches.org}/{batches.source}",
            part=batches.event_type,
            state=SymptomState(batches.state),
            reason=f"{batches.count:,} of {batches.event_type}: {batches.reason}",
            since=batches.first_received,
            time=batches.first_received,
        )


def _check_outbox(snapshot: HealthSnapshot) -> Iterator[Symptom]:
    for stats in (*snapshot.waiting_deliveries, *snapshot.rejected_deliveries):
        is_refused = stats in snapshot.rejected_deliveries
        patience = timedelta() if is_refused else STUCK_THRESHOLD
        yield Symptom(
            org=COLLECTOR_ORG,
            subject=f"outbox/{stats.channel}",
            part="",
            state=SymptomState.REFUSED if is_refused else SymptomState.STUCK,
            reason=f"{stats.count:,} messages not taken: {stats.reason or 'not tried yet'}",
            since=stats.oldest,
            time=stats.oldest + patience,
        )
    for stats in snapshot.critical_deliveries:
        noun = "1 critical alert" if stats.count == 1 else f"{stats.count:,} critical alerts"
        yield Symptom(
            org=COLLECTOR_ORG,
            subject=f"outbox/{stats.channel}",
            part="critical",
            state=SymptomState.STUCK,
            reason=f"{noun} not taken: {stats.reason or 'not tried yet'}",
            since=stats.oldest,
            time=stats.oldest + CRITICAL_STUCK_THRESHOLD,
        )


# ---- rules


def _check_rules(snapshot: HealthSnapshot) -> Iterator[Symptom]:
    for fault in snapshot.rule_faults:
        yield Symptom(
            org=fault.org,
            subject=f"rules/{fault.rule}",
            part="",
            state=SymptomState.FAILING,
            reason=f"it fails while it runs: {fault.reason}",
            since=fault.first,
            time=fault.first,
        )
    if snapshot.rule_load_status is not None and snapshot.rule_load_status.problems:
        first, *others = snapshot.rule_load_status.problems
        more = f" (and {len(others)} more)" if others else ""
        yield Symptom(
            org=COLLECTOR_ORG,
            subject="rules",
            part="files",
            state=SymptomState.BROKEN,
            reason=f"other rules stay at work: {first}{more}",
            since=snapshot.rule_load_status.changed,
            time=snapshot.rule_load_status.changed,
        )


# ---- clocks


def _check_clocks(snapshot: HealthSnapshot, orgs: Collection[str]) -> Iterator[Symptom]:
    for reading in snapshot.clock_readings:
        if reading.org in orgs and abs(reading.skew) > NOTABLE_SKEW:
            yield Symptom(
                org=reading.org,
                subject=f"{reading.org}/clock",
                part="",
                state=SymptomState.SKEWED,
                reason=describe_clock_skew(reading.skew),
                since=reading.since,
                time=reading.since,
            )


def _to_source_key(poll: PollStatus) -> tuple[str, str]:
    return poll.stream.org, poll.stream.source


def _format_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}Z"
