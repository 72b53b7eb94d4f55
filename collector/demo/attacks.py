"""The four attacks of the day, as scripts, and the alerts that they must cause."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collector.demo.org_store import BulkJob
from collector.demo.people import People, Person
from collector.demo.program_activity import (
    API_CLIENTS,
    ApiClient,
    build_program_login,
    log_bulk_progress,
    simulate_call,
    store_api_event,
)
from collector.demo.scenario_day import ScenarioDay, UserSession
from collector.demo.setup_changes import record_audit_row
from collector.demo.user_activity import build_browser_login
from collector.model import Severity

FETCHER_IP = "203.0.113.214"
CLI_IP = "203.0.113.77"
THIEF_IP = "203.0.113.241"
_STOLEN_QUERY = "SELECT Id, FirstName, LastName, Email, Phone, MailingAddress FROM Contact"
STOLEN_RECORDS = 187_342


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedAlert:
    """An alert that the day must cause, and what happened, in a sentence."""

    rule: str
    severity: Severity
    story: str


def simulate_stolen_token(day: ScenarioDay, people: People, at: datetime) -> list[ExpectedAlert]:
    """Tokens taken from a vendor are tried out by two tools."""
    widget = people.programs["chat.widget"]
    fetcher = _build_tool("chat.widget", "Chat Widget", "Salesforce-Multi-Org-Fetcher/1.0")
    session = day.record_login(widget, at, build_program_login(fetcher), ip=FETCHER_IP)
    for number in range(12):
        simulate_call(
            day, session, replace(fetcher, agent=""), at + timedelta(seconds=3 * number + 2)
        )
    cli = _build_tool("developer", "Deploy Tool", "Salesforce-CLI/1.0")
    shell = _open_stolen_session(
        day, replace(people.developer, ip=CLI_IP), cli, at + timedelta(minutes=15)
    )
    counting = replace(cli, query="SELECT COUNT() FROM Contact")
    store_api_event(day, shell, counting, at + timedelta(minutes=17), 1)
    return [
        ExpectedAlert(
            rule="cli-activity",
            severity=Severity.CRITICAL,
            story="The chat widget's stolen token logs in as Salesforce-Multi-Org-Fetcher.",
        ),
        ExpectedAlert(
            rule="cli-activity",
            severity=Severity.HIGH,
            story="Salesforce-CLI/1.0 counts the contacts with a developer's token.",
        ),
    ]


def simulate_rogue_package(day: ScenarioDay, people: People, at: datetime) -> list[ExpectedAlert]:
    """A caller posing as the help desk makes an administrator install two packages."""
    admin = people.admins[0]
    session = day.record_login(admin, at, build_browser_login(admin))
    record_audit_row(
        day,
        at + timedelta(minutes=6),
        admin,
        action="insertConnectedApplication",
        section="Connected Apps",
        display="Installed Connected App My Ticket Portal to Salesforce",
    )
    _log_package_install(day, session, at + timedelta(minutes=9), name="Vendor Maps", succeeded="0")
    _log_package_install(
        day, session, at + timedelta(minutes=14), name="Ticket Export Helper", succeeded="1"
    )
    return [
        ExpectedAlert(
            rule="package-or-app-installed",
            severity=Severity.LOW,
            story="An administrator installs the connected app My Ticket Portal.",
        ),
        ExpectedAlert(
            rule="app-name-lure",
            severity=Severity.HIGH,
            story="My Ticket Portal is a name that callers have talked people into.",
        ),
        ExpectedAlert(
            rule="package-or-app-installed",
            severity=Severity.HIGH,
            story="The unmanaged package Ticket Export Helper is installed.",
        ),
    ]


def simulate_bulk_theft(
    day: ScenarioDay, people: People, at: datetime
) -> tuple[list[ExpectedAlert], BulkJob]:
    """Objects are counted; a bulk query exports all contacts, and is deleted once it is read."""
    thief = _build_tool("chat.widget", "Chat Widget", "python-requests/2.32.4")
    stolen_user = replace(people.programs["chat.widget"], ip=THIEF_IP)
    session = _open_stolen_session(day, stolen_user, thief, at - timedelta(minutes=4))
    _count_objects(day, session, thief, at - timedelta(minutes=3))
    job = BulkJob(
        id=day.ids.make_record_id("750"),
        kind="V2Query",
        operation="query",
        object="Contact",
        created_by=stolen_user.id,
        created=at.replace(microsecond=0),
        finished=at.replace(microsecond=0) + timedelta(seconds=202),
        records=STOLEN_RECORDS,
        deleted=at.replace(microsecond=0) + timedelta(seconds=226),
    )
    for seconds, records in ((70, 41_000), (140, 118_500), (202, STOLEN_RECORDS)):
        log_bulk_progress(day, session, job, at + timedelta(seconds=seconds), records)
    download = {"Query": _STOLEN_QUERY, "LoginHistoryId": session.history_id, "EvaluationTime": 0.0}
    day.store_event(
        "BulkApiResultEventStore",
        at + timedelta(seconds=214),
        {**session.object_fields, **download},
    )
    _store_anomaly(day, session, at + timedelta(minutes=9))
    return _list_theft_alerts(), job


def _count_objects(day: ScenarioDay, session: UserSession, thief: ApiClient, at: datetime) -> None:
    """What is worth taking: five counts within a minute."""
    for number, entity in enumerate(("Account", "Contact", "User", "Case", "Opportunity")):
        counting = replace(thief, entity=entity, query=f"SELECT COUNT() FROM {entity}")
        store_api_event(day, session, counting, at + number * timedelta(seconds=7), 1)


def _list_theft_alerts() -> list[ExpectedAlert]:
    return [
        ExpectedAlert(
            rule="bulk-api-job",
            severity=Severity.CRITICAL,
            story=f"A bulk query reads {STOLEN_RECORDS:,} contacts.",
        ),
        ExpectedAlert(
            rule="bulk-api-job",
            severity=Severity.LOW,
            story="Its result is downloaded: an unknown number of records, and no job id.",
        ),
        ExpectedAlert(
            rule="api-anomaly",
            severity=Severity.CRITICAL,
            story="Salesforce's own detection finds it unusual: score 0.958.",
        ),
        ExpectedAlert(
            rule="soql-count-recon",
            severity=Severity.LOW,
            story="Five objects are counted first, by a user that is an integration.",
        ),
        ExpectedAlert(
            rule="user-agent-ioc",
            severity=Severity.INFORMATIONAL,
            story="The tool calls itself as many programs do: python-requests.",
        ),
        ExpectedAlert(
            rule="data-theft-chain",
            severity=Severity.CRITICAL,
            story="The whole theft in one alert: a thief's client, counting, a large export.",
        ),
    ]


def _build_tool(user: str, app: str, agent: str) -> ApiClient:
    return replace(
        API_CLIENTS[0],
        user=user,
        app=app,
        app_id="0H4000000000C01",
        agent=agent,
        entity="Contact",
        query="SELECT Id, Name FROM Account LIMIT 20",
        version="58.0",
    )


def _open_stolen_session(
    day: ScenarioDay, person: Person, client: ApiClient, at: datetime
) -> UserSession:
    """A session from a refreshed token, whose user agent is not in the login records."""
    kind = replace(build_program_login(client), agent="Jakarta Commons-HttpClient/3.1")
    return day.record_login(person, at, kind, ip=person.ip)


def _log_package_install(
    day: ScenarioDay, session: UserSession, at: datetime, *, name: str, succeeded: str
) -> None:
    install = {
        "RUN_TIME": day.pick_number(20_000),
        "CPU_TIME": day.pick_number(9000),
        "URI": "/_ui/core/mfpackage/install",
        "OPERATION_TYPE": "INSTALL",
        "IS_SUCCESSFUL": succeeded,
        "IS_PUSH": "0",
        "IS_MANAGED": "0",
        "IS_RELEASED": "1",
        "PACKAGE_NAME": name,
        "FAILURE_TYPE": "" if succeeded == "1" else "MISSING_DEPENDENCY",
    }
    day.event_log.add_event("PackageInstall", at, {**session.log_columns, **install})


def _store_anomaly(day: ScenarioDay, session: UserSession, at: datetime) -> None:
    features = [
        ("rowCount", str(STOLEN_RECORDS), "91.20 %"),
        ("autonomousSystem", "Example Hosting", "5.31 %"),
        ("userAgent", "python-requests/2.32.4", "2.04 %"),
        ("periodOfDay", "Night", "1.45 %"),
    ]
    names = ("featureName", "featureValue", "featureContribution")
    anomaly = {
        "Id": day.ids.make_record_id("0eR"),
        "ApiAnomalyEventNumber": "00000042",
        "Score": 0.958,
        "Summary": "API was called with unusually high value for number of rows"
        f" ({STOLEN_RECORDS})",
        "SecurityEventData": json.dumps(
            [dict(zip(names, feature, strict=True)) for feature in features]
        ),
        "Operation": "Query",
        "QueriedEntities": "Contact",
        "RequestIdentifier": day.ids.make_request_id(),
        "RowsProcessed": float(STOLEN_RECORDS),
        "Uri": "/services/data/v58.0/jobs/query",
        "UserAgent": "python-requests/2.32.4",
        "EvaluationTime": 0.0,
    }
    fields = {key: value for key, value in session.object_fields.items() if key != "SessionLevel"}
    day.store_event("ApiAnomalyEventStore", at, {**fields, **anomaly})
