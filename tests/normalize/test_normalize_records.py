"""Who did what in whole records, in each of their forms."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

LONG = "0055f00000HyJSwAAN"
SHORT = "0055f00000HyJSw"
RECEIVED = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "record",
    [
        {"CreatedBy.Username": "ann@acme.com"},
        {"CreatedBy": '{"attributes":{"type":"User"},"Username":"ann@acme.com"}'},
    ],
)
def test_a_relation_may_be_dotted_or_nested(normalizer, record):
    assert normalizer.normalize_record("SetupAuditTrail", **record)["user_name"] == "ann@acme.com"


def test_a_relation_that_is_no_json_names_nobody(normalizer):
    assert normalizer.normalize_record("SetupAuditTrail", CreatedBy="{oops")["user_name"] is None


def test_in_a_login_as_log_the_admin_acts_and_the_user_is_the_target(normalizer):
    event = normalizer.normalize_record(
        "LoginAs",
        USER_ID="0055f00000VictmA",
        USER_ID_DERIVED="0055f00000VictmAAQ",
        DELEGATED_USER_ID=SHORT,
        DELEGATED_USER_NAME="admin@acme.com",
    )

    assert (event["user_id"], event["user_name"]) == (LONG, "admin@acme.com")
    assert event["target_user"] == "0055f00000VictmAAQ"


def test_in_a_login_as_event_the_admin_acts_and_the_user_is_the_target(normalizer):
    event = normalizer.normalize_record(
        "LoginAsEvent",
        DelegatedUsername="admin@acme.com",
        UserId=LONG,
        Username="ann@acme.com",
        UserType="Standard",
    )

    assert (event["user_id"], event["user_name"]) == (None, "admin@acme.com")
    assert (event["target_user"], event["user_type"]) == (LONG, None)


def test_support_staff_act_and_the_user_is_the_target(normalizer):
    event = normalizer.normalize_record(
        "SalesforceLoginAs", USER_ID=SHORT, ACTUAL_USER_ID="00500000000Staf"
    )

    assert event["user_id"].startswith("00500000000Staf")
    assert event["target_user"] == LONG


def test_who_was_denied_access_is_who_tried(normalizer):
    event = normalizer.normalize_record(
        "InsufficientAccess", USER_ID="0055f00000Contxt", ACTUAL_LOGGED_IN_USER_ID=SHORT
    )

    assert event["user_id"] == LONG


def test_the_upper_case_form_of_an_anomaly_says_what_the_object_says(normalizer):
    upper = normalizer.normalize_record(
        "ApiAnomalyEventStore",
        EVENT_TYPE="ApiAnomalyEventStore",
        TIMESTAMP="2026-03-01 05:07:07.130",
        TIMESTAMP_DERIVED="2026-03-01 05:07:07.130",
        USER_ID=SHORT,
        USER_ID_DERIVED=LONG,
        USERNAME="ann@acme.com",
        SESSION_KEY="k3Yk3Yk3Yk3Yk3Yk",
        SOURCE_IP="192.0.2.1",
        REQUEST_ID="4exLF-1",
        SCORE="85.5",
        SUMMARY="Unusual volume",
    )
    real = normalizer.normalize_record(
        "ApiAnomalyEventStore",
        EventDate="2026-03-01T05:07:07.130+0000",
        EventIdentifier="5b1c0000-aaaa-4bbb-8ccc-000000000001",
        UserId=LONG,
        Username="ann@acme.com",
        SessionKey="k3Yk3Yk3Yk3Yk3Yk",
        SourceIp="192.0.2.1",
        RequestIdentifier="4exLF-1",
        Score="0.855",
        Summary="Unusual volume",
    )

    columns = ("time", "user_id", "user_name", "session_key", "source_ip", "request_id")
    columns += ("score", "detail", "event_type")
    assert {name: upper[name] for name in columns} == {name: real[name] for name in columns}


def test_the_upper_case_form_of_a_bulk_result_has_what_the_object_lacks(normalizer):
    event = normalizer.normalize_record(
        "BulkApiResultEventStore",
        EVENT_TYPE="BulkApiResultEventStore",
        USER_NAME="ann@acme.com",
        JOB_ID="7505f000008xKLmAAM",
        OPERATION_TYPE="query",
        ENTITY_NAME="Contact",
        RECORDS_PROCESSED="150000",
    )

    columns = ("user_name", "job_id", "operation", "entity", "record_count")
    assert tuple(event[name] for name in columns) == (
        "ann@acme.com",
        "7505f000008xKLmAAM",
        "query",
        "Contact",
        150_000,
    )


def test_a_bulk_result_is_about_the_object_that_was_queried(normalizer):
    event = normalizer.normalize_record(
        "BulkApiResultEventStore", Query="SELECT Id, Email FROM Contact"
    )

    assert (event["entity"], event["record_count"]) == ("Contact", None)


def test_an_entity_that_is_logged_is_believed(normalizer):
    event = normalizer.normalize_record(
        "RestApi", ENTITY_NAME="Case", QUERY="SELECT Id FROM Contact"
    )

    assert event["entity"] == "Case"


def test_a_batch_says_where_its_events_come_from(normalizer):
    event = normalizer.normalize_record("AsyncReportRun", EVENT_TYPE="AsynchronousReportRun")

    columns = ("org", "source", "batch", "event_type")
    expected = ("acme", "event_log_file", "batch-1", "AsyncReportRun")
    assert tuple(event[name] for name in columns) == expected
    assert (event["received"], event["raw_EVENT_TYPE"]) == (RECEIVED, "AsynchronousReportRun")
