"""`collector alerts explain`: why there is an alert, item by item."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from collector import engine
from collector.assembly import SCHEMA, load_rules
from collector.cli.common import (
    cells,
    colored,
    counted,
    number,
    print_json,
    print_paragraph,
    print_table,
    shown,
    table,
    value_text,
    whole,
)
from collector.cli.options import config_option, json_option, load_settings, named_alert, reading
from collector.detect.explain import Explanation
from collector.detect.explain.ladder import Ladder, Rung
from collector.detect.explain.questions import Item
from collector.explain import Account, Ground, Witness, account
from collector.model import Event
from collector.pipeline import Places

_VALUES = 6
"""So many values of an item are listed."""

_BARE = ("form", "text")
"""What of an entry of a list is told without its name: `cidr 203.0.113.0/24`."""

Line = tuple[object, object, object, object]


@click.command("explain")
@config_option
@json_option
@click.option(
    "--limit",
    type=click.IntRange(min=1, max=100),
    default=5,
    show_default=True,
    help="How many of its events are explained at most.",
)
@click.argument("alert_id", metavar="ID")
def command(config: Path, *, as_json: bool, limit: int, alert_id: str) -> None:
    """Why there is this alert: what of the rule its events fit, and on which values.

    Each part of the rule, as it is written now, is asked of each event, by the engine that runs
    it. The first characters of the id are enough.
    """
    settings = load_settings(config)
    with reading(settings) as state, engine.connect() as connection:
        alert = named_alert(state, alert_id)
        ground = Ground(
            state=state,
            engine=connection,
            root=Places(state_dir=settings.state_dir).archive,
            rules=load_rules(settings.rules),
            schema=SCHEMA,
        )
        found = account(ground, alert, limit=limit)
    if as_json:
        print_json(_as_dict(found))
    else:
        _print(found)


# ---- for a person


def _print(found: Account) -> None:
    alert, rule = found.alert, found.rule
    place = f" at {rule.path}:{found.line}" if rule else ""
    print_paragraph(f"{alert.severity} alert {alert.id[:8]} of {alert.org}: {alert.title}")
    print_paragraph(f"{alert.rule}{place}: {counted(alert.count, 'event')}, {alert.status}")
    for remark in found.remarks:
        print_paragraph(remark)
    for position, context in enumerate(alert.context):
        _print_context(context, found.windows.get(position))
    for witness in found.witnesses:
        _print_witness(witness)
    if found.more:
        print_paragraph(f"{counted(found.more, 'event')} more: see --limit")


def _print_context(context: Mapping[str, Any], ladder: Ladder | None) -> None:
    """What the events were seen against."""
    rows = table(whole(""), "", title=_words(context.get("kind")))
    rows.show_header = False
    for name, value in _flat(context):
        rows.add_row(*cells((_words(name), value_text(value))))
    print_table(rows)
    if ladder:
        _print_lines("Severity of the window", _severity(ladder))


def _flat(context: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in context.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name} ")
        elif f"{prefix}{name}" != "kind" and value is not None:
            yield f"{prefix}{name}", value


def _print_witness(witness: Witness) -> None:
    event = witness.event
    head = f"{event.get('event_type', 'event')} {event['event_uid']} at {value_text(event['time'])}"
    if not witness.fits:
        _print_event(head, event)
    for fit in witness.fits:
        verdict = "matches" if fit.holds else "does not match"
        told = [*_severity(fit.ladder), *_told(fit)] if fit.ladder else []
        lines = [*_condition(fit), *_selections(fit), *told]
        _print_lines(f"{head} {verdict} {fit.rule}", lines, path=fit.path)


def _print_event(head: str, event: Event) -> None:
    rows = table(whole(""), "", title=head)
    rows.show_header = False
    for name, value in event.items():
        rows.add_row(*cells((name, value_text(value))))
    print_table(rows)


def _print_lines(title: str, lines: Iterable[Line], path: Path | None = None) -> None:
    rows = table(number("line"), whole(""), str(path or "asked"), "the event has", title=title)
    for line in lines:
        rows.add_row(*cells(line))
    print_table(rows)


def _condition(fit: Explanation) -> Iterator[Line]:
    words = " | ".join(fit.condition)
    yield fit.condition_line, _mark(holds=fit.holds), Text(shown(f"condition: {words}"), "bold"), ""


def _selections(fit: Explanation) -> Iterator[Line]:
    for selection in fit.selections:
        yield (
            selection.line or "",
            _mark(holds=selection.holds),
            Text(shown(selection.name), "bold"),
            "",
        )
        for position, alternative in enumerate(selection.alternatives):
            for item in alternative:
                joined = "or " if position and item is alternative[0] else ""
                asked = f"  {joined}{item.key or 'any field'}: {_values(item)}"
                yield item.line or "", _mark(holds=item.holds), asked, _found(item)


def _severity(ladder: Ladder) -> Iterator[Line]:
    yield "", "", Text.assemble(("severity: ", "bold"), colored(ladder.severity)), ""
    for rung in (*ladder.cases, *ladder.steps):
        said = f"  {rung.words}: {rung.gives}{' (this one)' if rung.decides else ''}"
        yield rung.line, _mark(holds=rung.holds), said, _pairs(rung.found)
    if not any(rung.decides for rung in ladder.cases):
        yield "", "", f"  level: {ladder.level} (this one)", ""


def _told(fit: Explanation) -> Iterator[Line]:
    yield "", "", Text("title", "bold"), fit.title
    yield "", "", Text("one alert with what has the same", "bold"), _pairs(fit.key)


def _mark(*, holds: bool) -> Text:
    return Text("✓", "green") if holds else Text("✗", "red")


def _values(item: Item) -> str:
    listed = ", ".join(map(value_text, item.values[:_VALUES]))
    more = len(item.values) - _VALUES
    return f"{listed} and {more:,} more" if more > 0 else listed


def _found(item: Item) -> str:
    """The values, by name where that is not plain from the item; and the entries of lists."""
    field = item.key.split("|")[0]
    own = list(item.found.items())
    bare = len(own) == 1 and own[0][0] == field
    said = value_text(own[0][1]) if bare else _pairs(item.found)
    entries = "; ".join(f"in the list as {_entry(entry)}" for entry in _entries(item))
    return f"{said or 'nothing'} ({entries})" if entries else said or "nothing"


def _entry(entry: Mapping[str, Any]) -> str:
    known = [
        f"{_words(name)} {value_text(value)}" for name, value in entry.items() if name not in _BARE
    ]
    return ", ".join([" ".join(value_text(entry[name]) for name in _BARE), *known])


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {value_text(value) or 'nothing'}" for name, value in values.items())


def _words(name: object) -> str:
    return str(name).replace("_", " ")


# ---- for a script


def _as_dict(found: Account) -> dict[str, Any]:
    rule = found.rule
    return {
        "id": found.alert.id,
        "rule": found.alert.rule,
        "path": rule and rule.path,
        "line": found.line if rule else None,
        "severity": found.alert.severity,
        "remarks": found.remarks,
        "context": [
            {**context, **({"severity": _ladder(ladder)} if ladder else {})}
            for position, context in enumerate(found.alert.context)
            for ladder in [found.windows.get(position)]
        ],
        "events": [_witness(witness) for witness in found.witnesses],
        "more": found.more,
    }


def _witness(witness: Witness) -> dict[str, Any]:
    return {
        "event_uid": witness.event["event_uid"],
        "archived": witness.archived,
        "event": witness.event,
        "rules": [_fit(fit) for fit in witness.fits],
    }


def _fit(fit: Explanation) -> dict[str, Any]:
    return {
        "rule": fit.rule,
        "path": fit.path,
        "holds": fit.holds,
        "condition": {"line": fit.condition_line, "text": fit.condition},
        "selections": [
            {
                "name": selection.name,
                "line": selection.line,
                "holds": selection.holds,
                "alternatives": [
                    [_item(item) for item in alternative] for alternative in selection.alternatives
                ],
            }
            for selection in fit.selections
        ],
        "severity": fit.ladder and _ladder(fit.ladder),
        "title": fit.title,
        "key": fit.key,
    }


def _item(item: Item) -> dict[str, Any]:
    return {
        "line": item.line,
        "item": item.key,
        "values": item.values,
        "found": item.found,
        "holds": item.holds,
        "entries": list(_entries(item)),
    }


def _entries(item: Item) -> Iterator[dict[str, Any]]:
    for entry in item.entries:
        yield {name: value for name, value in asdict(entry).items() if value is not None}


def _ladder(ladder: Ladder) -> dict[str, Any]:
    return {
        "severity": ladder.severity,
        "level": ladder.level,
        "cases": [_rung(rung) for rung in ladder.cases],
        "steps": [_rung(rung) for rung in ladder.steps],
    }


def _rung(rung: Rung) -> dict[str, Any]:
    return {
        "line": rung.line,
        "if": rung.words,
        "then": rung.gives,
        "found": rung.found,
        "holds": rung.holds,
        "decides": rung.decides,
    }
