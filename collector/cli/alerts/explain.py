"""`collector alerts explain`: why there is an alert, item by item."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from collector.api.alert_evidence import EvidenceEvent
from collector.api.alert_explanation import (
    AlertExplanation,
    describe_list_entry,
    explain_stored_alert,
    to_json,
)
from collector.cli.deliveries import print_told
from collector.cli.options import config_option, json_option, load_settings
from collector.cli.output import (
    build_fixed_column,
    build_number_column,
    build_table,
    color_severity,
    format_count,
    format_value,
    print_json,
    print_pairs,
    print_paragraph,
    print_table,
    to_cells,
    to_safe_text,
)
from collector.detect.explain import Explanation
from collector.detect.explain.questions import ItemAnswer
from collector.detect.explain.severity_ladder import SeverityLadder

_VALUE_LIMIT = 6
"""So many values of an item are listed."""

_UNNAMED_KEYS = ("form", "text")
"""Keys of an entry of a list that are shown without their name: `cidr 203.0.113.0/24`."""

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
    explanation = explain_stored_alert(load_settings(config), alert_id, limit=limit)
    if as_json:
        print_json(to_json(explanation))
    else:
        _print_explanation(explanation)


def _print_explanation(explanation: AlertExplanation) -> None:
    alert, rule = explanation.alert, explanation.rule
    place = f" at {rule.path}:{explanation.rule_line}" if rule else ""
    print_paragraph(f"{alert.severity} alert {alert.id[:8]} of {alert.org}: {alert.title}")
    print_paragraph(f"{alert.rule}{place}: {format_count(alert.count, 'event')}, {alert.status}")
    print_told(explanation.deliveries)
    for remark in explanation.remarks:
        print_paragraph(remark)
    for position, context in enumerate(alert.context):
        _print_context(context, explanation.window_severities.get(position))
    for evidence in explanation.evidence:
        _print_evidence(evidence)
    if explanation.remaining_count:
        print_paragraph(f"{format_count(explanation.remaining_count, 'event')} more: see --limit")


def _print_context(context: Mapping[str, Any], ladder: SeverityLadder | None) -> None:
    """Print an entry of the context of an alert."""
    facts = ((_format_label(name), value) for name, value in _flatten_context(context))
    print_pairs(_format_label(context.get("kind")), facts)
    if ladder:
        _print_rows("Severity of the window", _build_severity_rows(ladder))


def _flatten_context(context: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in context.items():
        if isinstance(value, Mapping):
            yield from _flatten_context(value, f"{prefix}{name} ")
        elif f"{prefix}{name}" != "kind" and value is not None:
            yield f"{prefix}{name}", value


def _print_evidence(evidence: EvidenceEvent) -> None:
    event = evidence.event
    title = (
        f"{event.get('event_type', 'event')} {event['event_uid']} at {format_value(event['time'])}"
    )
    if not evidence.rule_explanations:
        print_pairs(title, event.items())
    for explanation in evidence.rule_explanations:
        verdict = "matches" if explanation.holds else "does not match"
        lines = [*_build_condition_rows(explanation), *_build_selection_rows(explanation)]
        if explanation.ladder:
            lines += [*_build_severity_rows(explanation.ladder), *_build_alert_rows(explanation)]
        _print_rows(f"{title} {verdict} {explanation.rule}", lines, path=explanation.path)
    for note in evidence.directory_notes:
        print_paragraph(note)


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


def _build_condition_rows(explanation: Explanation) -> Iterator[ExplanationRow]:
    condition = " | ".join(explanation.condition)
    yield (
        explanation.condition_line,
        _render_mark(holds=explanation.holds),
        Text(to_safe_text(f"condition: {condition}"), "bold"),
        "",
    )


def _build_selection_rows(explained: Explanation) -> Iterator[ExplanationRow]:
    for selection in explained.selections:
        yield (
            selection.line or "",
            _render_mark(holds=selection.holds),
            Text(to_safe_text(_add_origin(selection.name, selection.origin)), "bold"),
            "",
        )
        for position, alternative in enumerate(selection.alternatives):
            for item in alternative:
                prefix = "or " if position and item is alternative[0] else ""
                text = f"  {prefix}{item.key or 'any field'}: {_format_values(item)}"
                yield item.line or "", _render_mark(holds=item.holds), text, _format_found(item)


def _build_severity_rows(ladder: SeverityLadder) -> Iterator[ExplanationRow]:
    yield "", "", Text.assemble(("severity: ", "bold"), color_severity(ladder.severity)), ""
    for rung in (*ladder.cases, *ladder.steps):
        text = f"  {rung.text}: {rung.effect}{' (this one)' if rung.is_decisive else ''}"
        text = _add_origin(text, rung.origin)
        yield (
            rung.line or "",
            _render_mark(holds=rung.holds),
            text,
            _format_pairs(rung.event_values),
        )
    if not any(rung.is_decisive for rung in ladder.cases):
        yield "", "", f"  level: {ladder.level} (this one)", ""


def _add_origin(text: str, origin: str) -> str:
    return f"{text}, tuned at {origin}" if origin else text


def _build_alert_rows(explained: Explanation) -> Iterator[ExplanationRow]:
    yield "", "", Text("title", "bold"), explained.title
    yield "", "", Text("one alert with what has the same", "bold"), _format_pairs(explained.key)


def _render_mark(*, holds: bool) -> Text:
    return Text("✓", "green") if holds else Text("✗", "red")


def _format_values(item: ItemAnswer) -> str:
    listed = ", ".join(map(format_value, item.values[:_VALUE_LIMIT]))
    more = len(item.values) - _VALUE_LIMIT
    return f"{listed} and {more:,} more" if more > 0 else listed


def _format_found(item: ItemAnswer) -> str:
    """The values, by name where they are not of the field of the item; and the entries of lists."""
    field = item.key.split("|")[0]
    values = list(item.event_values.items())
    is_bare = len(values) == 1 and values[0][0] == field
    text = format_value(values[0][1]) if is_bare else _format_pairs(item.event_values)
    entries = "; ".join(
        f"in the list as {_format_entry(describe_list_entry(entry))}" for entry in item.list_entries
    )
    return f"{text or 'nothing'} ({entries})" if entries else text or "nothing"


def _format_entry(entry: Mapping[str, Any]) -> str:
    details = [
        f"{_format_label(name)} {format_value(value)}"
        for name, value in entry.items()
        if name not in _UNNAMED_KEYS
    ]
    return ", ".join([" ".join(format_value(entry[name]) for name in _UNNAMED_KEYS), *details])


def _format_pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name}: {format_value(value) or 'nothing'}" for name, value in values.items()
    )


def _format_label(name: object) -> str:
    return str(name).replace("_", " ")
