"""What native columns mean by one event type and by no other: data, no logic."""

from __future__ import annotations

from collections.abc import Mapping

from collector.normalize import audit_change_sql, setup_audit_text
from collector.normalize.column_candidates import ColumnMapping, build_candidates
from collector.normalize.value_readers import (
    match_success_word,
    read_before_parenthesis,
    read_iso_time,
    read_long_id,
    read_name,
    read_single_user_id,
    read_text,
    read_unquoted,
    replace_any_value,
)

_DELEGATED_USER_COLUMNS = ("DELEGATED_USER_ID_DERIVED", "DELEGATED_USER_ID")

MAPPINGS_BY_TYPE: Mapping[str, ColumnMapping] = {
    "ApexCallout": {"uri": build_candidates(read_unquoted, "URL")},
    "AsyncReportRun": {"operation": build_candidates(read_text, "ORIGIN")},
    # A downloaded result is always that of a query; the record does not say so.
    "BulkApiResultEventStore": {
        "operation": (
            *build_candidates(read_text, "OPERATION_TYPE"),
            *build_candidates(replace_any_value("query"), "EventDate"),
        ),
    },
    "BulkJobInfo": {
        "time": build_candidates(read_iso_time, "systemModstamp", "createdDate"),
        "job_id": build_candidates(read_long_id, "id"),
    },
    "BulkJobRemoved": {
        "time": build_candidates(read_iso_time, "ObservedDate"),
        "job_id": build_candidates(read_long_id, "id"),
    },
    # The collector's own events about its health.
    "CollectorHealth": {
        "entity": build_candidates(read_text, "Subject"),
        "status": build_candidates(read_text, "State"),
        "detail": build_candidates(read_text, "Reason"),
    },
    "GroupMembership": {"target_user_id": build_candidates(read_single_user_id, "MEMBER_ID")},
    "IdentityProviderEventStore": {
        "outcome": build_candidates(match_success_word("Success"), "ErrorCode")
    },
    "InsufficientAccess": {
        "user_id": build_candidates(
            read_long_id, "ACTUAL_LOGGED_IN_USER_ID", "USER_ID_DERIVED", "USER_ID"
        ),
        "outcome": build_candidates(replace_any_value("failure"), "ACCESS_ERROR"),
    },
    # The delegated user is the actor; the native user is the one impersonated.
    "LoginAs": {
        "user_id": build_candidates(read_long_id, *_DELEGATED_USER_COLUMNS),
        "user_name": build_candidates(read_name, "DELEGATED_USER_NAME"),
        "target_user_id": build_candidates(read_long_id, "USER_ID_DERIVED", "USER_ID"),
    },
    "LoginAsEvent": {
        "user_id": (),
        "user_name": build_candidates(read_name, "DelegatedUsername"),
        "user_type": (),
        "target_user_id": build_candidates(read_long_id, "UserId"),
        "target_user_name": build_candidates(read_name, "Username"),
    },
    "SalesforceLoginAs": {
        "user_id": build_candidates(read_long_id, "ACTUAL_USER_ID"),
        "user_name": (),
        "target_user_id": build_candidates(read_long_id, "USER_ID_DERIVED", "USER_ID"),
    },
    "LoginEvent": {"outcome": build_candidates(match_success_word("Success"), "Status")},
    "LoginHistory": {"outcome": build_candidates(match_success_word("Success"), "Status")},
    "Logout": {"user_type": build_candidates(read_before_parenthesis, "USER_TYPE")},
    "MetadataApiOperation": {"client_name": build_candidates(read_name, "CLIENT_ID")},
    "OauthTokenRemoved": {"time": build_candidates(read_iso_time, "ObservedDate")},
    "PermissionSetEventStore": {
        "target_user_id": build_candidates(read_single_user_id, "ImpactedUserIds")
    },
    "Report": {"operation": build_candidates(read_text, "ORIGIN")},
    "SetupAuditTrail": {
        "app_name": build_candidates(setup_audit_text.read_app_name, "Display"),
        "package_name": build_candidates(setup_audit_text.read_package_name, "Display"),
        "target_user_id": build_candidates(setup_audit_text.read_target_user_id, "Display"),
        "target_user_name": build_candidates(setup_audit_text.read_target_user_name, "Display"),
        "permission": build_candidates(audit_change_sql.read_permission, "Display"),
        "old_value": build_candidates(audit_change_sql.read_old_value, "Display"),
        "new_value": build_candidates(audit_change_sql.read_new_value, "Display"),
        "range_size": build_candidates(audit_change_sql.read_range_size, "Display"),
    },
}
"""By event type and column, the candidates that replace those of DEFAULT_MAPPING."""
