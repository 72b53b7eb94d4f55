"""Which columns there are, and where a rule's field stands."""

from __future__ import annotations

import pytest

from collector import normalize
from collector.model.event_columns import CANONICAL_COLUMNS
from collector.normalize import column_mappings, event_schema
from collector.normalize.event_schema import NativeColumn
from collector.normalize.value_readers import read_long_id


def test_canonical_columns_stand_where_they_are():
    assert [normalize.find_physical_column(name, "Login") for name in CANONICAL_COLUMNS] == list(
        CANONICAL_COLUMNS
    )


@pytest.mark.parametrize(
    ("field", "event_type", "column"),
    [
        ("LOGIN_STATUS", "Login", "LOGIN_STATUS"),
        ("PolicyOutcome", "ApiEvent", "PolicyOutcome"),
        ("CreatedBy.Username", "SetupAuditTrail", "CreatedBy.Username"),
        ("SESSION_KEY", "Login", "session_key"),
        ("Operation", "ApiEvent", "operation"),
        ("operation", "BulkJobInfo", "operation"),
        ("Query", "BulkApiResultEventStore", "query"),
        ("Status", "LoginHistory", "status"),
        ("USER_ID", "Login", "raw_USER_ID"),
        ("EVENT_TYPE", "Login", "raw_EVENT_TYPE"),
        ("SOURCE_IP", "Login", "raw_SOURCE_IP"),
        ("Country", "LoginEvent", "raw_Country"),
        ("USER_AGENT", "RestApi", "raw_USER_AGENT"),
        ("Score", "ApiAnomalyEventStore", "raw_Score"),
        ("SCORE", "ApiAnomalyEventStore", "raw_SCORE"),
        ("TIME", "ApexCallout", "raw_TIME"),
        ("JOB_ID", "BulkApi2", "raw_JOB_ID"),
        ("SOURCE", "CSPViolation", "raw_SOURCE"),
        ("URI", "RestApi", "uri"),
        ("URI", "ApexCallout", "raw_URI"),
        ("USER_TYPE", "Login", "user_type"),
        ("USER_TYPE", "Logout", "raw_USER_TYPE"),
        ("USER_NAME", "Login", "user_name"),
        ("USER_NAME", "LoginAs", "raw_USER_NAME"),
        ("SESSION_KEY", "AnythingNew", "session_key"),
        ("Session_Key", "AnythingNew", "raw_Session_Key"),
        ("record_count", "BulkJob", "record_count"),
        ("odd name;", "AnythingNew", "odd_name_"),
    ],
)
def test_a_field_stands_in_the_column_that_the_mapping_gives_it(field, event_type, column):
    assert normalize.find_physical_column(field, event_type) == column


def test_every_type_knows_its_family():
    families = {
        event_type: normalize.find_family(event_type) for event_type in normalize.list_event_types()
    }

    assert set(families.values()) == {
        "elf",
        "elf_object",
        "stored",
        "object",
        "derived",
    }
    assert families["LoginEventLog"] == families["UiTelemetryNavTmEventLog"] == "elf_object"
    assert families["Login"] == "elf"
    assert families["ApiEvent"] == "stored"
    assert families["SetupAuditTrail"] == "object"
    assert families["BulkJob"] == "derived"
    assert normalize.find_family("AnythingNew") is None


@pytest.mark.parametrize(
    "name",
    [
        *("CSPViolation", "AsyncReportRun", "ExternalCrossOrgCallout", "MetadataApiOperation"),
        *("TimeBasedWorkflow", "CompositeApi", "CompositeApiSubrequest", "UniqueQuery"),
        *("Attachment", "SalesforceLoginAs", "InvocableAction", "GraphQlQueryExecution"),
    ],
)
def test_log_types_go_by_the_name_that_event_log_file_gives_them(name):
    assert normalize.find_family(name) == "elf"


def test_a_rule_may_use_what_the_type_has_and_nothing_else():
    login = normalize.list_fields("Login")

    assert {"time", "user_id", "source_ip_key", "user_agent", "outcome", "LOGIN_STATUS"} <= login
    assert not {"job_id", "package_name", "score", "PolicyOutcome"} & login


def test_what_real_files_have_is_known_and_fills_its_column(normalizer):
    login = normalize.list_fields("Login")
    event = normalizer.normalize_record("Login", EVENT_TYPE="Login", COUNTRY_CODE="DE")

    assert {"COUNTRY_CODE", "USE_API_TOKEN", "HTTP_REFERER", "country"} <= login
    assert {"PLANNER_ID", "BOT_ID"} <= normalize.list_fields("ApiTotalUsage")
    assert "uri" in normalize.list_fields("BlockedRedirections")
    assert event["country"] == "DE"


def test_any_column_goes_with_an_event_log_object():
    assert normalize.list_fields("ApiTotalUsageEventLog") is None


def test_both_forms_of_a_stored_event_count_as_documented():
    fields = normalize.list_fields("BulkApiResultEventStore")

    assert {"entity", "query", "record_count", "job_id", "operation"} <= fields
    assert {"Query", "RECORDS_PROCESSED"} <= fields


def test_soql_gives_an_entity_to_types_that_name_none():
    assert "entity" in normalize.list_fields("UniqueQuery")


def test_nothing_is_said_of_fields_that_salesforce_does_not_document():
    assert normalize.list_fields("AnythingNew") is None


def test_derived_types_have_canonical_columns_only():
    assert normalize.list_fields("BulkJob") <= CANONICAL_COLUMNS.keys()


@pytest.mark.parametrize("event_type", sorted({"", *column_mappings.MAPPINGS_BY_TYPE}))
def test_the_mapping_speaks_of_canonical_columns_only(event_type):
    assert column_mappings.resolve_mapping(event_type).keys() <= CANONICAL_COLUMNS.keys()


@pytest.mark.parametrize("event_type", sorted({"", *column_mappings.MAPPINGS_BY_TYPE}))
@pytest.mark.parametrize("column", ["user_id", "app_id", "job_id"])
def test_ids_are_read_as_ids(event_type, column):
    candidates = column_mappings.resolve_mapping(event_type)[column]

    assert {candidate.read_value for candidate in candidates} <= {read_long_id}


def test_types_with_a_mapping_of_their_own_are_documented():
    assert column_mappings.MAPPINGS_BY_TYPE.keys() <= normalize.list_event_types()


def test_native_columns_get_names_that_differ_in_any_case():
    columns = ["USER_ID", "Operation", "Id", "ID", "iD", "", "  ", "a b", "a;b", "raw_USER_ID"]
    columns += ["raw_USER_NAME", "USER_NAME"]

    stored = event_schema.assign_native_columns(columns, "AnythingNew")

    kept = [native.stored_name for native in stored if native.stored_name is not None]
    assert stored[1] == NativeColumn(canonical="operation", stored_name=None)
    assert stored[-1] == NativeColumn(canonical="user_name", stored_name="raw_USER_NAME_2")
    assert len({name.lower() for name in kept}) == len(kept)
    assert not {name.lower() for name in kept} & CANONICAL_COLUMNS.keys()
