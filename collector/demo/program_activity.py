"""What programs do all day: REST and SOAP calls, bulk loads, reports; and guests of a site."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.demo.org_store import BulkJob
from collector.demo.people import BROWSERS, People, Person
from collector.demo.report_activity import run_report
from collector.demo.scenario_day import LoginKind, ScenarioDay, UserSession

_LONG_QUERY = (
    "SELECT Id, Name, Phone, Email,\n  (SELECT Id, Subject FROM Tasks)\nFROM Contact\n"
    "WHERE LastModifiedDate > 2026-01-01T00:00:00Z AND (Title LIKE '%\"head\", of%' OR"
    " MailingCity IN ('Austin', 'Dublin'))\nORDER BY LastModifiedDate"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiClient:
    """A program that calls the API: its connected app, agent, and what it asks for."""

    user: str
    app: str
    app_id: str
    agent: str
    interval: timedelta
    calls: int
    entity: str
    query: str
    version: str
    soap: bool = False


API_CLIENTS = (
    ApiClient(
        user="marketing.sync",
        app="Marketing Sync",
        app_id="0H4000000000M01",
        agent="MarketingSync/7.2 (okhttp/4.12.0)",
        interval=timedelta(minutes=4),
        calls=6,
        entity="CampaignMember",
        query="SELECT Id, Status, ContactId FROM CampaignMember WHERE SystemModstamp > YESTERDAY",
        version="64.0",
    ),
    ApiClient(
        user="erp.connector",
        app="ERP Connector",
        app_id="0H4000000000E01",
        agent="ERPConnector/5.1 Java",
        interval=timedelta(minutes=6),
        calls=6,
        entity="Order",
        query="SELECT Id, OrderNumber, TotalAmount FROM Order WHERE Status = 'Activated'",
        version="58.0",
        soap=True,
    ),
    ApiClient(
        user="telephony",
        app="Telephony",
        app_id="0H4000000000T01",
        agent="Telephony-CTI/12",
        interval=timedelta(minutes=3),
        calls=5,
        entity="Contact",
        query="SELECT Id, Name FROM Contact WHERE Phone LIKE '%5550142' LIMIT 5",
        version="62.0",
    ),
    ApiClient(
        user="backup",
        app="Backup",
        app_id="0H4000000000B01",
        agent="AcmeBackup/2.0",
        interval=timedelta(minutes=9),
        calls=5,
        entity="Contact",
        query=_LONG_QUERY,
        version="65.0",
    ),
)


def simulate_client(day: ScenarioDay, client: ApiClient, person: Person) -> None:
    """A program's calls through the whole day, with a fresh token every two hours."""
    at = day.start + timedelta(seconds=day.rng.random() * 240)
    session = renewed_at = None
    while at < day.end:
        if session is None or renewed_at is None or at - renewed_at > timedelta(hours=2):
            session, renewed_at = day.record_login(person, at, build_program_login(client)), at
        for _ in range(client.calls):
            at += timedelta(seconds=0.4 + day.rng.random() * 6)
            simulate_call(day, session, client, at)
        at += client.interval


def build_program_login(client: ApiClient) -> LoginKind:
    """A program's login: OAuth, or SOAP for the old ones."""
    return LoginKind(
        type="I" if client.soap else "i",
        sub_type="" if client.soap else "oauthclientcredential",
        application=client.app,
        uri="/services/Soap/u/58.0" if client.soap else "/services/oauth2/token",
        agent=client.agent,
        browser="Unknown",
        platform="Unknown",
        is_relayed=not client.soap,
    )


def simulate_call(day: ScenarioDay, session: UserSession, client: ApiClient, at: datetime) -> None:
    """One call of the API, with a query in every second of them."""
    queries = day.rng.random() < 0.5
    rows = int(day.rng.random() ** 2 * 400) if queries else 1
    (_log_soap_call if client.soap else _log_rest_call)(
        day, session, client, at, rows, queries=queries
    )
    resource = "query" if queries else f"sobjects/{client.entity}"
    usage = {
        "USER_ID": session.person.id[:15],
        "API_FAMILY": "SOAP" if client.soap else "REST",
        "API_VERSION": client.version,
        "API_RESOURCE": resource if client.soap else f"/v{client.version}/{resource}",
        "CLIENT_NAME": client.app if client.soap else "",
        "HTTP_METHOD": "POST" if client.soap else "GET",
        "CLIENT_IP": session.ip,
        "COUNTS_AGAINST_API_LIMIT": "true",
        "CONNECTED_APP_ID": client.app_id,
        "ENTITY_NAME": client.entity,
        "STATUS_CODE": "200",
        "CONNECTED_APP_NAME": client.app,
        "USER_NAME": session.person.username,
    }
    day.event_log.add_event("ApiTotalUsage", at, usage)
    if queries and day.rng.random() < 0.25:
        store_api_event(day, session, client, at, rows)


def _build_cost_columns(day: ScenarioDay, rows: int) -> dict[str, str]:
    return {
        "RUN_TIME": day.pick_number(400),
        "CPU_TIME": day.pick_number(120),
        "DB_TOTAL_TIME": day.pick_number(50_000_000),
        "ROWS_PROCESSED": str(rows),
        "REQUEST_SIZE": "-1",
        "RESPONSE_SIZE": str(300 + rows * 210),
        "DB_BLOCKS": day.pick_number(2000),
        "DB_CPU_TIME": day.pick_number(40),
    }


