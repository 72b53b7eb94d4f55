"""What an alert keeps of its matches, so that further ones join without a look at the earlier."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from collector.alerting.evidence import to_context, to_evidence
from collector.alerting.summary import EntityOrigin, EvidenceItem, LeadMatch, MatchSummary
from collector.clock import from_micros, to_micros
from collector.model import Alert, Severity


def summarize_alert(alert: Alert) -> MatchSummary:
    """What the matches of an alert come to, without a look at them."""
    basis = alert.basis
    return MatchSummary(
        first_time=alert.first_time,
        last_time=alert.last_time,
        newest_uid=basis["newest"],
        late_seconds=alert.late_seconds,
        opener=(alert.first_time, basis["opener"]),
        count=alert.count,
        lead=LeadMatch(
            severity=alert.severity,
            weight=basis["weight"],
            time=from_micros(basis["lead"][0]),
            event_uid=basis["lead"][1],
            title=alert.title,
            entities=basis["entities"],
            context=alert.context,
        ),
        entity_origins={
            name: EntityOrigin(time=from_micros(micros), event_uid=uid, value=value)
            for name, (micros, uid, value) in basis["origins"].items()
        },
        evidence_items=tuple(
            EvidenceItem(
                event_uid=uid,
                match_uid=owner,
                severity=Severity(severity),
                is_secondary=beside,
                time=from_micros(micros),
                event=event,
            )
            for (uid, owner, severity, beside, micros), event in zip(
                basis["evidence"], alert.evidence, strict=True
            )
        ),
    )


def apply_summary(alert: Alert, summary: MatchSummary) -> Alert:
    """The alert, saying what the summary says."""
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
        evidence=tuple(to_evidence(piece.event) for piece in summary.evidence_items),
        context=tuple(to_context(lead.context)),
        basis={
            **_build_fold_state(summary),
            "opened": alert.basis.get("opened", summary.opener[1]),
        },
    )


def _build_fold_state(summary: MatchSummary) -> dict[str, Any]:
    lead = summary.lead
    return {
        "newest": summary.newest_uid,
        "opener": summary.opener[1],
        "lead": [to_micros(lead.time), lead.event_uid],
        "weight": lead.weight,
        "entities": dict(lead.entities),
        "origins": {
            name: [to_micros(origin.time), origin.event_uid, origin.value]
            for name, origin in sorted(summary.entity_origins.items())
        },
        "evidence": [
            [
                piece.event_uid,
                piece.match_uid,
                int(piece.severity),
                piece.is_secondary,
                to_micros(piece.time),
            ]
            for piece in summary.evidence_items
        ],
    }
