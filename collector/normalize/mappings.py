"""Which native columns fill which canonical one, and how each is read: data, no logic.

A canonical column takes the first candidate that has a value. Names are matched exactly, so one
list serves ELF columns (`USER_ID`), objects (`UserId`) and the upper-case form of stored events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from collector.normalize import display
from collector.normalize.readings import (
    Reading,
    address,
    agent,
    agent_header,
    before_parenthesis,
    count,
    flag,
    http_code,
    known,
    long_id,
    means,
    member,
    moment,
    percent,
    ratio,
    request_code,
    stamp,
    success_is,
    text,
    unquoted,
    user_id_alone,
    verdict,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A native column that may fill a canonical one."""

    native: str
    read: Reading


Mapped = Mapping[str, tuple[Candidate, ...]]


def _by(read: Reading, *natives: str) -> tuple[Candidate, ...]:
    return tuple(Candidate(native=native, read=read) for native in natives)


GENERAL: Mapped = {
    "time": (
        *_by(moment, "EventDate", "LoginTime", "TIMESTAMP_DERIVED"),
        *_by(stamp, "TIMESTAMP"),
        *_by(moment, "Timestamp", "CreatedDate", "ObservedDate"),
    ),
    "user_id": _by(
        long_id,
        *("USER_ID_DERIVED", "USER_ID", "UserId", "UserIdentifier", "CreatedById", "createdById"),
    ),
    "user_name": (
        *_by(text, "USER_NAME", "Username", "UserName", "USERNAME"),
        *_by(text, "CreatedBy.Username", "User.Username"),
        *_by(member("Username"), "CreatedBy", "User"),
    ),
    "user_type": _by(text, "USER_TYPE", "UserType", "User.UserType"),
    "source_ip": _by(
        address, "SOURCE_IP", "SourceIp", "CLIENT_IP", "ClientIp", "IP_ADDRESS", "CurrentIp"
    ),
    "country": _by(known, "CountryIso", "COUNTRY_ISO", "CountryCode", "Country"),
    "user_agent": (
        *_by(agent, "BROWSER_TYPE", "BrowserType", "UserAgent", "CurrentUserAgent", "USER_AGENT"),
        *_by(agent_header, "HTTP_HEADERS"),
    ),
    "client_name": (*_by(text, "CLIENT_NAME"), *_by(known, "Client", "CLIENT_INFO")),
    "app_id": _by(long_id, "CONNECTED_APP_ID", "ConnectedAppId", "AppId"),
    "app_name": (
        *_by(text, "CONNECTED_APP_NAME", "APP_NAME"),
        *_by(known, "AppName", "Application"),
    ),
    "session_key": _by(text, "SESSION_KEY", "SessionKey"),
    "login_key": _by(text, "LOGIN_KEY", "LoginKey"),
    "request_id": _by(text, "REQUEST_ID", "RequestIdentifier"),
    # In the words and the case of the source: rules compare without regard to case.
    "operation": _by(
        text,
        *("OPERATION_TYPE", "OPERATION", "Operation", "operation"),
        *("SHARING_OPERATION", "TRANSACTION_TYPE", "FileAction", "ACTION", "Action"),
        *("DML_TYPE", "UPDATE_TYPE", "Activity", "ACTION_NAME"),
        *("METHOD_NAME", "METHOD", "HTTP_METHOD", "REQUEST_METHOD"),
    ),
    "entity": _by(
        text,
        *("ENTITY_NAME", "ENTITY_TYPE", "ENTITY", "QueriedEntities", "RequestedEntities"),
        *("object", "EXTERNAL_OBJECT", "PAGE_ENTITY_TYPE", "RECORD_TYPE", "Section"),
        "ParentNameList",
    ),
    "record_count": _by(
        count,
        *("ROWS_PROCESSED", "RECORDS_PROCESSED", "ROW_COUNT", "RowsProcessed", "RowsReturned"),
        *("NUMBER_OF_RECORDS", "NUM_ROWS", "NUM_RESULTS", "ROWS_FETCHED", "ROWS"),
        "numberRecordsProcessed",
    ),
    "outcome": (
        *_by(success_is("LOGIN_NO_ERROR"), "LOGIN_STATUS", "LoginStatus"),
        *_by(flag, "IS_SUCCESSFUL", "SUCCESS", "IS_SUCCESS"),
        *_by(request_code, "REQUEST_STATUS"),
        *_by(http_code, "STATUS_CODE"),
        *_by(verdict, "JOB_STATUS", "OperationStatus", "Status", "STATUS", "state"),
        *_by(verdict, "PolicyOutcome"),
    ),
    "status": _by(
        text,
        *("LOGIN_STATUS", "LoginStatus", "JOB_STATUS", "STATUS_CODE", "Status", "STATUS", "state"),
        *("ErrorCode", "OperationStatus", "RESULT", "ACCESS_ERROR", "REQUEST_STATUS"),
        "PolicyOutcome",
    ),
    "uri": (
        *_by(text, "URI", "Uri", "API_RESOURCE", "REQUEST_PATH", "REQUEST_URI", "PageUrl"),
        *_by(text, "PAGE_URL", "BLOCKED_URI", "TargetUrl", "SamlEntityUrl", "LoginUrl"),
        *_by(unquoted, "URL"),
    ),
    "query": (
        *_by(text, "QUERY", "Query"),
        *_by(unquoted, "SEARCH_QUERY", "QUERY_IDENTIFIER"),
        *_by(text, "SoqlCommands"),
    ),
    "job_id": _by(long_id, "JOB_ID"),
    "package_name": _by(text, "PACKAGE_NAME"),
    "target_user": (),
    "detail": _by(
        text,
        *("Display", "Summary", "SUMMARY", "DESCRIPTION", "REPORT_DESCRIPTION", "Description"),
        *("EXCEPTION_MESSAGE", "ERROR_MESSAGE", "ERROR_DESCRIPTION", "FAILURE_TYPE", "MESSAGE"),
        *("Message", "errorMessage", "ACTION_MESSAGE", "REDIRECT_REASON", "DOWNLOAD_ERROR"),
        *("Remarks", "FileName", "Name", "PAGE_NAME", "ENTRY_POINT", "PermissionList"),
    ),
    "score": (*_by(ratio, "Score"), *_by(percent, "SCORE")),
}
"""For every event type that says nothing else, known or not."""

