"""The table of logs that orgs keep: a new source is a row, and all laws hold for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from fakes.org_simulation import START, OrgItem, VisibleRecord
from fakes.polling_bench import DAY, HOUR, MINUTE, build_log_file


@dataclass(frozen=True, slots=True, kw_only=True)
class LogCase:
    """A log that an org keeps: what it holds at START, and what shows up in it after a poll.

    `overlap` is how far before the cursor a poll looks. `events` is what there is in all.
    """

    source: str
    stream: str
    settings: Mapping[str, object]
    early: Sequence[OrgItem]
    late: Sequence[OrgItem]
    overlap: timedelta
    events: int

    @property
    def sources(self) -> Mapping[str, object]:
        return {self.source: self.settings}

    def __str__(self) -> str:
        return f"{self.source}/{self.stream}"


AGES = (23 * HOUR, 15 * HOUR, 15 * HOUR, 3 * HOUR, 5 * MINUTE)
"""In each of the three windows of a day something; two at the very same time."""


def build_window_log(
    name: str, build_row: Callable[[int, timedelta], Mapping[str, object]]
) -> dict[str, object]:
    """The items of a log that is read in windows."""
    rows = [VisibleRecord(name=name, row=build_row(number, age)) for number, age in enumerate(AGES)]
    late = [
        VisibleRecord(name=name, row=build_row(77, 9 * MINUTE)),
        VisibleRecord(name=name, row=build_row(78, HOUR / 60)),
    ]
    return {
        "stream": name,
        "early": rows,
        "late": late,
        "overlap": 10 * MINUTE,
        "events": len(rows) + len(late),
    }


def build_api_event(number, age):
    # Long ago it was written down, and only EventDate can be asked for.
    return {"EventIdentifier": f"api-{number}", "EventDate": START - age, "CreatedDate": START}


def build_anomaly(number, age):
    # What it tells of was long ago; when it was written down counts.
    at = {"EventDate": START - 9 * DAY, "CreatedDate": START - age}
    return {"Id": f"0eR{number:012}AAA", "EventIdentifier": f"anomaly-{number}", **at}


def build_audit_row(number, age):
    return {"Id": f"0Ym{number:012}AAA", "CreatedDate": START - age, "Action": "createduser"}


def build_sign_in(number, age):
    return {"Id": f"0Ya{number:012}AAA", "LoginTime": START - age, "Status": "Success"}


def build_event_log_row(number, age):
    return {"Timestamp": START - age, "RequestIdentifier": f"request-{number}"}


HOURLY_FILES = [build_log_file(n, START - age) for n, age in enumerate(AGES[:4])]
DAILY_FILES = [
    build_log_file(10 + n, START - age, sequence=0, log_date=START - 2 * DAY)
    for n, age in enumerate(AGES[:4])
]
OLD_FILE = {"log_date": START - 3 * DAY}
SUPPLEMENT_FILE = {"log_date": HOURLY_FILES[3].log_date, "sequence": 2}

LOG_CASES = [
    LogCase(
        source="event_log_file",
        stream="hourly",
        settings={"settle": "0s"},
        early=[*HOURLY_FILES, DAILY_FILES[0]],
        late=[
            build_log_file(20, START - 2 * MINUTE, **OLD_FILE),
            build_log_file(21, START - 3 * HOUR - 50 * MINUTE, **SUPPLEMENT_FILE),
        ],
        overlap=HOUR,
        events=12,
    ),
    LogCase(
        source="event_log_file",
        stream="daily",
        settings={"settle": "0s", "interval": "daily"},
        early=[*DAILY_FILES, HOURLY_FILES[0]],
        late=[build_log_file(22, START - 2 * MINUTE, sequence=0, **OLD_FILE)],
        overlap=HOUR,
        events=10,
    ),
    LogCase(
        source="stored_events",
        settings={"objects": ["ApiEvent"]},
        **build_window_log("ApiEvent", build_api_event),
    ),
    LogCase(
        source="stored_events",
        settings={"objects": ["ApiAnomalyEventStore"]},
        **build_window_log("ApiAnomalyEventStore", build_anomaly),
    ),
    LogCase(
        source="setup_audit_trail",
        settings={},
        **build_window_log("SetupAuditTrail", build_audit_row),
    ),
    LogCase(source="login_history", settings={}, **build_window_log("LoginHistory", build_sign_in)),
    LogCase(
        source="event_log_objects",
        settings={"objects": ["LoginEventLog"], "overlap": "10m"},
        **build_window_log("LoginEventLog", build_event_log_row),
    ),
]
