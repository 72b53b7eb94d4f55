"""Which native columns fill which canonical one, and how each is read: data, no logic.

A canonical column takes the first candidate that has a value. Names are matched exactly, so one
list serves ELF columns (`USER_ID`), objects (`UserId`) and the upper-case form of stored events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from collector.normalize import setup_audit_text
from collector.normalize.value_readers import (
    ValueReader,
    match_success_word,
    read_address,
    read_before_parenthesis,
    read_compact_time,
    read_count,
    read_final_status,
    read_http_status,
    read_iso_time,
    read_json_member,
    read_known_name,
    read_known_text,
    read_long_id,
    read_name,
    read_percent_score,
    read_ratio_score,
    read_request_status,
    read_single_user_id,
    read_success_flag,
    read_text,
    read_unquoted,
    read_user_agent,
    read_user_agent_header,
    replace_any_value,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnCandidate:
    """A native column that may fill a canonical one."""

    native_column: str
    read_value: ValueReader


ColumnMapping = Mapping[str, tuple[ColumnCandidate, ...]]


def _build_candidates(read: ValueReader, *natives: str) -> tuple[ColumnCandidate, ...]:
    return tuple(ColumnCandidate(native_column=native, read_value=read) for native in natives)


DEFAULT_MAPPING: ColumnMapping = {
    "time": (
        *_build_candidates(read_iso_time, "EventDate", "LoginTime", "TIMESTAMP_DERIVED"),
        *_build_candidates(read_compact_time, "TIMESTAMP"),
        *_build_candidates(read_iso_time, "Timestamp", "CreatedDate", "ObservedDate"),
    ),
    "user_id": _build_candidates(
        read_long_id,
        *("USER_ID_DERIVED", "USER_ID", "UserId", "UserIdentifier", "CreatedById", "createdById"),
    ),
    "user_name": (
        *_build_candidates(read_name, "USER_NAME", "Username", "UserName", "USERNAME"),
        *_build_candidates(read_name, "CreatedBy.Username", "User.Username"),
        *_build_candidates(read_json_member("Username"), "CreatedBy", "User"),
    ),
    "user_type": _build_candidates(read_text, "USER_TYPE", "UserType", "User.UserType"),
    "source_ip": _build_candidates(
        read_address, "SOURCE_IP", "SourceIp", "CLIENT_IP", "ClientIp", "IP_ADDRESS", "CurrentIp"
    ),
    "country": _build_candidates(
        read_known_text, "CountryIso", "COUNTRY_ISO", "CountryCode", "Country"
    ),
    "user_agent": (
        *_build_candidates(
            read_user_agent,
            "BROWSER_TYPE",
            "BrowserType",
            "UserAgent",
            "CurrentUserAgent",
            "USER_AGENT",
        ),
        *_build_candidates(read_user_agent_header, "HTTP_HEADERS"),
    ),
    "client_name": (
        *_build_candidates(read_name, "CLIENT_NAME"),
        *_build_candidates(read_known_name, "Client", "CLIENT_INFO"),
    ),
    "app_id": _build_candidates(read_long_id, "CONNECTED_APP_ID", "ConnectedAppId", "AppId"),
    "app_name": (
        *_build_candidates(read_name, "CONNECTED_APP_NAME", "APP_NAME"),
        *_build_candidates(read_known_name, "AppName", "Application"),
    ),
    "session_key": _build_candidates(read_text, "SESSION_KEY", "SessionKey"),
    "login_key": _build_candidates(read_text, "LOGIN_KEY", "LoginKey"),
    "request_id": _build_candidates(read_text, "REQUEST_ID", "RequestIdentifier"),
    # As the source writes it: rules compare without regard to case.
    "operation": _build_candidates(
        read_text,
        *("OPERATION_TYPE", "OPERATION", "Operation", "operation"),
        *("SHARING_OPERATION", "TRANSACTION_TYPE", "FileAction", "ACTION", "Action"),
        *("DML_TYPE", "UPDATE_TYPE", "Activity", "ACTION_NAME"),
        *("METHOD_NAME", "METHOD", "HTTP_METHOD", "REQUEST_METHOD"),
    ),
    "entity": _build_candidates(
        read_text,
        *("ENTITY_NAME", "ENTITY_TYPE", "ENTITY", "QueriedEntities", "RequestedEntities"),
        *("object", "EXTERNAL_OBJECT", "PAGE_ENTITY_TYPE", "RECORD_TYPE", "Section"),
        "ParentNameList",
    ),
    "record_count": _build_candidates(
        read_count,
        *("ROWS_PROCESSED", "RECORDS_PROCESSED", "ROW_COUNT", "RowsProcessed", "RowsReturned"),
        *("NUMBER_OF_RECORDS", "NUM_ROWS", "NUM_RESULTS", "ROWS_FETCHED", "ROWS"),
        "numberRecordsProcessed",
    ),
    "outcome": (
        *_build_candidates(match_success_word("LOGIN_NO_ERROR"), "LOGIN_STATUS", "LoginStatus"),
        *_build_candidates(read_success_flag, "IS_SUCCESSFUL", "SUCCESS", "IS_SUCCESS"),
        *_build_candidates(read_request_status, "REQUEST_STATUS"),
        *_build_candidates(read_http_status, "STATUS_CODE"),
        *_build_candidates(
            read_final_status, "JOB_STATUS", "OperationStatus", "Status", "STATUS", "state"
        ),
        *_build_candidates(read_final_status, "PolicyOutcome"),
    ),
    "status": _build_candidates(
        read_text,
        *("LOGIN_STATUS", "LoginStatus", "JOB_STATUS", "STATUS_CODE", "Status", "STATUS", "state"),
        *("ErrorCode", "OperationStatus", "RESULT", "ACCESS_ERROR", "REQUEST_STATUS"),
        "PolicyOutcome",
    ),
    "uri": (
        *_build_candidates(
            read_text, "URI", "Uri", "API_RESOURCE", "REQUEST_PATH", "REQUEST_URI", "PageUrl"
        ),
        *_build_candidates(
            read_text, "PAGE_URL", "BLOCKED_URI", "TargetUrl", "SamlEntityUrl", "LoginUrl"
        ),
        *_build_candidates(read_unquoted, "URL"),
    ),
    "query": (
        *_build_candidates(read_text, "QUERY", "Query"),
        *_build_candidates(read_unquoted, "SEARCH_QUERY", "QUERY_IDENTIFIER"),
        *_build_candidates(read_text, "SoqlCommands"),
    ),
    "job_id": _build_candidates(read_long_id, "JOB_ID"),
    "package_name": _build_candidates(read_name, "PACKAGE_NAME"),
    "target_user": (),
    "detail": _build_candidates(
        read_text,
        *("Display", "Summary", "SUMMARY", "DESCRIPTION", "REPORT_DESCRIPTION", "Description"),
        *("EXCEPTION_MESSAGE", "ERROR_MESSAGE", "ERROR_DESCRIPTION", "FAILURE_TYPE", "MESSAGE"),
        *("Message", "errorMessage", "ACTION_MESSAGE", "REDIRECT_REASON", "DOWNLOAD_ERROR"),
        *("Remarks", "FileName", "Name", "PAGE_NAME", "ENTRY_POINT", "PermissionList"),
    ),
    "score": (
        *_build_candidates(read_ratio_score, "Score"),
        *_build_candidates(read_percent_score, "SCORE"),
    ),
}
"""The candidates of every event type, known or not, but for MAPPINGS_BY_TYPE."""

_DELEGATED_USER_COLUMNS = ("DELEGATED_USER_ID_DERIVED", "DELEGATED_USER_ID")

MAPPINGS_BY_TYPE: Mapping[str, ColumnMapping] = {
    "ApexCallout": {"uri": _build_candidates(read_unquoted, "URL")},
    "AsyncReportRun": {"operation": _build_candidates(read_text, "ORIGIN")},
    # A downloaded result is always that of a query; the record does not say so.
    "BulkApiResultEventStore": {
        "operation": (
            *_build_candidates(read_text, "OPERATION_TYPE"),
            *_build_candidates(replace_any_value("query"), "EventDate"),
        ),
    },
    "BulkJobInfo": {
        "time": _build_candidates(read_iso_time, "systemModstamp", "createdDate"),
        "job_id": _build_candidates(read_long_id, "id"),
    },
    "BulkJobRemoved": {
        "time": _build_candidates(read_iso_time, "ObservedDate"),
        "job_id": _build_candidates(read_long_id, "id"),
    },
    # The collector's own events about its health.
    "CollectorHealth": {
        "entity": _build_candidates(read_text, "Subject"),
        "status": _build_candidates(read_text, "State"),
        "detail": _build_candidates(read_text, "Reason"),
    },
    "GroupMembership": {"target_user": _build_candidates(read_single_user_id, "MEMBER_ID")},
    "IdentityProviderEventStore": {
        "outcome": _build_candidates(match_success_word("Success"), "ErrorCode")
    },
    "InsufficientAccess": {
        "user_id": _build_candidates(
            read_long_id, "ACTUAL_LOGGED_IN_USER_ID", "USER_ID_DERIVED", "USER_ID"
        ),
        "outcome": _build_candidates(replace_any_value("failure"), "ACCESS_ERROR"),
    },
    # The delegated user is the actor; the native user is the one impersonated.
    "LoginAs": {
        "user_id": _build_candidates(read_long_id, *_DELEGATED_USER_COLUMNS),
        "user_name": _build_candidates(read_name, "DELEGATED_USER_NAME"),
        "target_user": _build_candidates(read_long_id, "USER_ID_DERIVED", "USER_ID"),
    },
    "LoginAsEvent": {
        "user_id": (),
        "user_name": _build_candidates(read_name, "DelegatedUsername"),
        "user_type": (),
        "target_user": _build_candidates(read_text, "UserId", "Username"),
    },
    "SalesforceLoginAs": {
        "user_id": _build_candidates(read_long_id, "ACTUAL_USER_ID"),
        "user_name": (),
        "target_user": _build_candidates(read_long_id, "USER_ID_DERIVED", "USER_ID"),
    },
    "LoginEvent": {"outcome": _build_candidates(match_success_word("Success"), "Status")},
    "LoginHistory": {"outcome": _build_candidates(match_success_word("Success"), "Status")},
    "Logout": {"user_type": _build_candidates(read_before_parenthesis, "USER_TYPE")},
    "MetadataApiOperation": {"client_name": _build_candidates(read_name, "CLIENT_ID")},
    "OauthTokenRemoved": {"time": _build_candidates(read_iso_time, "ObservedDate")},
    "PermissionSetEventStore": {
        "target_user": _build_candidates(read_single_user_id, "ImpactedUserIds")
    },
    "Report": {"operation": _build_candidates(read_text, "ORIGIN")},
    "SetupAuditTrail": {
        "app_name": _build_candidates(setup_audit_text.read_app_name, "Display"),
        "package_name": _build_candidates(setup_audit_text.read_package_name, "Display"),
        "target_user": _build_candidates(setup_audit_text.read_target_user, "Display"),
    },
}
"""By event type and column, the candidates that replace those of DEFAULT_MAPPING."""


def resolve_mapping(event_type: str) -> ColumnMapping:
    """The candidates for each canonical column of a type, in the order of preference."""
    return {**DEFAULT_MAPPING, **MAPPINGS_BY_TYPE.get(event_type, {})}


def is_verbatim_column(native: str, event_type: str) -> bool:
    """Whether a native column alone fills the canonical column of its name.

    It does where its name is a canonical one but for case, and the type's mapping reads it as text
    or as a name.
    """
    candidates = resolve_mapping(event_type).get(native.lower(), ())
    return any(
        ColumnCandidate(native_column=native, read_value=read) in candidates
        for read in (read_text, read_name)
    )