_DELEGATED = ("DELEGATED_USER_ID_DERIVED", "DELEGATED_USER_ID")

BY_TYPE: Mapping[str, Mapped] = {
    "ApexCallout": {"uri": _by(unquoted, "URL")},
    "AsyncReportRun": {"operation": _by(text, "ORIGIN")},
    # Whoever downloads the result of a bulk query has run a query; the record does not say so.
    "BulkApiResultEventStore": {
        "operation": (*_by(text, "OPERATION_TYPE"), *_by(means("query"), "EventDate")),
    },
    "BulkJobInfo": {
        "time": _by(moment, "systemModstamp", "createdDate"),
        "job_id": _by(long_id, "id"),
    },
    "BulkJobRemoved": {
        "time": _by(moment, "ObservedDate"),
        "job_id": _by(long_id, "id"),
    },
    # Made by the collector itself, of itself.
    "CollectorHealth": {
        "entity": _by(text, "Subject"),
        "status": _by(text, "State"),
        "detail": _by(text, "Reason"),
    },
    "GroupMembership": {"target_user": _by(user_id_alone, "MEMBER_ID")},
    "IdentityProviderEventStore": {"outcome": _by(success_is("Success"), "ErrorCode")},
    "InsufficientAccess": {
        "user_id": _by(long_id, "ACTUAL_LOGGED_IN_USER_ID", "USER_ID_DERIVED", "USER_ID"),
        "outcome": _by(means("failure"), "ACCESS_ERROR"),
    },
    # Whoever logs in as somebody else is the actor: the native user is the one impersonated.
    "LoginAs": {
        "user_id": _by(long_id, *_DELEGATED),
        "user_name": _by(text, "DELEGATED_USER_NAME"),
        "target_user": _by(long_id, "USER_ID_DERIVED", "USER_ID"),
    },
    "LoginAsEvent": {
        "user_id": (),
        "user_name": _by(text, "DelegatedUsername"),
        "user_type": (),
        "target_user": _by(text, "UserId", "Username"),
    },
    "SalesforceLoginAs": {
        "user_id": _by(long_id, "ACTUAL_USER_ID"),
        "user_name": (),
        "target_user": _by(long_id, "USER_ID_DERIVED", "USER_ID"),
    },
    "LoginEvent": {"outcome": _by(success_is("Success"), "Status")},
    "LoginHistory": {"outcome": _by(success_is("Success"), "Status")},
    "Logout": {"user_type": _by(before_parenthesis, "USER_TYPE")},
    "MetadataApiOperation": {"client_name": _by(text, "CLIENT_ID")},
    "OauthTokenRemoved": {"time": _by(moment, "ObservedDate")},
    "PermissionSetEventStore": {"target_user": _by(user_id_alone, "ImpactedUserIds")},
    "Report": {"operation": _by(text, "ORIGIN")},
    "SetupAuditTrail": {
        "app_name": _by(display.app_name, "Display"),
        "package_name": _by(display.package_name, "Display"),
        "target_user": _by(display.target_user, "Display"),
    },
}
"""Where a type means something else, its list replaces the general one."""


def mapped(event_type: str) -> Mapped:
    """The candidates for each canonical column of a type, in the order of preference."""
    return {**GENERAL, **BY_TYPE.get(event_type, {})}


def is_verbatim(native: str, event_type: str) -> bool:
    """Whether this native column, where there is one, is its canonical namesake.

    A native column whose name is a canonical one but for case, and which the type's mapping reads
    as plain text, alone fills that canonical column and is stored once, under the canonical name.
    """
    candidates = mapped(event_type).get(native.lower(), ())
    return Candidate(native=native, read=text) in candidates
