"""Why there is an alert: its events, evaluated by the rule as it is written now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from collector import engine
from collector.api.alert_evidence import EvidenceEvent, ExplainContext, collect_evidence
from collector.api.alerts import find_alert_by_prefix
from collector.api.json_values import JsonObject, to_json_object
from collector.api.state_view import open_state_view
from collector.api.tuning_remarks import list_tuning_remarks
from collector.detect import explain
from collector.detect.explain import Explanation
from collector.detect.explain.questions import ItemAnswer
from collector.detect.explain.severity_ladder import SeverityLadder, SeverityRung
from collector.detect.lists.value_list import ListEntry
from collector.evaluation.stored_directory import read_directory
from collector.ingest.state_paths import StatePaths
from collector.model import Alert, Baseline, Correlation, MemberCondition, Rule
from collector.rules.configured_schema import build_event_schema
from collector.rules.rule_files import EVENT_SCHEMA, load_rules
from collector.settings import Settings
from collector.store import event_history
from collector.store.event_history import DeliveryRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertExplanation:
    """Why there is an alert.

    Attributes:
        rule: as it is now; None where it is gone.
        rule_line: where the rule begins in its file.
        remarks: what has changed since, in sentences.
        window_severities: by its index in the alert's context, how a window of several events came
            to its severity.
        evidence: some of its events.
        remaining_count: how many others it has.
        deliveries: its messages, by revision and channel.
    """

    alert: Alert
    rule: Rule | None
    rule_line: int
    remarks: tuple[str, ...]
    window_severities: Mapping[int, SeverityLadder]
    evidence: tuple[EvidenceEvent, ...]
    remaining_count: int
    deliveries: tuple[DeliveryRecord, ...] = ()


def explain_stored_alert(settings: Settings, id_prefix: str, *, limit: int) -> AlertExplanation:
    """Why there is the alert whose id begins so, by the rules of the configuration.

    Raises:
        RulesError: a rule file is wrong.
        CollectorError: no alert has such an id, or several have; or there is no state yet.
    """
    with open_state_view(settings) as state, engine.open_engine() as connection:
        alert = find_alert_by_prefix(state, id_prefix)
        rules = load_rules(settings.rules, schema=build_event_schema(settings))
        explain_context = ExplainContext(
            state=state,
            engine=connection,
            archive=StatePaths(state_dir=settings.state_dir).archive,
            rules=replace(rules, rules=rules.known_rules),  # an alert may be older than the switch
            schema=EVENT_SCHEMA,
            directory=read_directory(
                state, connection, alert.org, settings.directory.build_claims()
            ),
        )
        explanation = explain_alert(explain_context, alert, limit=limit)
        deliveries = tuple(event_history.list_deliveries(state, alert.id))
        return replace(explanation, deliveries=deliveries)


def explain_alert(explain_context: ExplainContext, alert: Alert, *, limit: int) -> AlertExplanation:
    """Why there is this alert, with at most so many of its events."""
    rule = explain_context.rules.by_name.get(alert.rule)
    if rule is None:
        return _explain_without_rule(alert, limit)
    evidence = tuple(collect_evidence(explain_context, alert, rule, limit=limit))
    return AlertExplanation(
        alert=alert,
        rule=rule,
        rule_line=explain_context.rules.documents[rule.name].find_line(()),
        remarks=(
            *_list_remarks(alert, rule, evidence),
            *list_tuning_remarks(explain_context.rules, rule, evidence),
        ),
        window_severities=dict(_explain_windows(explain_context, alert, rule)),
        evidence=evidence,
        remaining_count=max(0, alert.count - len(evidence)),
    )


def _explain_without_rule(alert: Alert, limit: int) -> AlertExplanation:
    """The explanation by the alert alone, whose rule is gone."""
    remark = (
        f"{alert.rule} is not among the rules of this configuration any more: it was removed,"
        " renamed or disabled. This is what the alert has kept."
    )
    evidence = alert.evidence[:limit]
    return AlertExplanation(
        alert=alert,
        rule=None,
        rule_line=0,
        remarks=(*_describe_outcome(alert), remark),
        window_severities={},
        evidence=tuple(EvidenceEvent(event=event, is_archived=False) for event in evidence),
        remaining_count=max(0, alert.count - len(evidence)),
    )


def _list_remarks(alert: Alert, rule: Rule, evidence: Sequence[EvidenceEvent]) -> Iterator[str]:
    """What became of the alert, and how rule and archive differ from it by now."""
    yield from _describe_outcome(alert)
    stored_texts = (alert.description, alert.attack, alert.triage, alert.references)
    if stored_texts != (rule.description, rule.attack, rule.triage, rule.references):
        yield (
            "The rule has been changed since: its description, ATT&CK ids, triage or references"
            " are not those of the alert. This is what it says now."
        )
    if any(not item.failures and not _matches_any_rule(item) for item in evidence):
        yield "Not all events match the rule as it is now: it or they have changed since."
    if not all(item.is_archived for item in evidence):
        yield (
            "The archive does not hold all of the events any more: those are asked as the alert has"
            " kept them, without the rest of long texts."
        )
    yield from dict.fromkeys(failure for item in evidence for failure in item.failures)


def _describe_outcome(alert: Alert) -> Iterator[str]:
    if alert.merged_into:
        yield f"It went on in alert {alert.merged_into}, which has its events now."
    if alert.reason:
        yield f"It does not hold any more. {alert.reason}"


def _matches_any_rule(event: EvidenceEvent) -> bool:
    return any(explanation.holds for explanation in event.rule_explanations)


# ---- windows


def _explain_windows(
    explain_context: ExplainContext, alert: Alert, rule: Rule
) -> Iterator[tuple[int, SeverityLadder]]:
    """How the windows of the alert's context came to their severity, by their indexes in it."""
    document = explain_context.rules.documents[rule.name]
    for position, context in enumerate(alert.context):
        values = _extract_case_values(context)
        if values and isinstance(rule.aggregation, Correlation | Baseline):
            all_values = {**alert.entities, **context.get("group", {}), **values}
            yield (
                position,
                explain.explain_window(rule, document, explain_context.engine, all_values),
            )


