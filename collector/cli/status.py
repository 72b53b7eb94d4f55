"""`collector status`: how collecting and delivering goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa
from rich.text import Text

from collector import clock
from collector.app.wiring import load_rules
from collector.cli.completeness import completeness_options, show_completeness
from collector.cli.options import config_option, json_option, load_settings, open_state_view
from collector.cli.output import (
    build_fixed_column,
    build_number_column,
    build_table,
    format_duration,
    group_by_message,
    print_json,
    print_line,
    print_paragraph,
    print_table,
    to_cells,
)
from collector.cli.rule_status import RuleStatusReport, list_rule_objects, print_rule_problems
from collector.detect import RuleSet
from collector.errors import RulesError
from collector.model import PollState, Stream
from collector.rules.coverage import OrgView, SilentRule, list_silent_rules
from collector.settings import OrgSettings, Settings
from collector.store import ledger, outbox
from collector.store import rule_status as rule_store
from collector.store.ledger import LedgerTotal, PollStatus
from collector.store.outbox import QueueStats

_EVENT_TYPE_LIMIT = 4
"""So many event types share a reason before the others are only counted."""

_STATE_STYLES = {PollState.OK: "green", PollState.FAILED: "bold red"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """How it goes, as of `now`. `reached` is up to when a stream is complete."""

    now: datetime
    polls: Sequence[PollStatus]
    complete_until: Mapping[Stream, datetime]
    totals: Sequence[LedgerTotal]
    queue_stats: Sequence[QueueStats]
    silent_rules: Sequence[SilentRule]
    rule_status: RuleStatusReport


@click.command("status")
@config_option
@json_option
@completeness_options
def command(config: Path, *, as_json: bool, completeness: bool, **proof: Any) -> None:
    """Every stream and how far behind it is, what is stored, silent rules, and the outbox."""
    settings = load_settings(config)
    if completeness or proof["compares"] or proof["verified"]:
        show_completeness(settings, as_json=as_json, **proof)
        return
    rules, problems = _try_load_rules(settings)
    with open_state_view(settings) as connection:
        status = _read_status(connection, settings, rules, problems)
    if as_json:
        for line in (*_list_status_objects(status), *list_rule_objects(status.rule_status)):
            print_json(line)
        return
    if not status.polls:
        print_line("nothing has been collected yet: `collector run` does it")
        print_rule_problems(status.rule_status, now=status.now)
        return
    for org in settings.orgs:
        _print_streams(status, org.name)
    for org in settings.orgs:
        _print_totals(status, org.name)
    print_rule_problems(status.rule_status, now=status.now)
    _print_silent_rules(status.silent_rules)
    _print_outbox(status)


def _try_load_rules(settings: Settings) -> tuple[RuleSet, tuple[str, ...]]:
    """The rules of the files; none while these are broken, and then what is wrong with them."""
    try:
        return load_rules(settings.rules), ()
    except RulesError as error:
        return RuleSet(rules=()), tuple(map(str, error.problems))


def _read_status(
    connection: sa.Connection, settings: Settings, rules: RuleSet, problems: Sequence[str]
) -> StatusReport:
    orgs = [org.name for org in settings.orgs]
    polls = drop_recovered_failures(
        [poll for org in orgs for poll in ledger.list_poll_statuses(connection, org=org)]
    )
    cursors = ((poll.stream, ledger.read_cursor(connection, poll.stream)) for poll in polls)
    totals = ledger.list_ledger_totals(connection)
    return StatusReport(
        now=clock.now(),
        polls=polls,
        complete_until={stream: cursor.time for stream, cursor in cursors if cursor},
        totals=totals,
        queue_stats=outbox.list_queue_stats(connection),
        silent_rules=[
            each
            for org in settings.orgs
            for each in list_silent_rules(rules, build_org_view(org, polls, totals))
        ],
        rule_status=RuleStatusReport(
            last_loading=rule_store.read_load_status(connection),
            faults=tuple(rule_store.list_faults(connection)),
            problems=tuple(problems),
        ),
    )


def build_org_view(
    org: OrgSettings, polls: Sequence[PollStatus], totals: Sequence[LedgerTotal]
) -> OrgView:
    """What the state and the configuration tell of an org."""
    return OrgView(
        org=org.name,
        polls=[poll for poll in polls if poll.stream.org == org.name],
        seen_types={total.event_type for total in totals if total.org == org.name and total.rows},
        sources=org.sources,
    )


def drop_recovered_failures(polls: Sequence[PollStatus]) -> list[PollStatus]:
    """Without the failures of a whole source that it has recovered from since."""
    newest: dict[tuple[str, str], datetime] = {}
    for poll in polls:
        source = (poll.stream.org, poll.stream.source)
        newest[source] = max(poll.last_attempt, newest.get(source, poll.last_attempt))
    return [
        poll
        for poll in polls
        if poll.stream.name != "*"
        or poll.last_attempt == newest[poll.stream.org, poll.stream.source]
    ]


# ---- for scripts


def _list_status_objects(status: StatusReport) -> Iterator[dict[str, Any]]:
    for poll in status.polls:
        reached = status.complete_until.get(poll.stream)
        yield {
            "kind": "stream",
            "org": poll.stream.org,
            "source": poll.stream.source,
            "stream": poll.stream.name,
            "state": poll.state,
            "reason": poll.reason,
            "last_attempt": poll.last_attempt,
            "last_success": poll.last_success,
            "complete_until": reached,
            "lag_seconds": int((status.now - reached).total_seconds()) if reached else None,
        }
    for total in status.totals:
        yield {"kind": "stored", **asdict(total)}
    for each in status.silent_rules:
        yield {"kind": "silent_rule", **asdict(each)}
    for pile in status.queue_stats:
        yield {"kind": "outbox", **asdict(pile)}


# ---- for people


def _print_streams(status: StatusReport, org: str) -> None:
    polls = [poll for poll in status.polls if poll.stream.org == org]
    rows = build_table(
        build_fixed_column("source"),
        "stream",
        build_fixed_column("state"),
        build_number_column("polled"),
        build_number_column("behind"),
        title=f"Streams of {org}",
    )
    above = ""
    for poll in polls:
        if poll.state == PollState.UNAVAILABLE:
            continue
        stream, reached = poll.stream, status.complete_until.get(poll.stream)
        source = "" if stream.source == above else stream.source
        above = stream.source
        state = Text(poll.state, style=_STATE_STYLES.get(poll.state, ""))
        behind = format_duration(status.now - reached) if reached else "unknown"
        polled = f"{format_duration(status.now - poll.last_attempt)} ago"
        rows.add_row(*to_cells((source, _format_stream_name(stream.name), state, polled, behind)))
    if rows.rows:
        print_table(rows)
    _print_reasons(polls, PollState.FAILED, "failed")
    _print_reasons(polls, PollState.UNAVAILABLE, "not available")


def _print_reasons(polls: Sequence[PollStatus], state: PollState, words: str) -> None:
    """A paragraph for each reason, with the streams that share it."""
    by_source: dict[str, list[tuple[str, str]]] = {}
    for poll in polls:
        if poll.state == state:
            by_source.setdefault(poll.stream.source, []).append((poll.stream.name, poll.reason))
    for source, said in by_source.items():
        for names, reason in group_by_message(said):
            streams = _format_stream_name(names[0]) if len(names) == 1 else f"{len(names)} streams"
            listed = "" if len(names) == 1 else f" ({', '.join(names)})"
            print_paragraph(f"{source}: {streams} {words}: {reason}{listed}")


def _format_stream_name(stream: str) -> str:
    return "everything" if stream == "*" else stream


def _print_totals(status: StatusReport, org: str) -> None:
    totals = [total for total in status.totals if total.org == org]
    names = ["batches", "duplicates", *_list_trouble_columns(totals)]
    rows = build_table(
        "event type",
        build_number_column("events"),
        *map(build_number_column, names),
        build_number_column("newest"),
        title=f"Archive of {org}",
    )
    for total in totals:
        counts = [f"{getattr(total, name):,}" for name in ("rows", *names)]
        newest = f"{format_duration(status.now - total.newest)} ago"
        rows.add_row(*to_cells((total.event_type, *counts, newest)))
    if totals:
        print_table(rows)


def _list_trouble_columns(totals: Sequence[LedgerTotal]) -> list[str]:
    """What nobody wants to see, and what is shown only where there is some."""
    names = ("quarantined", "lost")
    return [name for name in names if any(getattr(total, name) for total in totals)]


def _print_silent_rules(silent: Sequence[SilentRule]) -> None:
    rows = build_table(
        build_fixed_column("rule"), "why", title="Rules that have had nothing to look at"
    )
    for each in silent:
        why = "; ".join(_group_reasons(each.why)) or "no event so far"
        rows.add_row(*to_cells((each.rule, why if each.can_fire else f"cannot fire: {why}")))
    if silent:
        print_table(rows)


def _group_reasons(why: Mapping[str, str]) -> Iterator[str]:
    """Each reason once, with the event types that it is true of."""
    groups: dict[str, list[str]] = {}
    for event_type, reason in why.items():
        groups.setdefault(reason, []).append(event_type)
    for reason, names in groups.items():
        more = (
            f" and {len(names) - _EVENT_TYPE_LIMIT} more" if len(names) > _EVENT_TYPE_LIMIT else ""
        )
        yield f"{', '.join(names[:_EVENT_TYPE_LIMIT])}{more}: {reason}"


def _print_outbox(status: StatusReport) -> None:
    rows = build_table(
        "channel",
        build_fixed_column("state"),
        build_number_column("messages"),
        build_number_column("oldest"),
        "reason",
        title="Outbox",
    )
    for pile in status.queue_stats:
        oldest = f"{format_duration(status.now - pile.oldest)} ago"
        rows.add_row(*to_cells((pile.channel, pile.state, f"{pile.count:,}", oldest, pile.reason)))
    if status.queue_stats:
        print_table(rows)
