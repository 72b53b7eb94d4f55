"""Somebody with a session that is not theirs: what they do leaves the traces that an org keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from collector.demo.org_store import BulkJob
from collector.demo.people import Person
from collector.demo.program_activity import log_bulk_progress
from collector.demo.scenario_day import LoginKind, ScenarioDay, UserSession


@dataclass(frozen=True, slots=True, kw_only=True)
class StolenApp:
    """A connected app as which somebody comes, and the agent of the tool that does."""

    name: str
    id: str
    agent: str
    sub_type: str = "oauthrefreshtoken"

    def build_login(self) -> LoginKind:
        """How its tokens sign in."""
        return LoginKind(
            type="i",
            sub_type=self.sub_type,
            application=self.name,
            uri="/services/oauth2/token",
            agent=self.agent,
            browser="Unknown",
            platform="Unknown",
        )


@dataclass(slots=True, kw_only=True)
class Intruder:
    """A session of an app, opened at a time, from an address."""

    day: ScenarioDay
    app: StolenApp
    person: Person
    ip: str
    begin: datetime
    jobs: list[BulkJob] = field(default_factory=list)
    session: UserSession = field(init=False)

    def __post_init__(self) -> None:
        self.session = self.day.record_login(
            self.person, self.begin, self.app.build_login(), ip=self.ip
        )

    def call(
        self, at: datetime, resource: str, *, method: str = "GET", entity: str = "", rows: int = 0
    ) -> None:
        """A call of the REST API, as both log files have it."""
        usage = {
            "USER_ID": self.person.id[:15],
            "API_FAMILY": "REST",
            "API_VERSION": "59.0",
            "API_RESOURCE": f"/v59.0/{resource}",
            "HTTP_METHOD": method,
            "CLIENT_IP": self.ip,
            "COUNTS_AGAINST_API_LIMIT": "true",
            "CONNECTED_APP_ID": self.app.id,
            "CONNECTED_APP_NAME": self.app.name,
            "ENTITY_NAME": entity,
            "STATUS_CODE": "200",
            "USER_NAME": self.person.username,
        }
        self.day.event_log.add_event("ApiTotalUsage", at, usage)
        columns = {
            "URI": f"/services/data/v59.0/{resource}",
            "METHOD": method,
            "MEDIA_TYPE": "application/json",
            "STATUS_CODE": "200",
            "USER_AGENT": "9999",
            "ENTITY_NAME": entity,
            "ROWS_PROCESSED": str(rows),
            "CONNECTED_APP_ID": self.app.id,
        }
        self.day.event_log.add_event("RestApi", at, {**self.session.log_columns, **columns})

    def query(
        self, at: datetime, soql: str, *, entity: str, rows: int, operation: str = "Query"
    ) -> None:
        """A query, as the log files and the real-time object have it."""
        cursor = "01gD0000002HU6KIAW-2000"
        self.call(
            at, "query" if operation == "Query" else f"query/{cursor}", entity=entity, rows=rows
        )
        event = {
            "AdditionalInfo": "{}",
            "ApiType": "REST",
            "ApiVersion": 59.0,
            "Application": self.app.name,
            "ConnectedAppId": self.app.id,
            "LoginHistoryId": self.session.history_id,
            "Operation": operation,
            "QueriedEntities": entity,
            "Query": soql,
            "RequestIdentifier": self.day.ids.make_request_id(),
            "RowsProcessed": float(rows),
            "RowsReturned": float(min(rows, 2_000)),
            "UserAgent": self.app.agent,
            "EvaluationTime": 0.0,
        }
        self.day.store_event("ApiEvent", at, {**self.session.object_fields, **event})

    def extract(
        self, at: datetime, entity: str, records: int, *, deleted_after: timedelta | None = None
    ) -> BulkJob:
        """A bulk query and the download of its result; the job may be deleted then."""
        begun = at.replace(microsecond=0)
        job = BulkJob(
            id=self.day.ids.make_record_id("750"),
            kind="V2Query",
            operation="query",
            object=entity,
            created_by=self.person.id,
            created=begun,
            finished=begun + timedelta(seconds=202),
            records=records,
            deleted=deleted_after and begun + timedelta(seconds=202) + deleted_after,
        )
        for seconds, done in ((70, records // 3), (202, records)):
            log_bulk_progress(self.day, self.session, job, begun + timedelta(seconds=seconds), done)
        self.call(begun, "jobs/query", method="POST")
        download = {
            "Query": f"SELECT Id, Name, Email, Phone FROM {entity}",
            "LoginHistoryId": self.session.history_id,
            "EvaluationTime": 0.0,
        }
        self.day.store_event(
            "BulkApiResultEventStore",
            begun + timedelta(seconds=214),
            {**self.session.object_fields, **download},
        )
        if deleted_after is not None:
            gone = begun + timedelta(seconds=202) + deleted_after
            self.call(gone, f"jobs/query/{job.id}", method="DELETE")
        self.jobs.append(job)
        return job