def _extract_case_values(context: Mapping[str, Any]) -> dict[str, float | None] | None:
    """What the cases of a rule over several events compare, by the names that they use."""
    if context.get("kind") == "window":
        answers = enumerate(context.get("answers", ()))
        numbers = {MemberCondition.name_answer(place): answer for place, answer in answers}
        return {**numbers, **{name: context.get(name) for name in ("metric", "event_count")}}
    if context.get("kind") != "baseline":
        return None
    value, mean, stddev = context.get("value"), context.get("mean"), context.get("stddev")
    deviations = None
    if value is not None and mean is not None and stddev:
        deviations = (value - mean) / stddev
    return {
        "metric": value,
        "event_count": context.get("event_count"),
        "mean": mean,
        "times_mean": value / mean if value is not None and mean else None,
        "deviations": deviations,
        "history": context.get("windows"),
    }


# ---- JSON


def to_json(explanation: AlertExplanation) -> JsonObject:
    """An explanation as scripts read it."""
    rule = explanation.rule
    return to_json_object(
        {
            "id": explanation.alert.id,
            "rule": explanation.alert.rule,
            "path": rule and rule.path,
            "line": explanation.rule_line if rule else None,
            "severity": explanation.alert.severity,
            "remarks": explanation.remarks,
            "deliveries": [asdict(delivery) for delivery in explanation.deliveries],
            "context": [
                {**context, **({"severity": _to_ladder_json(ladder)} if ladder else {})}
                for position, context in enumerate(explanation.alert.context)
                for ladder in [explanation.window_severities.get(position)]
            ],
            "events": [_to_evidence_json(evidence) for evidence in explanation.evidence],
            "more": explanation.remaining_count,
        }
    )


def _to_evidence_json(evidence: EvidenceEvent) -> dict[str, object]:
    return {
        "event_uid": evidence.event["event_uid"],
        "archived": evidence.is_archived,
        "event": evidence.event,
        "rules": [_to_rule_json(explained) for explained in evidence.rule_explanations],
        "directory": evidence.directory_notes,
    }


def _to_rule_json(explanation: Explanation) -> dict[str, object]:
    return {
        "rule": explanation.rule,
        "path": explanation.path,
        "holds": explanation.holds,
        "condition": {"line": explanation.condition_line, "text": explanation.condition},
        "selections": [
            {
                "name": selection.name,
                "line": selection.line,
                "origin": selection.origin or None,
                "holds": selection.holds,
                "alternatives": [
                    [_to_item_json(item) for item in alternative]
                    for alternative in selection.alternatives
                ],
            }
            for selection in explanation.selections
        ],
        "severity": explanation.ladder and _to_ladder_json(explanation.ladder),
        "title": explanation.title,
        "key": explanation.key,
    }


def _to_item_json(item: ItemAnswer) -> dict[str, object]:
    return {
        "line": item.line,
        "item": item.key,
        "values": item.values,
        "found": item.event_values,
        "holds": item.holds,
        "entries": [describe_list_entry(entry) for entry in item.list_entries],
    }


def describe_list_entry(entry: ListEntry) -> Mapping[str, object]:
    """What an entry of a value list says, by name, without what it does not say."""
    return {name: value for name, value in asdict(entry).items() if value not in {None, ()}}


def _to_ladder_json(ladder: SeverityLadder) -> dict[str, object]:
    return {
        "severity": ladder.severity,
        "level": ladder.level,
        "cases": [_to_rung_json(rung) for rung in ladder.cases],
        "steps": [_to_rung_json(rung) for rung in ladder.steps],
    }


def _to_rung_json(rung: SeverityRung) -> dict[str, object]:
    return {
        "line": rung.line,
        "origin": rung.origin or None,
        "if": rung.text,
        "then": rung.effect,
        "found": rung.event_values,
        "holds": rung.holds,
        "decides": rung.is_decisive,
    }
