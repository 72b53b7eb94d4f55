"""The alerts: a list, and one by its id."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.api.json_values import JsonObject, to_json_object
from collector.api.state_view import open_state_view
from collector.errors import CollectorError
from collector.model import Alert, ParticipantKind, Severity, list_participants
from collector.settings import Settings
from collector.store import alerts, event_history
from collector.store.event_history import DeliveryRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertHistory:
    """An alert, and its messages by revision and channel."""

    alert: Alert
    deliveries: tuple[DeliveryRecord, ...]


def read_alerts(
    settings: Settings,
    *,
    since: datetime | None = None,
    min_severity: Severity = Severity.INFORMATIONAL,
    rule: str | None = None,
    limit: int | None = None,
    include_merged: bool = False,
) -> list[Alert]:
    """Alerts of a configuration's state, the newest event first.

    Only those with an event since then, so grave at least and of that rule, and at most so many;
    those that went on in another alert only if asked for.

    Raises CollectorError where there is no state yet.
    """
    with open_state_view(settings) as connection:
        return alerts.list_alerts(
            connection,
            since=since,
            min_severity=min_severity,
            rule=rule,
            limit=limit,
            include_merged=include_merged,
        )


def list_alerts(connection: sa.Connection) -> list[Alert]:
    """The alerts of a state, the newest event first."""
    return alerts.list_alerts(connection)


def read_alert_history(settings: Settings, id_prefix: str) -> AlertHistory:
    """The alert whose id begins so, and who was told of it.

    Raises CollectorError where that is none or several.
    """
    with open_state_view(settings) as connection:
        alert = find_alert_by_prefix(connection, id_prefix)
        deliveries = tuple(event_history.list_deliveries(connection, alert.id))
    return AlertHistory(alert=alert, deliveries=deliveries)


def find_alert_by_prefix(connection: sa.Connection, id_prefix: str) -> Alert:
    """The alert whose id begins so. Raises CollectorError where that is none or several."""
    found = alerts.find_alerts_by_prefix(connection, id_prefix)
    if not found:
        raise CollectorError(f"no alert has an id that begins with {id_prefix!r}")
    if len(found) > 1:
        raise CollectorError(f"several alerts have ids that begin with {id_prefix!r}: give more")
    return found[0]


def to_history_json(history: AlertHistory) -> JsonObject:
    """An alert and its messages as scripts read them."""
    deliveries = [asdict(delivery) for delivery in history.deliveries]
    return {**to_json(history.alert), **to_json_object({"deliveries": deliveries})}


def to_json(alert: Alert) -> JsonObject:
    """An alert as scripts read it.

    `merged_into` and `reason` are there only where an alert is over and has them.
    """
    outcome = {"merged_into": alert.merged_into, "reason": alert.reason}
    return to_json_object(
        {
            "id": alert.id,
            "rule": alert.rule,
            "title": alert.title,
            "severity": alert.severity,
            "status": alert.status,
            "org": alert.org,
            "dedup": alert.key,
            "first_time": alert.first_time,
            "last_time": alert.last_time,
            "count": alert.count,
            "late_seconds": alert.late_seconds,
            "entities": alert.entities,
            "participants": _list_participants(alert),
            "evidence": alert.evidence,
            "context": alert.context,
            "attack": alert.attack,
            "triage": alert.triage,
            "references": alert.references,
            "created": alert.created,
            "revision": alert.revision,
            **{name: value for name, value in outcome.items() if value},
        }
    )


def _list_participants(alert: Alert) -> dict[str, tuple[str, ...]]:
    origins = (alert.fold_state and alert.fold_state.participant_origins) or {}
    return {
        f"{kind}": names for kind in ParticipantKind if (names := list_participants(origins, kind))
    }
