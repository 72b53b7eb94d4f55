"""Which native columns fill which canonical one, and how each is read: data, no logic.

A canonical column takes the first candidate that has a value. Names are matched exactly, so one
list serves ELF columns (`USER_ID`), objects (`UserId`) and the upper-case form of stored events.
"""

from __future__ import annotations

from collector.normalize.column_candidates import (
    ColumnCandidate,
    ColumnMapping,
    build_candidates,
)
from collector.normalize.login_labels import read_login_sub_type, read_login_type
from collector.normalize.type_mappings import MAPPINGS_BY_TYPE
from collector.normalize.value_readers import (
    match_success_word,
    read_address,
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
    read_success_flag,
    read_text,
    read_unquoted,
    read_user_agent,
    read_user_agent_header,
)

DEFAULT_MAPPING: ColumnMapping = {
    "time": (
        *build_candidates(read_iso_time, "EventDate", "LoginTime", "TIMESTAMP_DERIVED"),
        *build_candidates(read_compact_time, "TIMESTAMP"),
        *build_candidates(read_iso_time, "Timestamp", "CreatedDate", "ObservedDate"),
    ),
    "user_id": build_candidates(
        read_long_id,
        *("USER_ID_DERIVED", "USER_ID", "UserId", "UserIdentifier", "CreatedById", "createdById"),
    ),
    "user_name": (
        *build_candidates(read_name, "USER_NAME", "Username", "UserName", "USERNAME"),
        *build_candidates(read_name, "CreatedBy.Username", "User.Username"),
        *build_candidates(read_json_member("Username"), "CreatedBy", "User"),
    ),
    "user_type": build_candidates(read_text, "USER_TYPE", "UserType", "User.UserType"),
    "source_ip": build_candidates(
        read_address, "SOURCE_IP", "SourceIp", "CLIENT_IP", "ClientIp", "IP_ADDRESS", "CurrentIp"
    ),
    "country": build_candidates(
        read_known_text, "CountryIso", "COUNTRY_ISO", "COUNTRY_CODE", "CountryCode", "Country"
    ),
    "user_agent": (
        *build_candidates(
            read_user_agent,
            "BROWSER_TYPE",
            "BrowserType",
            "UserAgent",
            "CurrentUserAgent",
            "USER_AGENT",
        ),
        *build_candidates(read_user_agent_header, "HTTP_HEADERS"),
    ),
    "client_name": (
        *build_candidates(read_name, "CLIENT_NAME"),
        *build_candidates(read_known_name, "Client", "CLIENT_INFO"),
    ),
    "app_id": build_candidates(read_long_id, "CONNECTED_APP_ID", "ConnectedAppId", "AppId"),
    "app_name": (
        *build_candidates(read_name, "CONNECTED_APP_NAME", "APP_NAME"),
        *build_candidates(read_known_name, "AppName", "Application"),
    ),
    "session_key": build_candidates(read_text, "SESSION_KEY", "SessionKey"),
    "login_key": build_candidates(read_text, "LOGIN_KEY", "LoginKey"),
    "login_type": build_candidates(read_login_type, "LOGIN_TYPE", "LoginType"),
    "login_sub_type": build_candidates(read_login_sub_type, "LOGIN_SUB_TYPE", "LoginSubType"),
    "request_id": build_candidates(read_text, "REQUEST_ID", "RequestIdentifier"),
    # As the source writes it: rules compare without regard to case.
    "operation": build_candidates(
        read_text,
        *("OPERATION_TYPE", "OPERATION", "Operation", "operation"),
        *("SHARING_OPERATION", "TRANSACTION_TYPE", "FileAction", "ACTION", "Action"),
        *("DML_TYPE", "UPDATE_TYPE", "Activity", "ACTION_NAME"),
        *("METHOD_NAME", "METHOD", "HTTP_METHOD", "REQUEST_METHOD"),
    ),
    "entity": build_candidates(
        read_text,
        *("ENTITY_NAME", "ENTITY_TYPE", "ENTITY", "QueriedEntities", "RequestedEntities"),
        *("object", "EXTERNAL_OBJECT", "PAGE_ENTITY_TYPE", "RECORD_TYPE", "Section"),
        "ParentNameList",
    ),
    "record_count": build_candidates(
        read_count,
        *("ROWS_PROCESSED", "RECORDS_PROCESSED", "ROW_COUNT", "RowsProcessed", "RowsReturned"),
        *("NUMBER_OF_RECORDS", "NUM_ROWS", "NUM_RESULTS", "ROWS_FETCHED", "ROWS"),
        "numberRecordsProcessed",
    ),
    "outcome": (
        *build_candidates(match_success_word("LOGIN_NO_ERROR"), "LOGIN_STATUS", "LoginStatus"),
        *build_candidates(read_success_flag, "IS_SUCCESSFUL", "SUCCESS", "IS_SUCCESS"),
        *build_candidates(read_request_status, "REQUEST_STATUS"),
        *build_candidates(read_http_status, "STATUS_CODE"),
        *build_candidates(
            read_final_status, "JOB_STATUS", "OperationStatus", "Status", "STATUS", "state"
        ),
        *build_candidates(read_final_status, "PolicyOutcome"),
    ),
    "status": build_candidates(
        read_text,
        *("LOGIN_STATUS", "LoginStatus", "JOB_STATUS", "STATUS_CODE", "Status", "STATUS", "state"),
        *("ErrorCode", "OperationStatus", "RESULT", "ACCESS_ERROR", "REQUEST_STATUS"),
        "PolicyOutcome",
    ),
    "uri": (
        *build_candidates(
            read_text, "URI", "Uri", "API_RESOURCE", "REQUEST_PATH", "REQUEST_URI", "PageUrl"
        ),
        *build_candidates(
            read_text, "PAGE_URL", "BLOCKED_URI", "TargetUrl", "SamlEntityUrl", "LoginUrl"
        ),
        *build_candidates(read_unquoted, "URL"),
    ),
    "query": (
        *build_candidates(read_text, "QUERY", "Query"),
        *build_candidates(read_unquoted, "SEARCH_QUERY", "QUERY_IDENTIFIER"),
        *build_candidates(read_text, "SoqlCommands"),
    ),
    "job_id": build_candidates(read_long_id, "JOB_ID"),
    "package_name": build_candidates(read_name, "PACKAGE_NAME"),
    "detail": build_candidates(
        read_text,
        *("Display", "Summary", "SUMMARY", "DESCRIPTION", "REPORT_DESCRIPTION", "Description"),
        *("EXCEPTION_MESSAGE", "ERROR_MESSAGE", "ERROR_DESCRIPTION", "FAILURE_TYPE", "MESSAGE"),
        *("Message", "errorMessage", "ACTION_MESSAGE", "REDIRECT_REASON", "DOWNLOAD_ERROR"),
        *("Remarks", "FileName", "Name", "PAGE_NAME", "ENTRY_POINT", "PermissionList"),
    ),
    "score": (
        *build_candidates(read_ratio_score, "Score"),
        *build_candidates(read_percent_score, "SCORE"),
    ),
}
"""The candidates of every event type, known or not, but for MAPPINGS_BY_TYPE."""


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
