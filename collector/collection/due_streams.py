"""Which streams of a source are due, so that one API call reads as many of them as it can. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from collector.model import PollState
from collector.sources import Source
from collector.store.ledger import PollStatus

EARLY_SHARE = 0.1
"""Of its interval, how much too early a stream is asked together with one that is due."""

WHOLE_SOURCE = "*"


def select_due_streams(
    source: Source,
    polls: Sequence[PollStatus],
    *,
    intervals: Mapping[str, timedelta | None],
    queries_per_call: int,
    now: datetime,
) -> Source | None:
    """The source, without the streams that are not due; None where none is.

    Streams that are not due fill the last call, those that waited longest first: it costs nothing.
    An attempt of the future was made before our clock was set back: it does not count.

    Args:
        source: a source of one org.
        polls: how the last poll of each stream of that org went.
        intervals: how long to wait, by the names of the source's groups; None: they are paused.
        queries_per_call: how many streams the org lets one call read.
        now: the present moment.
    """
    own_polls = {poll.stream.name: poll for poll in polls if poll.stream.source == source.kind}
    attempts = {name: poll.last_attempt for name, poll in own_polls.items()}
    whole_attempt = attempts.pop(WHOLE_SOURCE, None)
    readable = {
        name: max(attempt, whole_attempt or attempt) if attempt <= now else None
        for name, attempt in attempts.items()
        if own_polls[name].state != PollState.UNAVAILABLE
    }
    if not readable:
        newest = max((each for each in own_polls.values()), key=_get_attempt, default=None)
        return source if newest is None or _is_over(newest, source.poll_interval, now) else None
    due_times = {
        name: now if attempt is None else attempt + interval
        for name, attempt in readable.items()
        if (interval := intervals[source.find_group(name).name]) is not None
    }
    if not any(due_time <= now for due_time in due_times.values()):
        return None
    chosen = {
        name
        for name, due_time in due_times.items()
        if due_time <= now + EARLY_SHARE * (intervals[source.find_group(name).name] or timedelta())
    }
    batch_size = min(source.spec.queries_per_call, queries_per_call)
    waiting = sorted(readable.keys() - chosen, key=lambda name: (readable[name] or now, name))
    return replace(source, postponed=frozenset(waiting[-len(chosen) % batch_size :]))


def _get_attempt(poll: PollStatus) -> datetime:
    return poll.last_attempt


def _is_over(poll: PollStatus, interval: timedelta, now: datetime) -> bool:
    return poll.last_attempt > now or poll.last_attempt + interval <= now
