"""Turns what is wrong with collecting into events, once, and sends them down the ordinary path."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from collector import clock
from collector.health import PASSING, SELF, Expected, Symptom, symptoms
from collector.model import Batch, Stream
from collector.observe import log
from collector.pipeline import Pipeline
from collector.segments import write_records
from collector.store import inventory
from collector.store.database import Database
from collector.store.vitals import vitals

EVENT_TYPE = "CollectorHealth"
SOURCE = "health"
RECOVERED = "recovered"

COLUMNS = (
    "EventIdentifier",
    "EventDate",
    "Subject",
    "Part",
    "State",
    "Reason",
    "Since",
)


class Watch:
    """Looks at how collecting goes. Each episode of a symptom becomes one event, told once.

    What is under way is remembered in the state, in the transaction that stores the event.
    """

    def __init__(
        self,
        *,
        database: Database,
        pipeline: Pipeline,
        spool: Path,
        expected: Callable[[], Expected],
    ) -> None:
        self._database = database
        self._pipeline = pipeline
        self._spool = spool
        self._expected = expected
        self._started = clock.now()
        self._turn = threading.Lock()

    def look(self, now: datetime) -> list[Symptom]:
        """Tell what is new, and what is over. Returns what is new."""
        with self._turn:
            with self._database.read() as connection:
                seen = vitals(connection, now=now)
            expected = self._expected()
            found = symptoms(seen, expected, now=now, started=self._started)
            orgs = {SELF, *(org for org, _ in expected), *(one.org for one in found)}
            return [
                symptom
                for org in sorted(orgs)
                for symptom in self._tell(org, [one for one in found if one.org == org], now)
            ]

    def _tell(self, org: str, found: Sequence[Symptom], now: datetime) -> list[Symptom]:
        with self._database.read() as connection:
            known = inventory.recall(connection, org=org, source=SOURCE)
        new = [symptom for symptom in found if symptom.key not in known]
        present = {symptom.key for symptom in found}
        over = {key: state for key, state in known.items() if key not in present}
        if new or over:
            self._pipeline.ingest(self._batch(org, new, over, now))
        for symptom in new:
            log.warning("collector_health", subject=symptom.subject, state=symptom.state)
        return new

    def _batch(
        self,
        org: str,
        new: Sequence[Symptom],
        over: Mapping[str, Mapping[str, Any]],
        now: datetime,
    ) -> Batch:
        ended = [state for state in over.values() if state["State"] not in PASSING]
        records = [*map(_record, new), *(_recovered(state, now) for state in ended)]
        key = _key(record["EventIdentifier"] for record in (*records, *over.values()))
        paths = write_records(self._spool, key, COLUMNS, records).paths if records else ()
        return Batch(
            key=key,
            stream=Stream(org=org, source=SOURCE, name=EVENT_TYPE),
            event_type=EVENT_TYPE,
            nominal=now,
            received=now,
            segments=paths,
            columns=COLUMNS,
            record_prefix=key,
            dedupe=True,
            cursor=None,
            facts={"rows": len(records)},
            remember={
                **{symptom.key: _record(symptom) for symptom in new},
                **dict.fromkeys(over),
            },
        )


def _record(symptom: Symptom) -> dict[str, Any]:
    return {
        "EventIdentifier": symptom.uid,
        "EventDate": symptom.time.isoformat(),
        "Subject": symptom.subject,
        "Part": symptom.part,
        "State": symptom.state,
        "Reason": symptom.reason,
        "Since": symptom.since.isoformat(),
    }


def _recovered(state: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    return {
        **state,
        "EventIdentifier": f"{state['EventIdentifier']}.{RECOVERED}",
        "EventDate": now.isoformat(),
        "State": RECOVERED,
        "Reason": f"it was {state['State']} since {state['Since'][:16]}Z",
    }


def _key(uids: Iterable[str]) -> str:
    return hashlib.sha256("\n".join((SOURCE, *sorted(uids))).encode()).hexdigest()[:32]
