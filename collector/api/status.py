"""How collecting and delivering goes: streams, what is stored, rules and the outbox."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from collector import clock
from collector.api.json_values import JsonObject, to_json_object
from collector.api.org_views import list_current_polls, list_org_views
from collector.api.state_view import open_state_view
from collector.detect import RuleSet
from collector.errors import RulesError
from collector.model import Stream
from collector.rules.coverage import SilentRule, list_silent_rules
from collector.rules.rule_files import load_sound_rules
from collector.settings import Settings
from collector.store import ledger, outbox, rule_status
from collector.store.ledger import LedgerTotal, PollStatus
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
    """The status at `now`. `complete_until` is up to when a stream is complete."""

    now: datetime
    polls: Sequence[PollStatus]
    complete_until: Mapping[Stream, datetime]
    totals: Sequence[LedgerTotal]
    queue_stats: Sequence[QueueStats]
    silent_rules: Sequence[SilentRule]
    rule_status: RuleStatusReport


def read_status(settings: Settings) -> StatusReport:
    """The status of every org of a configuration.

    Raises CollectorError where there is no state yet. Broken rule files are part of the report.
    """
    rules, problems = _try_load_rules(settings)
    with open_state_view(settings) as connection:
        return _read_report(connection, settings, rules, problems)


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
    rules = status.rule_status
    parts: dict[str, Sequence[LedgerTotal | SilentRule | QueueStats]] = {
        "stored": status.totals,
        "silent_rule": status.silent_rules,
        "outbox": status.queue_stats,
    }
    for kind, group in parts.items():
        for item in group:
            yield to_json_object({"kind": kind, **asdict(item)})
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


def _read_report(
    connection: sa.Connection, settings: Settings, rules: RuleSet, problems: tuple[str, ...]
) -> StatusReport:
    polls = list_current_polls(connection, settings)
    cursors = ((poll.stream, ledger.read_cursor(connection, poll.stream)) for poll in polls)
    totals = ledger.list_ledger_totals(connection)
    return StatusReport(
        now=clock.now(),
        polls=polls,
        complete_until={stream: cursor.time for stream, cursor in cursors if cursor},
        totals=totals,
        queue_stats=outbox.list_queue_stats(connection),
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
    )


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