def _log_rest_call(
    day: ScenarioDay,
    session: UserSession,
    client: ApiClient,
    at: datetime,
    rows: int,
    *,
    queries: bool,
) -> None:
    resource = "query" if queries else f"sobjects/{client.entity}"
    columns = {
        "URI": f"/services/data/v{client.version}/{resource}",
        "METHOD": "GET",
        "MEDIA_TYPE": "application/json",
        "STATUS_CODE": "200",
        "USER_AGENT": "9999",
        "NUMBER_FIELDS": day.pick_number(30),
        "ENTITY_NAME": client.entity,
        "CONNECTED_APP_ID": client.app_id,
        "QUERY": client.query if queries else "",
    }
    day.event_log.add_event(
        "RestApi", at, {**session.log_columns, **_build_cost_columns(day, rows), **columns}
    )


def _log_soap_call(
    day: ScenarioDay,
    session: UserSession,
    client: ApiClient,
    at: datetime,
    rows: int,
    *,
    queries: bool,
) -> None:
    columns = {
        "URI": "Api",
        "API_TYPE": "P",
        "API_VERSION": client.version,
        "CLIENT_NAME": client.app,
        "METHOD_NAME": "query" if queries else "update",
        "ENTITY_NAME": client.entity,
        "QUERY": client.query if queries else "",
    }
    day.event_log.add_event(
        "API", at, {**session.log_columns, **_build_cost_columns(day, rows), **columns}
    )


def store_api_event(
    day: ScenarioDay, session: UserSession, client: ApiClient, at: datetime, rows: int
) -> None:
    """A query as the real-time object records it."""
    event = {
        "AdditionalInfo": "{}",
        "ApiType": "SOAP Partner" if client.soap else "REST",
        "ApiVersion": float(client.version),
        "Application": "N/A",
        "ConnectedAppId": client.app_id,
        "ElapsedTime": int(day.pick_number(400)),
        "EvaluationTime": 0.0,
        "LoginHistoryId": session.history_id,
        "Operation": "Query",
        "Platform": "Unknown",
        "QueriedEntities": client.entity,
        "Query": client.query,
        "Records": f'{{"totalSize":{rows},"done":true,"records":[]}}',
        "RequestIdentifier": day.ids.make_request_id(),
        "RowsProcessed": float(rows),
        "RowsReturned": float(rows),
        "UserAgent": client.agent,
    }
    day.store_event("ApiEvent", at, {**session.object_fields, **event})


def log_failed_call(day: ScenarioDay, person: Person) -> None:
    """A SOAP call that fails with a stack trace longer than most CSV readers expect of a field."""
    at = day.start + timedelta(hours=5, minutes=1)
    session = day.record_login(person, at, build_program_login(API_CLIENTS[1]))
    trace = "".join(f'\n\tat com.acme.Step{number}("run", {number})' for number in range(5000))
    columns = {
        "URI": "Api",
        "API_TYPE": "P",
        "METHOD_NAME": "update",
        "REQUEST_STATUS": "F",
        "EXCEPTION_MESSAGE": 'UNABLE_TO_LOCK_ROW: "Order"' + trace,
    }
    day.event_log.add_event("API", at + timedelta(seconds=9), {**session.log_columns, **columns})


def simulate_dashboards(day: ScenarioDay, person: Person) -> None:
    """Reports that a program runs twice an hour."""
    at = day.start + timedelta(minutes=7)
    session = day.record_login(person, at, build_program_login(API_CLIENTS[3]))
    while at < day.end:
        run_report(day, session, at, origin="ReportRunFromRestApi")
        at += timedelta(minutes=30)


def simulate_guests(day: ScenarioDay, people: People) -> None:
    """Visitors of the support site, who have no session."""
    at = day.start
    while at < day.end:
        at += timedelta(seconds=day.rng.random() * 150)
        browser = BROWSERS[int(day.rng.random() * len(BROWSERS))]
        visit = {
            "USER_ID": people.guest.id[:15],
            "USER_ID_DERIVED": people.guest.id,
            "USER_TYPE": "Guest",
            "CLIENT_IP": f"2001:db8:{int(day.rng.random() * 65_535):x}::{day.pick_number(200)}",
            "RUN_TIME": day.pick_number(200),
            "URI": "/s/sfsites/aura",
            "ACTION_MESSAGE": "apex://HelpArticleController/ACTION$article=42",
            "REQUEST_METHOD": "POST",
            "USER_AGENT": browser.agent,
        }
        day.event_log.add_event("AuraRequest", at, visit)


def simulate_bulk_load(
    day: ScenarioDay, session: UserSession, at: datetime, *, entity: str, records: int
) -> BulkJob:
    """A small ingest job: two log rows, and the job itself."""
    minutes = timedelta(minutes=1)
    job = BulkJob(
        id=day.ids.make_record_id("750"),
        kind="V2Ingest",
        operation="upsert",
        object=entity,
        created_by=session.person.id,
        created=at.replace(microsecond=0),
        finished=at.replace(microsecond=0) + 3 * minutes,
        records=records,
    )
    log_bulk_progress(day, session, job, at + minutes, records // 2)
    log_bulk_progress(day, session, job, at + 3 * minutes, records)
    return job


def log_bulk_progress(
    day: ScenarioDay, session: UserSession, job: BulkJob, at: datetime, records: int
) -> None:
    """One event of a bulk job with the records processed so far."""
    columns = {
        "RUN_TIME": day.pick_number(9000),
        "CPU_TIME": day.pick_number(900),
        "URI": f"/services/data/v62.0/jobs/{'query' if job.kind == 'V2Query' else 'ingest'}",
        "JOB_ID": job.id[:15],
        "OPERATION_TYPE": job.operation,
        "ENTITY_TYPE": job.object,
        "JOB_STATUS": "JobComplete" if records == job.records else "InProgress",
        "RECORDS_PROCESSED": str(records),
        "RECORDS_FAILED": "0",
    }
    day.event_log.add_event("BulkApi2", at, {**session.log_columns, **columns})
