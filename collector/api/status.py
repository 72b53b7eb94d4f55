"""How collecting and delivering goes: streams, what is stored, rules and the outbox."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from collector import clock
from collector.api import call_forecast
from collector.api.call_forecast import OrgCallForecast, read_call_forecasts
from collector.api.deliveries import list_closed_channels, to_channel_json
from collector.api.json_values import JsonObject, to_json_object
from collector.api.org_views import list_current_polls, list_org_views
from collector.api.readable_files import UnreadableFile, list_unreadable_files
from collector.api.state_view import open_state_view
from collector.delivery.fallback import REMOVED_CHANNEL
from collector.detect import RuleSet
from collector.errors import CollectorError, RulesError
from collector.ingest.state_paths import StatePaths
from collector.model import Stream
from collector.rules.coverage import SilentRule, list_silent_rules
from collector.rules.rule_files import load_sound_rules
from collector.salesforce.clock_skew import NOTABLE_SKEW, describe_clock_skew
from collector.settings import Settings
from collector.store import ledger, org_clocks, outbox, rule_status
from collector.store.channel_status import ChannelStatus
from collector.store.delivery_list import WAITING_STATES
from collector.store.ledger import LedgerTotal, PollStatus
from collector.store.org_clocks import ClockReading
from collector.store.outbox import QueueStats
from collector.store.rule_status import RuleFault, RuleLoadStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleStatusReport:
    """The rules that are at work, and those of the files.

    Attributes:
        last_loading: how the daemon's last loading went; None where none has run yet.
        faults: rules that fail while they run.
        problems: what is wrong with the files now, sentences that begin with file:line:column.
    """

    last_loading: RuleLoadStatus | None
    faults: tuple[RuleFault, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStatus:
    """An org's clock minus ours, since when that is so, and what it means; empty if nothing."""

    org: str
    skew_seconds: int
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """The status at `now`. `complete_until` is up to when a stream is complete.

    `unreadable_files` are single files of the archive, `archive_problem` says why none can be read.
    """

    now: datetime
    polls: Sequence[PollStatus]
    call_forecasts: Sequence[OrgCallForecast]
    complete_until: Mapping[Stream, datetime]
    totals: Sequence[LedgerTotal]
    queue_stats: Sequence[QueueStats]
    closed_channels: Sequence[ChannelStatus]
    silent_rules: Sequence[SilentRule]
    rule_status: RuleStatusReport
    clocks: Sequence[ClockStatus]
    unreadable_files: Sequence[UnreadableFile] = ()
    archive_problem: str = ""


def read_status(settings: Settings) -> StatusReport:
    """The status of every org of a configuration.

    Raises CollectorError where there is no state yet. Broken rule files are part of the report.
    """
    rules, problems = _try_load_rules(settings)
    with open_state_view(settings) as connection:
        report = _read_report(connection, settings, rules, problems)
        return _add_archive_health(connection, settings, report)


def count_stored_events(connection: sa.Connection) -> Counter[str]:
    """How many events of each type the archive holds, of all orgs."""
    counts: Counter[str] = Counter()
    for total in ledger.list_ledger_totals(connection):
        counts[total.event_type] += total.rows
    return counts


def to_json_lines(status: StatusReport) -> Iterator[JsonObject]:
    """An object for each thing; its `kind` says what it is."""
    for poll in status.polls:
        yield _to_stream_json(poll, status)
    for org_forecast in status.call_forecasts:
        yield from call_forecast.to_json_lines(org_forecast)
    rules = status.rule_status
    parts: dict[
        str, Sequence[LedgerTotal | SilentRule | QueueStats | UnreadableFile | ClockStatus]
    ] = {
        "clock": status.clocks,
        "stored": status.totals,
        "silent_rule": status.silent_rules,
        "outbox": status.queue_stats,
        "unreadable_file": status.unreadable_files,
    }
    for kind, group in parts.items():
        for item in group:
            yield to_json_object({"kind": kind, **asdict(item)})
    if status.archive_problem:
        yield {"kind": "archive_problem", "problem": status.archive_problem}
    yield from map(to_channel_json, status.closed_channels)
    if rules.last_loading is not None:
        yield to_json_object({"kind": "rules", **asdict(rules.last_loading)})
    for problem in rules.problems:
        yield {"kind": "rule_problem", "problem": problem}
    for fault in rules.faults:
        yield to_json_object({"kind": "rule_fault", **asdict(fault)})


def _try_load_rules(settings: Settings) -> tuple[RuleSet, tuple[str, ...]]:
    """The rules of the files in which nothing is wrong, and what is wrong with the others."""
    try:
        loaded = load_sound_rules(settings.rules)
        return loaded.rules, tuple(map(str, loaded.problems))
    except RulesError as error:
        return RuleSet(rules=()), tuple(map(str, error.problems))


def _explain_stats(stats: QueueStats, settings: Settings) -> QueueStats:
    if stats.channel in settings.channels or stats.state not in WAITING_STATES:
        return stats
    return replace(stats, reason=REMOVED_CHANNEL)


def _read_report(
    connection: sa.Connection, settings: Settings, rules: RuleSet, problems: tuple[str, ...]
) -> StatusReport:
    polls = list_current_polls(connection, settings)
    cursors = ((poll.stream, ledger.read_cursor(connection, poll.stream)) for poll in polls)
    totals, now = ledger.list_ledger_totals(connection), clock.now()
    return StatusReport(
        now=now,
        polls=polls,
        call_forecasts=read_call_forecasts(connection, settings, now=now),
        complete_until={stream: cursor.time for stream, cursor in cursors if cursor},
        totals=totals,
        queue_stats=[
            _explain_stats(stats, settings) for stats in outbox.list_queue_stats(connection)
        ],
        closed_channels=list_closed_channels(connection, settings),
        silent_rules=[
            silent
            for view in list_org_views(settings, polls, totals)
            for silent in list_silent_rules(rules, view)
        ],
        rule_status=RuleStatusReport(
            last_loading=rule_status.read_load_status(connection),
            faults=tuple(rule_status.list_faults(connection)),
            problems=problems,
        ),
        clocks=[
            _assess_clock(reading)
            for reading in org_clocks.list_clock_readings(connection)
            if reading.org in {org.name for org in settings.orgs}
        ],
    )


def _assess_clock(reading: ClockReading) -> ClockStatus:
    return ClockStatus(
        org=reading.org,
        skew_seconds=round(reading.skew.total_seconds()),
        since=reading.since,
        reason=describe_clock_skew(reading.skew) if abs(reading.skew) > NOTABLE_SKEW else "",
    )


def _add_archive_health(
    connection: sa.Connection, settings: Settings, report: StatusReport
) -> StatusReport:
    if not report.totals:
        return report
    archive = StatePaths(state_dir=settings.state_dir).archive
    try:
        archive.check_readable()
    except CollectorError as error:
        return replace(report, archive_problem=str(error))
    return replace(report, unreadable_files=tuple(list_unreadable_files(connection, archive)))


def _to_stream_json(poll: PollStatus, status: StatusReport) -> JsonObject:
    complete_until = status.complete_until.get(poll.stream)
    return to_json_object(
        {
            "kind": "stream",
            "org": poll.stream.org,
            "source": poll.stream.source,
            "stream": poll.stream.name,
            "state": poll.state,
            "reason": poll.reason,
            "last_attempt": poll.last_attempt,
            "last_success": poll.last_success,
            "complete_until": complete_until,
            "lag_seconds": int((status.now - complete_until).total_seconds())
            if complete_until
            else None,
        }
    )
