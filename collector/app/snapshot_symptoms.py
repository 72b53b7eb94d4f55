"""What is wrong with the snapshots of the state, and with the state that they are of."""

from __future__ import annotations

from collector.backup.snapshots import SnapshotKeeper
from collector.health.symptoms import COLLECTOR_ORG, Symptom, SymptomState


def find_snapshot_symptoms(keeper: SnapshotKeeper | None) -> list[Symptom]:
    """The symptom of a state that is damaged, or of which no snapshot can be taken."""
    failure = keeper.failure if keeper is not None else None
    if failure is None:
        return []
    part, state = "snapshots", SymptomState.FAILING
    if failure.is_damage:
        part, state = "database", SymptomState.DAMAGED
    return [
        Symptom(
            org=COLLECTOR_ORG,
            subject="state",
            part=part,
            state=state,
            reason=failure.reason,
            since=failure.since,
            time=failure.since,
        )
    ]
