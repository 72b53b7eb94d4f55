"""Says what is wrong with collecting itself: pure functions from what is seen to symptoms."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.model import Stream
from collector.store.ledger import Poll
from collector.store.vitals import Habit, Vitals

FAILING_FOR = timedelta(hours=1)
PAUSED_FOR = timedelta(hours=6)
STUCK_FOR = timedelta(hours=1)
EMPTY_FOR = timedelta(hours=24)
EVERY_DAY = 7

LEAST_SILENCE = timedelta(minutes=30)
"""Without a successful poll for so long, and for three of its intervals, a source is silent."""

LENGTHS = {"hourly": timedelta(hours=1), "daily": timedelta(days=1)}
"""What time a log file covers."""

LAGS = {"hourly": timedelta(hours=12), "daily": timedelta(hours=48)}
"""How long after the end of that time Salesforce may take for the next one: usually half of it."""

SELF = "collector"
"""The org of what concerns no org, such as the outbox."""

PASSING = frozenset({"lost", "quarantined", "refused"})
"""States that do not last: nothing recovers from them."""

Expected = Mapping[tuple[str, str], timedelta]
"""The sources that are to be polled, by org and kind, and how often at present."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """One thing that is wrong, and since when.

    Attributes:
        subject: what people look after, `acme/stored_events`; `part` is what of it, `ApiEvent`.
        state: silent, failing, paused, unavailable, empty, lost, quarantined, stuck, refused or
            broken.
        time: when it had lasted long enough to be told.
    """

    org: str
    subject: str
    part: str
    state: str
    reason: str
    since: datetime
    time: datetime

    @property
    def key(self) -> str:
        """What is wrong, whenever it began; what does not last is another thing every day."""
        day = f"{self.since:%Y-%m-%d}" if self.state in PASSING else ""
        return _digest(self.subject, self.part, self.state, day)

    @property
    def uid(self) -> str:
        """This very episode of it."""
        return _digest(self.key, self.since.isoformat())


def symptoms(
    seen: Vitals, expected: Expected, *, now: datetime, started: datetime
) -> list[Symptom]:
    """All that is wrong now.

    Args:
        seen: what the state tells.
        expected: sources that are not expected are nobody's concern.
        now: the present moment.
        started: since when somebody has been polling; nobody is blamed for what came before.
    """
    found: list[Symptom] = []
    paused = {_source(poll) for poll in seen.polls if poll.state == "paused"}
    for poll in seen.polls:
        every = expected.get(_source(poll))
        if every is not None:
            found += _of_poll(poll)
            found += _of_habit(poll, seen.habits, now)
        if every is not None and _source(poll) not in paused:
            found += _of_silence(poll, max(LEAST_SILENCE, 3 * every), now, started)
    found += _of_set_aside(seen)
    found += _of_outbox(seen)
    found += _of_rules(seen)
    return [symptom for symptom in found if symptom.time <= now]


# ---- streams


def _of_poll(poll: Poll) -> Iterator[Symptom]:
    """What the last poll of a stream says."""
    if poll.state == "unavailable" and poll.last_success is not None:
        yield _symptom(poll, "unavailable", poll.reason, poll.since)
    if poll.state == "failed":
        yield _symptom(poll, "failing", poll.reason, poll.since, FAILING_FOR)
    if poll.state == "paused":
        yield _symptom(poll, "paused", poll.reason, poll.since, PAUSED_FOR)


def _of_silence(
    poll: Poll, patience: timedelta, now: datetime, started: datetime
) -> Iterator[Symptom]:
    """A stream that could be read once and has not been read for long."""
    if poll.state not in ("ok", "failed") or poll.last_success is None:
        return
    if max(poll.last_success, started) + patience <= now:
        reason = f"no successful poll since {_told(poll.last_success)}"
        more = f": {poll.reason}" if poll.reason else ""
        yield _symptom(poll, "silent", reason + more, poll.last_success, patience)


def _of_habit(poll: Poll, habits: Mapping[Stream, Habit], now: datetime) -> Iterator[Symptom]:
    """What a stream that can be read has brought, and has not."""
    habit = habits.get(poll.stream)
    if poll.state != "ok" or habit is None:
        return
    length = LENGTHS.get(poll.stream.name)
    if length is not None:
        end = habit.newest + length
        lag = max(LAGS[poll.stream.name], 2 * habit.pause)
        if poll.since + lag <= now:
            reason = f"no file has come for any time after {_told(end)}"
            yield _symptom(poll, "silent", reason, end, lag)
    elif poll.stream.source == "stored_events" and habit.days >= EVERY_DAY:
        others = [
            other.newest
            for stream, other in habits.items()
            if stream.org == poll.stream.org and stream.source == poll.stream.source
        ]
        if max(others) > now - EMPTY_FOR >= poll.since:
            reason = (
                f"{poll.stream.name} had events every day until {_told(habit.newest)} and none"
                " since, while other objects have: is its storing switched off? (Setup, Event"
                " Manager, Enable Storing)"
            )
            yield _symptom(poll, "empty", reason, habit.newest, EMPTY_FOR)


def _symptom(
    poll: Poll, state: str, reason: str, since: datetime, patience: timedelta = timedelta()
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


def _of_set_aside(seen: Vitals) -> Iterator[Symptom]:
    for one in seen.set_aside:
        yield Symptom(
            org=one.org,
            subject=f"{one.org}/{one.source}",
            part=one.event_type,
            state=one.state,
            reason=f"{one.count:,} of {one.event_type}: {one.reason}",
            since=one.first,
            time=one.first,
        )


def _of_outbox(seen: Vitals) -> Iterator[Symptom]:
    for pile in (*seen.waiting, *seen.refused):
        is_refused = pile in seen.refused
        patience = timedelta() if is_refused else STUCK_FOR
        yield Symptom(
            org=SELF,
            subject=f"outbox/{pile.channel}",
            part="",
            state="refused" if is_refused else "stuck",
            reason=f"{pile.count:,} messages not taken: {pile.reason or 'not tried yet'}",
            since=pile.oldest,
            time=pile.oldest + patience,
        )


# ---- rules


def _of_rules(seen: Vitals) -> Iterator[Symptom]:
    for fault in seen.faults:
        yield Symptom(
            org=fault.org,
            subject=f"rules/{fault.rule}",
            part="",
            state="failing",
            reason=f"it fails while it runs: {fault.reason}",
            since=fault.first,
            time=fault.first,
        )
    if seen.loading is not None and seen.loading.problems:
        first, *others = seen.loading.problems
        more = f" (and {len(others)} more)" if others else ""
        yield Symptom(
            org=SELF,
            subject="rules",
            part="files",
            state="broken",
            reason=f"the rules of before are at work: {first}{more}",
            since=seen.loading.changed,
            time=seen.loading.changed,
        )


def _source(poll: Poll) -> tuple[str, str]:
    return poll.stream.org, poll.stream.source


def _digest(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:32]


def _told(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}Z"
