"""`collector status`: how collecting and delivering goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from collector.assembly import database_of
from collector.cli.common import (
    cells,
    config_option,
    json_option,
    load_settings,
    moment,
    print_json,
    print_table,
    table,
)
from collector.cli.completeness import completeness_options, show_completeness
from collector.store import ledger, outbox
from collector.store.ledger import Poll, Total
from collector.store.outbox import Pile

_STYLES = {"ok": "green", "failed": "bold red", "unavailable": "yellow"}


@click.command("status")
@config_option
@json_option
@completeness_options
def command(config: Path, *, as_json: bool, completeness: bool, **proof: Any) -> None:
    """Every stream with its last success and its lag, what is stored, and the outbox."""
    if completeness or proof["compares"] or proof["counted"]:
        show_completeness(load_settings(config), as_json=as_json, **proof)
        return
    database = database_of(load_settings(config))
    with database.read() as connection:
        polls = ledger.polls(connection)
        totals = ledger.totals(connection)
        piles = outbox.piles(connection)
    if as_json:
        _print_json(polls, totals, piles)
        return
    if not polls:
        click.echo("nothing collected yet: collector run")
        return
    _print_polls(polls)
    _print_totals(totals)
    _print_piles(piles)


def _print_json(polls: Sequence[Poll], totals: Sequence[Total], piles: Sequence[Pile]) -> None:
    for poll in polls:
        print_json(
            {
                "kind": "stream",
                "org": poll.stream.org,
                "source": poll.stream.source,
                "stream": poll.stream.name,
                "state": poll.state,
                "reason": poll.reason,
                "last_attempt": poll.last_attempt,
                "last_success": poll.last_success,
            }
        )
    for total in totals:
        print_json(
            {
                "kind": "stored",
                "org": total.org,
                "source": total.source,
                "event_type": total.event_type,
                "batches": total.batches,
                "rows": total.rows,
                "duplicates": total.duplicates,
                "quarantined": total.quarantined,
                "lost": total.lost,
                "newest": total.newest,
            }
        )
    for pile in piles:
        print_json(
            {
                "kind": "outbox",
                "channel": pile.channel,
                "state": pile.state,
                "count": pile.count,
                "oldest": pile.oldest,
                "reason": pile.reason,
            }
        )


def _print_polls(polls: Sequence[Poll]) -> None:

    rows = table("stream", "state", "last success", "reason", title="Sources")
    for poll in polls:
        state = Text(poll.state, style=_STYLES.get(poll.state, ""))
        rows.add_row(*cells((poll.stream, state, moment(poll.last_success), poll.reason)))
    print_table(rows)


def _print_totals(totals: Sequence[Total]) -> None:
    rows = table(
        "org",
        "event type",
        "source",
        "events",
        "batches",
        "duplicates",
        "quarantined",
        "lost",
        "newest",
        title="Archive",
    )
    for total in totals:
        counts = (total.rows, total.batches, total.duplicates, total.quarantined, total.lost)
        shown = [f"{count:,}" for count in counts]
        newest = moment(total.newest)
        rows.add_row(*cells((total.org, total.event_type, total.source, *shown, newest)))
    print_table(rows)


def _print_piles(piles: Sequence[Pile]) -> None:
    rows = table("channel", "state", "messages", "oldest", "reason", title="Outbox")
    for pile in piles:
        values = (pile.channel, pile.state, f"{pile.count:,}", moment(pile.oldest), pile.reason)
        rows.add_row(*cells(values))
    print_table(rows)
