"""Turns what is wrong with collecting into events of the ordinary pipeline, each once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from collector import clock
from collector.csv_segments import write_records
from collector.disk_space import DEFAULT_RESERVE_BYTES, measure_disk_space
from collector.health.health_events import HEALTH_COLUMNS, HEALTH_EVENT_TYPE, HEALTH_SOURCE
from collector.health.storage_symptoms import find_storage_symptoms
from collector.health.symptoms import (
    COLLECTOR_ORG,
    TRANSIENT_STATES,
    PollSchedule,
    Symptom,
    SymptomState,
    find_symptoms,
)
from collector.ingest.pipeline import Pipeline
from collector.logs import log
from collector.model import Batch, RowCountFacts, Stream
from collector.sources import Lane
from collector.stable_ids import hash_lines
from collector.store import tracked_objects
from collector.store.database import Database
from collector.store.health_snapshot import read_health_snapshot


class HealthMonitor:
    """Finds symptoms. Each episode of one becomes one event.

    Present symptoms are kept in the state, written in the transaction that stores the event.
    `find_more_symptoms` finds those of what it cannot see from here.
    """

    def __init__(
        self,
        *,
        database: Database,
        pipeline: Pipeline,
        spool: Path,
        read_schedule: Callable[[], PollSchedule],
        disk_reserve_bytes: int = DEFAULT_RESERVE_BYTES,
        find_journal_problem: Callable[[], str] = str,
        find_more_symptoms: Callable[[], Sequence[Symptom]] = tuple,
    ) -> None:
        self._database = database
        self._pipeline = pipeline
        self._spool = spool
        self._read_schedule = read_schedule
        self._disk_reserve_bytes = disk_reserve_bytes
        self._find_journal_problem = find_journal_problem
        self._find_more_symptoms = find_more_symptoms
        self._started_at = clock.now()
        self._lock = threading.Lock()

    def check_health(self, now: datetime) -> list[Symptom]:
        """Store symptoms that are new, and recoveries, as events. Returns the new symptoms."""
        with self._lock:
            self._pipeline.set_absent_files_aside(now)
            with self._database.read() as connection:
                snapshot = read_health_snapshot(connection, now=now)
            schedule = self._read_schedule()
            disk = measure_disk_space(self._spool.parent, self._disk_reserve_bytes)
            symptoms = [
                *find_symptoms(snapshot, schedule, now=now, started_at=self._started_at),
                *find_storage_symptoms(
                    snapshot.damaged_files,
                    disk,
                    journal_problem=self._find_journal_problem(),
                    now=now,
                ),
                *self._find_more_symptoms(),
            ]
            orgs = {COLLECTOR_ORG, *(org for org, _ in schedule), *(one.org for one in symptoms)}
            by_org = {org: [one for one in symptoms if one.org == org] for org in sorted(orgs)}
            return [one for org in by_org for one in self._report_changes(org, by_org[org], now)]

    def _report_changes(self, org: str, found: Sequence[Symptom], now: datetime) -> list[Symptom]:
        with self._database.read() as connection:
            stored = tracked_objects.read_object_states(connection, org=org, source=HEALTH_SOURCE)
        new = [symptom for symptom in found if symptom.key not in stored]
        present_keys = {symptom.key for symptom in found}
        recoveries = {key: state for key, state in stored.items() if key not in present_keys}
        if new or recoveries:
            self._pipeline.ingest(self._build_batch(org, new, recoveries, now), lane=Lane.URGENT)
        for symptom in new:
            log.warning("collector_health", subject=symptom.subject, state=symptom.state)
        return new

    def _build_batch(
        self,
        org: str,
        new: Sequence[Symptom],
        recoveries: Mapping[str, Mapping[str, Any]],
        now: datetime,
    ) -> Batch:
        ended = [state for state in recoveries.values() if state["State"] not in TRANSIENT_STATES]
        records = [
            *map(_build_record, new),
            *(_build_recovery_record(state, now) for state in ended),
        ]
        uids = sorted(record["EventIdentifier"] for record in (*records, *recoveries.values()))
        key = hash_lines(HEALTH_SOURCE, *uids)
        paths = write_records(self._spool, key, HEALTH_COLUMNS, records).paths if records else ()
        return Batch(
            key=key,
            stream=Stream(org=org, source=HEALTH_SOURCE, name=HEALTH_EVENT_TYPE),
            event_type=HEALTH_EVENT_TYPE,
            log_time=now,
            received=now,
            segments=paths,
            columns=HEALTH_COLUMNS,
            record_prefix=key,
            dedupe=True,
            cursor=None,
            facts=RowCountFacts(rows=len(records)),
            state_updates={
                **{symptom.key: _build_record(symptom) for symptom in new},
                **dict.fromkeys(recoveries),
            },
        )


def _build_record(symptom: Symptom) -> dict[str, Any]:
    return {
        "EventIdentifier": symptom.uid,
        "EventDate": symptom.time.isoformat(),
        "Subject": symptom.subject,
        "Part": symptom.part,
        "State": symptom.state,
        "Reason": symptom.reason,
        "Since": symptom.since.isoformat(),
    }


def _build_recovery_record(state: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    return {
        **state,
        "EventIdentifier": f"{state['EventIdentifier']}.{SymptomState.RECOVERED}",
        "EventDate": now.isoformat(),
        "State": SymptomState.RECOVERED,
        "Reason": f"it was {state['State']} since {state['Since'][:16]}Z",
    }
