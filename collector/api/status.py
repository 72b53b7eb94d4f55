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
from collector.api.clock_status import ClockStatus, list_clock_statuses
from collector.api.deliveries import list_closed_channels, to_channel_json
from collector.api.directory_status import DirectoryStatus, list_directory_statuses
from collector.api.json_values import JsonObject, to_json_object
from collector.api.org_views import list_current_polls, list_org_views
from collector.api.readable_files import UnreadableFile, list_unreadable_files
from collector.api.retention_status import RetentionStatus, read_retention_status
from collector.api.state_view import open_state_view
from collector.delivery.fallback import explain_removed_channel
from collector.errors import CollectorError, RulesError
from collector.ingest.state_paths import StatePaths
from collector.model import Stream
from collector.rules import configured_schema, rule_files
from collector.rules.coverage import SilentRule, list_silent_rules
from collector.rules.file_stamps import list_rule_paths, stamp_files
from collector.rules.outline import RuleOutlineFile, RuleSetOutline, outline_rules
from collector.settings import Settings
from collector.store import hash_chain, ledger, ledger_totals, outbox, rule_status
from collector.store.channel_status import ChannelStatus
from collector.store.delivery_journal import DeliveryJournal
from collector.store.delivery_list import WAITING_STATES
from collector.store.hash_chain import ChainHead
from collector.store.ledger import PollStatus
from collector.store.ledger_totals import LedgerTotal
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
class StatusReport:
    """The status at `now`. `complete_until` is up to when a stream is complete.

    `unreadable_files` are single files of the archive, `archive_problem` says why none can be read,
    `journal_problem` why what is told cannot be written down.
    `chain_head` is the last entry of the hash chain, if there is one.
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
    directories: Sequence[DirectoryStatus] = ()
    retention: RetentionStatus | None = None
    unreadable_files: Sequence[UnreadableFile] = ()
    archive_problem: str = ""
    journal_problem: str = ""
    chain_head: ChainHead | None = None


def read_status(settings: Settings) -> StatusReport:
    """The status of every org of a configuration.

    Raises CollectorError where there is no state yet. Broken rule files are part of the report.
    """
    rules = _outline_rules(settings)
    with open_state_view(settings) as connection:
        report = _read_report(connection, settings, rules)
        report = _add_archive_health(connection, settings, report)
    journal = DeliveryJournal(StatePaths(state_dir=settings.state_dir).delivery_journal)
    return replace(report, journal_problem=journal.find_problem())


def count_stored_events(connection: sa.Connection) -> Counter[str]:
    """How many events of each type the archive holds, of all orgs."""
    counts: Counter[str] = Counter()
    for total in ledger_totals.list_ledger_totals(connection):
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
        str,
        Sequence[
            LedgerTotal | SilentRule | QueueStats | UnreadableFile | ClockStatus | DirectoryStatus
        ],
    ] = {
        "clock": status.clocks,
        "directory": status.directories,
        "stored": status.totals,
        "silent_rule": status.silent_rules,
        "outbox": status.queue_stats,
        "unreadable_file": status.unreadable_files,
    }
    for kind, group in parts.items():
        for item in group:
            yield to_json_object({"kind": kind, **asdict(item)})
    if status.retention is not None:
        yield to_json_object({"kind": "retention", **asdict(status.retention)})
    yield from _list_state_problems(status)
    if status.chain_head:
        yield to_json_object({"kind": "hash_chain", **asdict(status.chain_head)})
    yield from map(to_channel_json, status.closed_channels)
    if rules.last_loading is not None:
        yield to_json_object({"kind": "rules", **asdict(rules.last_loading)})
    for problem in rules.problems:
        yield {"kind": "rule_problem", "problem": problem}
    for fault in rules.faults:
        yield to_json_object({"kind": "rule_fault", **asdict(fault)})


def _list_state_problems(status: StatusReport) -> Iterator[JsonObject]:
    problems = {
        "archive_problem": status.archive_problem,
        "journal_problem": status.journal_problem,
    }
    for kind, problem in problems.items():
        if problem:
            yield {"kind": kind, "problem": problem}


def _outline_rules(settings: Settings) -> RuleSetOutline:
    """The rules of the files in which nothing is wrong, and what is wrong with the others.

    They are compiled only where whoever worked on the state last has had other ones.
    """
    paths = StatePaths(state_dir=settings.state_dir)
    file = RuleOutlineFile(path=paths.rules_outline, settings=settings.rules)
    stamps = stamp_files(list_rule_paths(settings.rules))
    return file.load_outline(stamps) or _compile_outline(settings)


def _compile_outline(settings: Settings) -> RuleSetOutline:
    try:
        loaded = rule_files.load_sound_rules(
            settings.rules, schema=configured_schema.build_event_schema(settings)
        )
    except RulesError as error:
        return RuleSetOutline(problems=tuple(map(str, error.problems)))
    return outline_rules(loaded.rules, tuple(map(str, loaded.problems)))


def _explain_stats(stats: QueueStats, settings: Settings) -> QueueStats:
    if stats.channel in settings.channels or stats.state not in WAITING_STATES:
        return stats
    return replace(stats, reason=explain_removed_channel(stats.channel))


def _read_report(
    connection: sa.Connection, settings: Settings, rules: RuleSetOutline
) -> StatusReport:
    polls = list_current_polls(connection, settings)
    cursors = ((poll.stream, ledger.read_cursor(connection, poll.stream)) for poll in polls)
    totals, now = ledger_totals.list_ledger_totals(connection), clock.now()
    orgs = [org.name for org in settings.orgs]
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
            problems=rules.problems,
        ),
        retention=read_retention_status(connection, settings),
        clocks=list(list_clock_statuses(connection, orgs)),
        directories=list(list_directory_statuses(connection, orgs)),
        chain_head=hash_chain.read_chain_head(connection),
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
