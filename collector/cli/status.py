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
from collector.assembly import load_rules
from collector.cli.common import (
    cells,
    number,
    print_json,
    print_paragraph,
    print_table,
    say,
    span,
    table,
    together,
    whole,
)
from collector.cli.completeness import completeness_options, show_completeness
from collector.cli.options import config_option, json_option, load_settings, reading
from collector.cli.rule_state import RuleState, print_rules, rule_lines
from collector.detect import RuleSet
from collector.errors import RulesError
from collector.model import Stream
from collector.poll import FAILED, OK, UNAVAILABLE
from collector.rulecoverage import SilentRule, View, silent_rules
from collector.settings import Org, Settings
from collector.store import ledger, outbox
from collector.store import rules as rule_store
from collector.store.ledger import Poll, Total
from collector.store.outbox import Pile

_LISTED = 4
"""So many event types share a reason before the others are only counted."""

_STYLES = {OK: "green", FAILED: "bold red"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How it goes, as of `now`. `reached` is up to when a stream is complete."""

    now: datetime
    polls: Sequence[Poll]
    reached: Mapping[Stream, datetime]
    totals: Sequence[Total]
    piles: Sequence[Pile]
    silent: Sequence[SilentRule]
    rules: RuleState


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
    rules, problems = _rules(settings)
    with reading(settings) as connection:
        status = _status(connection, settings, rules, problems)
    if as_json:
        for line in (*_lines(status), *rule_lines(status.rules)):
            print_json(line)
        return
    if not status.polls:
        say("nothing has been collected yet: `collector run` does it")
        print_rules(status.rules, now=status.now)
        return
    for org in settings.orgs:
        _print_streams(status, org.name)
    for org in settings.orgs:
        _print_totals(status, org.name)
    print_rules(status.rules, now=status.now)
    _print_silent(status.silent)
    _print_piles(status)


def _rules(settings: Settings) -> tuple[RuleSet, tuple[str, ...]]:
    """The rules of the files; none while these are broken, and then what is wrong with them."""
    try:
        return load_rules(settings.rules), ()
    except RulesError as error:
        return RuleSet(rules=()), tuple(map(str, error.problems))


def _status(
    connection: sa.Connection, settings: Settings, rules: RuleSet, problems: Sequence[str]
) -> Status:
    orgs = [org.name for org in settings.orgs]
    polls = current([poll for org in orgs for poll in ledger.polls(connection, org=org)])
    cursors = ((poll.stream, ledger.cursor(connection, poll.stream)) for poll in polls)
    totals = ledger.totals(connection)
    return Status(
        now=clock.now(),
        polls=polls,
        reached={stream: cursor.time for stream, cursor in cursors if cursor},
        totals=totals,
        piles=outbox.piles(connection),
        silent=[
            each
            for org in settings.orgs
            for each in silent_rules(rules, org_view(org, polls, totals))
        ],
        rules=RuleState(
            loading=rule_store.loading(connection),
            faults=tuple(rule_store.faults(connection)),
            problems=tuple(problems),
        ),
    )


def org_view(org: Org, polls: Sequence[Poll], totals: Sequence[Total]) -> View:
    """What the state and the configuration tell of an org."""
    return View(
        org=org.name,
        polls=[poll for poll in polls if poll.stream.org == org.name],
        seen={total.event_type for total in totals if total.org == org.name and total.rows},
        sources=org.sources,
    )


def current(polls: Sequence[Poll]) -> list[Poll]:
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


def _lines(status: Status) -> Iterator[dict[str, Any]]:
    for poll in status.polls:
        reached = status.reached.get(poll.stream)
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
    for each in status.silent:
        yield {"kind": "silent_rule", **asdict(each)}
    for pile in status.piles:
        yield {"kind": "outbox", **asdict(pile)}


# ---- for people


def _print_streams(status: Status, org: str) -> None:
    polls = [poll for poll in status.polls if poll.stream.org == org]
    rows = table(
        whole("source"),
        "stream",
        whole("state"),
        number("polled"),
        number("behind"),
        title=f"Streams of {org}",
    )
    above = ""
    for poll in polls:
        if poll.state == UNAVAILABLE:
            continue
        stream, reached = poll.stream, status.reached.get(poll.stream)
        source = "" if stream.source == above else stream.source
        above = stream.source
        state = Text(poll.state, style=_STYLES.get(poll.state, ""))
        behind = span(status.now - reached) if reached else "unknown"
        polled = f"{span(status.now - poll.last_attempt)} ago"
        rows.add_row(*cells((source, _name(stream.name), state, polled, behind)))
    if rows.rows:
        print_table(rows)
    _print_reasons(polls, FAILED, "failed")
    _print_reasons(polls, UNAVAILABLE, "not available")


def _print_reasons(polls: Sequence[Poll], state: str, words: str) -> None:
    """A paragraph for each reason, with the streams that share it."""
    by_source: dict[str, list[tuple[str, str]]] = {}
    for poll in polls:
        if poll.state == state:
            by_source.setdefault(poll.stream.source, []).append((poll.stream.name, poll.reason))
    for source, said in by_source.items():
        for names, reason in together(said):
            streams = _name(names[0]) if len(names) == 1 else f"{len(names)} streams"
            listed = "" if len(names) == 1 else f" ({', '.join(names)})"
            print_paragraph(f"{source}: {streams} {words}: {reason}{listed}")


def _name(stream: str) -> str:
    return "everything" if stream == "*" else stream


def _print_totals(status: Status, org: str) -> None:
    totals = [total for total in status.totals if total.org == org]
    names = ["batches", "duplicates", *_troubles(totals)]
    rows = table(
        "event type",
        number("events"),
        *map(number, names),
        number("newest"),
        title=f"Archive of {org}",
    )
    for total in totals:
        counts = [f"{getattr(total, name):,}" for name in ("rows", *names)]
        newest = f"{span(status.now - total.newest)} ago"
        rows.add_row(*cells((total.event_type, *counts, newest)))
    if totals:
        print_table(rows)


def _troubles(totals: Sequence[Total]) -> list[str]:
    """What nobody wants to see, and what is shown only where there is some."""
    names = ("quarantined", "lost")
    return [name for name in names if any(getattr(total, name) for total in totals)]


def _print_silent(silent: Sequence[SilentRule]) -> None:
    rows = table(whole("rule"), "why", title="Rules that have had nothing to look at")
    for each in silent:
        why = "; ".join(_reasons(each.why)) or "no event so far"
        rows.add_row(*cells((each.rule, why if each.can_fire else f"cannot fire: {why}")))
    if silent:
        print_table(rows)


def _reasons(why: Mapping[str, str]) -> Iterator[str]:
    """Each reason once, with the event types that it is true of."""
    groups: dict[str, list[str]] = {}
    for event_type, reason in why.items():
        groups.setdefault(reason, []).append(event_type)
    for reason, names in groups.items():
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        yield f"{', '.join(names[:_LISTED])}{more}: {reason}"


def _print_piles(status: Status) -> None:
    rows = table(
        "channel",
        whole("state"),
        number("messages"),
        number("oldest"),
        "reason",
        title="Outbox",
    )
    for pile in status.piles:
        oldest = f"{span(status.now - pile.oldest)} ago"
        rows.add_row(*cells((pile.channel, pile.state, f"{pile.count:,}", oldest, pile.reason)))
    if status.piles:
        print_table(rows)
