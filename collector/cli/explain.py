"""`collector alerts explain`: why there is an alert, item by item."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from collector import engine
from collector.api.alert_explanation import (
    AlertExplanation,
    EvidenceEvent,
    ExplainContext,
    explain_alert,
)
from collector.app.wiring import EVENT_SCHEMA, load_rules
from collector.cli.options import (
    config_option,
    find_alert,
    json_option,
    load_settings,
    open_state_view,
)
from collector.cli.output import (
    build_fixed_column,
    build_number_column,
    build_table,
    color_severity,
    format_count,
    format_value,
    print_json,
    print_paragraph,
    print_table,
    to_cells,
    to_safe_text,
)
from collector.detect.explain import Explanation
from collector.detect.explain.questions import ItemAnswer
from collector.detect.explain.severity_ladder import SeverityLadder, SeverityRung
from collector.ingest.state_paths import StatePaths
from collector.model import Event

_VALUE_LIMIT = 6
"""So many values of an item are listed."""

_UNNAMED_KEYS = ("form", "text")
"""What of an entry of a list is told without its name: `cidr 203.0.113.0/24`."""

ExplanationRow = tuple[object, object, object, object]


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
    with open_state_view(settings) as state, engine.open_engine() as connection:
        alert = find_alert(state, alert_id)
        ground = ExplainContext(
            state=state,
            engine=connection,
            archive=StatePaths(state_dir=settings.state_dir).archive,
            rules=load_rules(settings.rules),
            schema=EVENT_SCHEMA,
        )
        found = explain_alert(ground, alert, limit=limit)
    if as_json:
        print_json(_to_explanation_dict(found))
    else:
        _print_explanation(found)


# ---- for a person


def _print_explanation(found: AlertExplanation) -> None:
    alert, rule = found.alert, found.rule
    place = f" at {rule.path}:{found.rule_line}" if rule else ""
    print_paragraph(f"{alert.severity} alert {alert.id[:8]} of {alert.org}: {alert.title}")
    print_paragraph(f"{alert.rule}{place}: {format_count(alert.count, 'event')}, {alert.status}")
    for remark in found.remarks:
        print_paragraph(remark)
    for position, context in enumerate(alert.context):
        _print_context(context, found.window_severities.get(position))
    for witness in found.evidence:
        _print_evidence(witness)
    if found.remaining_count:
        print_paragraph(f"{format_count(found.remaining_count, 'event')} more: see --limit")


def _print_context(context: Mapping[str, Any], ladder: SeverityLadder | None) -> None:
    """What the events were seen against."""
    rows = build_table(build_fixed_column(""), "", title=_format_label(context.get("kind")))
    rows.show_header = False
    for name, value in _flatten_context(context):
        rows.add_row(*to_cells((_format_label(name), format_value(value))))
    print_table(rows)
    if ladder:
        _print_rows("Severity of the window", _build_severity_rows(ladder))


def _flatten_context(context: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in context.items():
        if isinstance(value, Mapping):
            yield from _flatten_context(value, f"{prefix}{name} ")
        elif f"{prefix}{name}" != "kind" and value is not None:
            yield f"{prefix}{name}", value


def _print_evidence(witness: EvidenceEvent) -> None:
    event = witness.event
    head = (
        f"{event.get('event_type', 'event')} {event['event_uid']} at {format_value(event['time'])}"
    )
    if not witness.rule_explanations:
        _print_event(head, event)
    for fit in witness.rule_explanations:
        verdict = "matches" if fit.holds else "does not match"
        told = [*_build_severity_rows(fit.ladder), *_build_alert_rows(fit)] if fit.ladder else []
        lines = [*_build_condition_rows(fit), *_build_selection_rows(fit), *told]
        _print_rows(f"{head} {verdict} {fit.rule}", lines, path=fit.path)


def _print_event(head: str, event: Event) -> None:
    rows = build_table(build_fixed_column(""), "", title=head)
    rows.show_header = False
    for name, value in event.items():
        rows.add_row(*to_cells((name, format_value(value))))
    print_table(rows)


def _print_rows(title: str, lines: Iterable[ExplanationRow], path: Path | None = None) -> None:
    rows = build_table(
        build_number_column("line"),
        build_fixed_column(""),
        str(path or "asked"),
        "the event has",
        title=title,
    )
    for line in lines:
        rows.add_row(*to_cells(line))
    print_table(rows)


def _build_condition_rows(fit: Explanation) -> Iterator[ExplanationRow]:
    words = " | ".join(fit.condition)
    yield (
        fit.condition_line,
        _render_mark(holds=fit.holds),
        Text(to_safe_text(f"condition: {words}"), "bold"),
        "",
    )


def _build_selection_rows(fit: Explanation) -> Iterator[ExplanationRow]:
    for selection in fit.selections:
        yield (
            selection.line or "",
            _render_mark(holds=selection.holds),
            Text(to_safe_text(selection.name), "bold"),
            "",
        )
        for position, alternative in enumerate(selection.alternatives):
            for item in alternative:
                joined = "or " if position and item is alternative[0] else ""
                asked = f"  {joined}{item.key or 'any field'}: {_format_values(item)}"
                yield item.line or "", _render_mark(holds=item.holds), asked, _format_found(item)


def _build_severity_rows(ladder: SeverityLadder) -> Iterator[ExplanationRow]:
    yield "", "", Text.assemble(("severity: ", "bold"), color_severity(ladder.severity)), ""
    for rung in (*ladder.cases, *ladder.steps):
        said = f"  {rung.text}: {rung.effect}{' (this one)' if rung.is_decisive else ''}"
        yield rung.line, _render_mark(holds=rung.holds), said, _format_pairs(rung.event_values)
    if not any(rung.is_decisive for rung in ladder.cases):
        yield "", "", f"  level: {ladder.level} (this one)", ""


def _build_alert_rows(fit: Explanation) -> Iterator[ExplanationRow]:
    yield "", "", Text("title", "bold"), fit.title
    yield "", "", Text("one alert with what has the same", "bold"), _format_pairs(fit.key)


def _render_mark(*, holds: bool) -> Text:
    return Text("✓", "green") if holds else Text("✗", "red")


def _format_values(item: ItemAnswer) -> str:
    listed = ", ".join(map(format_value, item.values[:_VALUE_LIMIT]))
    more = len(item.values) - _VALUE_LIMIT
    return f"{listed} and {more:,} more" if more > 0 else listed


def _format_found(item: ItemAnswer) -> str:
    """The values, by name where that is not plain from the item; and the entries of lists."""
    field = item.key.split("|")[0]
    own = list(item.event_values.items())
    bare = len(own) == 1 and own[0][0] == field
    said = format_value(own[0][1]) if bare else _format_pairs(item.event_values)
    entries = "; ".join(
        f"in the list as {_format_entry(entry)}" for entry in _list_entry_dicts(item)
    )
    return f"{said or 'nothing'} ({entries})" if entries else said or "nothing"


def _format_entry(entry: Mapping[str, Any]) -> str:
    known = [
        f"{_format_label(name)} {format_value(value)}"
        for name, value in entry.items()
        if name not in _UNNAMED_KEYS
    ]
    return ", ".join([" ".join(format_value(entry[name]) for name in _UNNAMED_KEYS), *known])


def _format_pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name}: {format_value(value) or 'nothing'}" for name, value in values.items()
    )


def _format_label(name: object) -> str:
    return str(name).replace("_", " ")


# ---- for a script


def _to_explanation_dict(found: AlertExplanation) -> dict[str, Any]:
    rule = found.rule
    return {
        "id": found.alert.id,
        "rule": found.alert.rule,
        "path": rule and rule.path,
        "line": found.rule_line if rule else None,
        "severity": found.alert.severity,
        "remarks": found.remarks,
        "context": [
            {**context, **({"severity": _to_ladder_dict(ladder)} if ladder else {})}
            for position, context in enumerate(found.alert.context)
            for ladder in [found.window_severities.get(position)]
        ],
        "events": [_to_evidence_dict(witness) for witness in found.evidence],
        "more": found.remaining_count,
    }


def _to_evidence_dict(witness: EvidenceEvent) -> dict[str, Any]:
    return {
        "event_uid": witness.event["event_uid"],
        "archived": witness.is_archived,
        "event": witness.event,
        "rules": [_to_rule_dict(fit) for fit in witness.rule_explanations],
    }


def _to_rule_dict(fit: Explanation) -> dict[str, Any]:
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
                    [_to_item_dict(item) for item in alternative]
                    for alternative in selection.alternatives
                ],
            }
            for selection in fit.selections
        ],
        "severity": fit.ladder and _to_ladder_dict(fit.ladder),
        "title": fit.title,
        "key": fit.key,
    }


def _to_item_dict(item: ItemAnswer) -> dict[str, Any]:
    return {
        "line": item.line,
        "item": item.key,
        "values": item.values,
        "found": item.event_values,
        "holds": item.holds,
        "entries": list(_list_entry_dicts(item)),
    }


def _list_entry_dicts(item: ItemAnswer) -> Iterator[dict[str, Any]]:
    for entry in item.list_entries:
        yield {name: value for name, value in asdict(entry).items() if value is not None}


def _to_ladder_dict(ladder: SeverityLadder) -> dict[str, Any]:
    return {
        "severity": ladder.severity,
        "level": ladder.level,
        "cases": [_to_rung_dict(rung) for rung in ladder.cases],
        "steps": [_to_rung_dict(rung) for rung in ladder.steps],
    }


def _to_rung_dict(rung: SeverityRung) -> dict[str, Any]:
    return {
        "line": rung.line,
        "if": rung.text,
        "then": rung.effect,
        "found": rung.event_values,
        "holds": rung.holds,
        "decides": rung.is_decisive,
    }
