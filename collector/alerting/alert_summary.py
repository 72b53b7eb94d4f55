"""From an alert to the summary of its matches, and from a summary to what the alert says."""

from __future__ import annotations

from dataclasses import replace

from collector.alerting.evidence import to_context, to_evidence
from collector.alerting.summary import EvidenceItem, LeadMatch, MatchSummary
from collector.model import (
    Alert,
    FoldState,
    ParticipantOrigins,
    find_participants,
    merge_participants,
)


def get_fold_state(alert: Alert) -> FoldState:
    """The fold state of the alert.

    Raises:
        ValueError: it has none, as no match was folded into it.
    """
    if alert.fold_state is None:
        raise ValueError(f"alert {alert.id} was made of no match")
    return alert.fold_state


def summarize_alert(alert: Alert) -> MatchSummary:
    """The summary of the matches of an alert, without a look at them."""
    state = get_fold_state(alert)
    return MatchSummary(
        first_time=alert.first_time,
        last_time=alert.last_time,
        newest_uid=state.newest_uid,
        late_seconds=alert.late_seconds,
        opener=(alert.first_time, state.opener_uid),
        count=alert.count,
        lead=LeadMatch(
            severity=alert.severity,
            weight=state.lead_weight,
            time=state.lead_time,
            event_uid=state.lead_uid,
            title=alert.title,
            entities=state.lead_entities,
            context=alert.context,
        ),
        entity_origins=state.entity_origins,
        evidence_items=tuple(
            EvidenceItem(origin=origin, event=event)
            for origin, event in zip(state.evidence_origins, alert.evidence, strict=True)
        ),
        participant_origins=get_participants(alert),
    )


def get_participants(alert: Alert) -> ParticipantOrigins:
    """The participants of an alert; of one that an earlier version wrote, those that it shows."""
    state = get_fold_state(alert)
    if state.participant_origins is not None:
        return state.participant_origins
    shown = (
        find_participants(origin.time, origin.match_uid, {**event})
        for origin, event in zip(state.evidence_origins, alert.evidence, strict=True)
        if not origin.is_secondary
    )
    lead = find_participants(state.lead_time, state.lead_uid, state.lead_entities)
    return merge_participants([lead, *shown])


def apply_summary(alert: Alert, summary: MatchSummary) -> Alert:
    """The alert with the values of the summary."""
    lead = summary.lead
    return replace(
        alert,
        title=lead.title,
        severity=lead.severity,
        first_time=summary.first_time,
        last_time=summary.last_time,
        count=summary.count,
        late_seconds=summary.late_seconds,
        entities=summary.entities,
        evidence=tuple(to_evidence(item.event) for item in summary.evidence_items),
        context=tuple(to_context(lead.context)),
        fold_state=_build_fold_state(alert.fold_state, summary),
    )


def _build_fold_state(before: FoldState | None, summary: MatchSummary) -> FoldState:
    lead = summary.lead
    return FoldState(
        identity_uid=before.identity_uid if before else summary.opener[1],
        opener_uid=summary.opener[1],
        newest_uid=summary.newest_uid,
        lead_time=lead.time,
        lead_uid=lead.event_uid,
        lead_weight=lead.weight,
        lead_entities=dict(lead.entities),
        entity_origins=summary.entity_origins,
        evidence_origins=tuple(item.origin for item in summary.evidence_items),
        participant_origins=summary.participant_origins,
    )
