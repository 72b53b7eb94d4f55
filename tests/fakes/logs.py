"""The table of logs that orgs keep: a new source is a row, and all laws hold for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from fakes.bench import DAY, HOUR, MINUTE, log_file
from fakes.world import START, Item, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A log that an org keeps: what it holds at START, and what shows up in it after a poll.

    `overlap` is how far before the cursor a poll looks. `events` is what there is in all.
    """

    source: str
    stream: str
    settings: Mapping[str, object]
    early: Sequence[Item]
    late: Sequence[Item]
    overlap: timedelta
    events: int

    @property
    def sources(self) -> Mapping[str, object]:
        return {self.source: self.settings}

    def __str__(self) -> str:
        return f"{self.source}/{self.stream}"


AGES = (23 * HOUR, 15 * HOUR, 15 * HOUR, 3 * HOUR, 5 * MINUTE)
"""In each of the three windows of a day something; two at the very same time."""


def records(name: str, make: Callable[[int, timedelta], Mapping[str, object]]) -> dict[str, object]:
    """The items of a log that is read in windows."""
    rows = [Record(name=name, row=make(number, age)) for number, age in enumerate(AGES)]
    late = [Record(name=name, row=make(77, 9 * MINUTE)), Record(name=name, row=make(78, HOUR / 60))]
    return {
        "stream": name,
        "early": rows,
        "late": late,
        "overlap": 10 * MINUTE,
        "events": len(rows) + len(late),
    }


def api_event(number, age):
    # Long ago it was written down, and only EventDate can be asked for.
    return {"EventIdentifier": f"api-{number}", "EventDate": START - age, "CreatedDate": START}


def anomaly(number, age):
    # What it tells of was long ago; when it was written down counts.
    at = {"EventDate": START - 9 * DAY, "CreatedDate": START - age}
    return {"Id": f"0eR{number:012}AAA", "EventIdentifier": f"anomaly-{number}", **at}


def change(number, age):
    return {"Id": f"0Ym{number:012}AAA", "CreatedDate": START - age, "Action": "createduser"}


def sign_in(number, age):
    return {"Id": f"0Ya{number:012}AAA", "LoginTime": START - age, "Status": "Success"}


def logged(number, age):
    return {"Timestamp": START - age, "RequestIdentifier": f"request-{number}"}


HOURLY = [log_file(n, START - age) for n, age in enumerate(AGES[:4])]
DAILY = [
    log_file(10 + n, START - age, sequence=0, log_date=START - 2 * DAY)
    for n, age in enumerate(AGES[:4])
]
OLD = {"log_date": START - 3 * DAY}
SUPPLEMENT = {"log_date": HOURLY[3].log_date, "sequence": 2}

LOGS = [
    Log(
        source="event_log_file",
        stream="hourly",
        settings={"settle": "0s"},
        early=[*HOURLY, DAILY[0]],
        late=[
            log_file(20, START - 2 * MINUTE, **OLD),
            log_file(21, START - 3 * HOUR - 50 * MINUTE, **SUPPLEMENT),
        ],
        overlap=HOUR,
        events=12,
    ),
    Log(
        source="event_log_file",
        stream="daily",
        settings={"settle": "0s", "interval": "daily"},
        early=[*DAILY, HOURLY[0]],
        late=[log_file(22, START - 2 * MINUTE, sequence=0, **OLD)],
        overlap=HOUR,
        events=10,
    ),
    Log(
        source="stored_events",
        settings={"objects": ["ApiEvent"]},
        **records("ApiEvent", api_event),
    ),
    Log(
        source="stored_events",
        settings={"objects": ["ApiAnomalyEventStore"]},
        **records("ApiAnomalyEventStore", anomaly),
    ),
    Log(source="setup_audit_trail", settings={}, **records("SetupAuditTrail", change)),
    Log(source="login_history", settings={}, **records("LoginHistory", sign_in)),
    Log(
        source="event_log_objects",
        settings={"objects": ["LoginEventLog"], "overlap": "10m"},
        **records("LoginEventLog", logged),
    ),
]
