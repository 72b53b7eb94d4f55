"""Reports that people and programs run, in their log file and as stored events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from collector.demo.scenario_day import ScenarioDay, UserSession

_REPORTS = (
    ("Pipeline by stage", "Opportunity", "[OPPORTUNITY_NAME, AMOUNT, STAGE_NAME, CLOSE_DATE]"),
    ("Open cases by owner", "Case", "[CASE_NUMBER, OWNER, STATUS, SUBJECT]"),
    ("Leads of this week", "Lead", "[LEAD_NAME, COMPANY, RATING]"),
    ("Renewals, next quarter", "Opportunity", "[OPPORTUNITY_NAME, AMOUNT, CLOSE_DATE]"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A saved report, the object that it reads, its columns, and how many rows it has."""

    id: str
    name: str
    entity: str
    headers: str
    rows: int


def run_report(day: ScenarioDay, session: UserSession, at: datetime, *, origin: str) -> None:
    """A report that nobody else runs."""
    name, entity, headers = _REPORTS[int(day.rng.random() * len(_REPORTS))]
    report = Report(
        id=day.ids.make_record_id("00O"),
        name=name,
        entity=entity,
        headers=headers,
        rows=20 + int(day.rng.random() ** 3 * 1900),
    )
    log_report_run(day, session, at, report, origin=origin)


def log_report_run(
    day: ScenarioDay, session: UserSession, at: datetime, report: Report, *, origin: str
) -> None:
    """A run of a report, in its log file and as a stored event."""
    log_columns = {
        "RUN_TIME": day.pick_number(2500),
        "CPU_TIME": day.pick_number(400),
        "URI": "/lightning/r/Report",
        "URI_ID_DERIVED": report.id,
        "DB_TOTAL_TIME": day.pick_number(900_000_000),
        "ENTITY_NAME": report.entity,
        "DISPLAY_TYPE": "S",
        "REPORT_ID": report.id[:15],
        "REPORT_ID_DERIVED": report.id,
        "ROW_COUNT": str(report.rows),
        "NUMBER_COLUMNS": str(report.headers.count(",") + 1),
        "AVERAGE_ROW_SIZE": day.pick_number(900),
        "SORT": 'Created Date, "descending"',
        "ORIGIN": origin,
    }
    day.event_log.add_event("Report", at, {**session.log_columns, **log_columns})
    object_fields = {
        "Name": report.name,
        "ReportId": report.id,
        "Operation": origin,
        "EventSource": "API" if "Api" in origin else "Lightning",
        "ExecutionIdentifier": day.ids.make_uuid(),
        "ColumnHeaders": report.headers,
        "NumberOfColumns": report.headers.count(",") + 1,
        "QueriedEntities": report.entity,
        "RowsProcessed": float(report.rows),
        "Format": "Tabular",
        "Scope": "organization",
        "Sequence": 1,
        "IsScheduled": False,
        "OwnerId": session.person.id,
        "LoginHistoryId": session.history_id,
        "EvaluationTime": 0.0,
    }
    day.store_event("ReportEvent", at, {**session.object_fields, **object_fields})
