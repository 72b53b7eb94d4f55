"""One event for each fact, whichever sources told of it; never three facts out of two."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from collector import normalize
from collector.model.event_columns import CANONICAL_COLUMNS
from collector.normalize.derived_types import FACT_TYPES
from collector.normalize.event_schema import FIELD_ALIASES
from fakes.derived_records import read_records

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADA, BOB = "005000000000001AAA", "005000000000002AAA"


def telling(uid, kind, second=0.0, **values):
    """An event of a type, so many seconds after noon."""
    return {
        "event_uid": uid,
        "org": "acme",
        "source": "s",
        "batch": "b",
        "event_type": kind,
        "time": NOON + timedelta(seconds=second),
        "received": NOON + timedelta(hours=1),
        "user_id": ADA,
        "source_ip": "203.0.113.7",
        **values,
    }


@pytest.fixture(scope="session")
def facts(duck):
    """The facts of some events by the uids without their beginning."""

    def run(event_type, rows):
        derived = normalize.DERIVED_EVENT_TYPES[event_type]
        selects = (
            "SELECT "
            + ", ".join(
                f'{_literal(row.get(name))}::{CANONICAL_COLUMNS.get(name, "VARCHAR")} AS "{name}"'
                for name in derived.required_columns
            )
            for row in rows
        )
        relation = f"({' UNION ALL '.join(selects)})"
        found = read_records(duck, derived, relation)
        prefix = f"{derived.uid_prefix}:acme:"
        assert all(row["event_uid"].startswith(prefix) for row in found)
        return {row["event_uid"].removeprefix(prefix): row for row in found}

    return run


def _literal(value):
    return "NULL" if value is None else f"'{value}'"


def test_an_api_call_is_one_by_its_request_or_by_likeness(facts):
    calls = facts(
        "ApiCall",
        [
            # One request, three sources; its time is not even near.
            telling("a-event", "ApiEvent", request_id="r1", record_count=6000, RowsReturned="2000"),
            telling("a-rest", "RestApi", 40, request_id="r1", record_count=2000, uri="/query"),
            telling("a-total", "ApiTotalUsage", 41, request_id="r1", app_name="Loader"),
            # Alike, but each names a request of its own: two calls.
            telling("b-event", "ApiEvent", 100, request_id="r2", record_count=5),
            telling("b-rest", "RestApi", 100, request_id="r3", record_count=5),
            # One names none: alike is enough, and what the other names joins through it.
            telling("c-event", "ApiEvent", 200.9, record_count=7, entity="Contact"),
            telling("c-rest", "RestApi", 202, request_id="r4", record_count=7, entity="contact"),
            telling("c-total", "ApiTotalUsage", 209, request_id="r4", entity="Contact,Account"),
            # Other rows, another user: no likeness.
            telling("d-event", "ApiEvent", 300, record_count=7),
            telling("d-rest", "RestApi", 300, request_id="r5", record_count=8),
            telling("d-soap", "API", 300, request_id="r6", record_count=7, user_id=BOB),
            # A composite request with two queries: two records of one type are two.
            telling("e-1", "ApiEvent", 400.1, request_id="r7", record_count=10),
            telling("e-2", "ApiEvent", 400.2, request_id="r7", record_count=20),
            telling("e-rest", "RestApi", 400, request_id="r7", record_count=30),
        ],
    )

    assert calls.keys() == {
        *("a-event", "b-event", "b-rest", "c-event", "d-event", "d-rest", "d-soap", "e-1", "e-2")
    }
    whole = calls["a-event"]
    assert (whole["record_count"], whole["uri"], whole["app_name"]) == (2000, "/query", "Loader")
    assert whole["told_by"] == "ApiEvent,RestApi,ApiTotalUsage"
    assert calls["c-event"]["told_by"] == "ApiEvent,RestApi,ApiTotalUsage"
    assert calls["d-soap"]["told_by"] == "API"
    # The rows of the composite request are those of its queries, and not the half or the double.
    assert [calls[name]["record_count"] for name in ("e-1", "e-2")] == [10, 20]


def test_a_report_run_is_one_whatever_its_chunks_and_logs(facts):
    report = {"ReportId": "00O000000000001AAA", "operation": "ReportExported"}
    runs = facts(
        "ReportRun",
        [
            # Three chunks, each with the rows of the whole run, and both logs.
            *(
                telling(
                    f"a-{n}", "ReportEvent", n, record_count=9000, ExecutionIdentifier="x", **report
                )
                for n in range(3)
            ),
            telling(
                "a-report",
                "Report",
                1.5,
                request_id="q1",
                record_count=9000,
                REPORT_ID="00O000000000001",
                operation="ReportExported",
            ),
            # The export's log may not say of which report; the request says it.
            telling("a-export", "ReportExport", 1.7, request_id="q1", client_name="excel"),
            # Seen and exported in the same second: two runs.
            telling("b-event", "ReportEvent", 100, **report),
            telling(
                "b-seen", "ReportEvent", 100, **report | {"operation": "ReportRunFromLightning"}
            ),
            telling(
                "b-export",
                "ReportExport",
                101,
                request_id="q2",
                URI_ID_DERIVED="00O000000000001AAA",
            ),
            # Of another report.
            telling("c-event", "ReportEvent", 200, ReportId="00O000000000002AAA"),
            telling("c-report", "Report", 200, request_id="q3", REPORT_ID="00O000000000003"),
        ],
    )

    assert runs.keys() == {"a-0", "b-event", "b-seen", "c-event", "c-report"}
    assert sum(run["record_count"] or 0 for run in runs.values()) == 9000
    assert runs["a-0"]["told_by"] == "ReportEvent,Report,ReportExport"
    assert runs["a-0"]["client_name"] == "excel"
    assert (runs["b-event"]["told_by"], runs["b-seen"]["told_by"]) == (
        *("ReportEvent,ReportExport", "ReportEvent"),
    )
    assert runs["c-report"]["ReportId"] == "00O000000000003EAA"


def test_a_download_of_a_file_is_one_and_no_preview_or_upload_is_any(facts):
    version = {"VersionId": "068000000000001AAA", "ContentSize": "4096"}
    log = {"VERSION_ID": "068000000000001", "SIZE_BYTES": "4096", "source_ip": None}
    downloads = facts(
        "FileDownload",
        [
            telling("a-event", "FileEventStore", 0.2, operation="UI_DOWNLOAD", **version),
            telling("a-log", "ContentTransfer", 1, operation="VersionDownloadAction", **log),
            telling("b-log", "ContentTransfer", 60, operation="VersionDownloadApi", **log),
            telling("c-event", "FileEventStore", 90, operation="API_DOWNLOAD", **version),
            telling("c-log", "ContentTransfer", 93, operation="VersionDownloadApi", **log),
            telling("none-1", "FileEventStore", 120, operation="PREVIEW", **version),
            telling("none-2", "ContentTransfer", 120, operation="VersionRenditionDownload", **log),
            telling("none-3", "ContentTransfer", 130, operation="saveVersion", **log),
            telling("d", "DocumentAttachmentDownloads", 0.2, ENTITY_ID="00P000000000001"),
        ],
    )

    assert downloads.keys() == {"a-event", "b-log", "c-event", "c-log", "d"}
    assert downloads["a-event"]["told_by"] == "FileEventStore,ContentTransfer"
    found = [downloads["b-log"][name] for name in ("VersionId", "ContentSize", "source_ip")]
    assert found == ["068000000000001AAA", "4096", None]
    assert downloads["d"]["DocumentId"] == "00P000000000001EAA"


def test_an_impersonation_is_one_by_its_login_or_by_who_came_as_whom(facts):
    name = "admin@acme.com"
    found = facts(
        "Impersonation",
        [
            telling("a-event", "LoginAsEvent", user_id=None, user_name=name, login_key="k1"),
            telling("a-log", "LoginAs", 30, user_name=name, target_user=BOB, login_key="k1"),
            # The audit trail may know the administrator by the id alone.
            telling("a-trail", "SetupAuditTrail", 31, operation="suOrgAdminLogin"),
            telling("none-1", "SetupAuditTrail", 31, operation="suOrgAdminLogout"),
            telling("none-2", "SetupAuditTrail", 31, operation="resetpassword"),
            telling("b-event", "LoginAsEvent", 100, user_id=None, user_name=name, target_user=BOB),
            telling("b-log", "LoginAs", 101, user_name="Admin@acme.com", target_user=BOB),
            telling("c-event", "LoginAsEvent", 200, user_id=None, user_name=name, target_user=BOB),
            telling("c-log", "LoginAs", 201, user_name=name, target_user=ADA),
        ],
    )

    assert found.keys() == {"a-event", "b-event", "c-event", "c-log"}
    assert found["a-event"]["told_by"] == "LoginAsEvent,LoginAs,SetupAuditTrail"
    assert (found["a-event"]["user_id"], found["a-event"]["target_user"]) == (ADA, BOB)


@pytest.mark.parametrize("fact", FACT_TYPES, ids=lambda fact: fact.event_type)
def test_rules_may_name_what_some_source_tells(fact):
    told = {
        column
        for name in fact.source_types
        for column in normalize.list_fields(name) & CANONICAL_COLUMNS.keys()
    }

    named = normalize.list_fields(fact.event_type) - FIELD_ALIASES.keys()
    assert named == told | {*fact.own_columns, "told_by"}
    assert {"told_by", "login_type"} <= normalize.list_fields("SignIn")
