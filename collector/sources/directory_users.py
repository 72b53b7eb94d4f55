"""Reads the users of an org as entries of its directory, with what they are permitted.

A user's permissions are those of the permission set that the profile owns and of all that are
assigned, groups included. Sources: Object Reference, User, PermissionSet, PermissionSetAssignment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from collector.errors import NotAvailableError
from collector.logs import log
from collector.model import EntryReading
from collector.salesforce.soql import render_literal
from collector.sources.contract import SourceContext
from collector.sources.directory_columns import (
    STAMP,
    ColumnChoice,
    EntryColumn,
    is_record_id,
    list_identified,
    read_path,
    read_time,
    read_values,
)
from collector.sources.directory_permissions import (
    SET_COLUMNS,
    judge_integration,
    read_permissions,
)
from collector.sources.directory_reading import MAX_CHANGED, EntrySpan
from collector.sources.directory_records import (
    build_changes_query,
    build_span,
    build_span_clause,
    read_moment,
    render_ids,
    split_ids,
)

ASSIGNMENT = "PermissionSetAssignment"
VIEW_ALL_USERS = "View All Users"
VIEW_SETUP = "View Setup and Configuration"
VIEW_ROLES = "View Roles and Role Hierarchy"

_USER_COLUMNS = (
    EntryColumn(key=STAMP, path=STAMP),
    EntryColumn(key="name", path="Name"),
    EntryColumn(key="username", path="Username"),
    EntryColumn(key="email", path="Email"),
    EntryColumn(key="profile", path="Profile.Name", needs=VIEW_SETUP),
    EntryColumn(key="role", path="UserRole.Name", needs=VIEW_ROLES),
    EntryColumn(key="manager_id", path="ManagerId"),
    EntryColumn(key="manager", path="Manager.Name"),
    EntryColumn(key="is_active", path="IsActive"),
    EntryColumn(key="user_type", path="UserType"),
    EntryColumn(key="license", path="Profile.UserLicense.Name", needs=VIEW_SETUP),
    EntryColumn(key="created", path="CreatedDate"),
    EntryColumn(key="last_login", path="LastLoginDate"),
)
_TIME_KEYS = ("created", "last_login")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserReader:
    """Reads users of all types but those that are left out.

    Users cannot be deleted: `scope` is None.
    """

    skip_types: tuple[str, ...]
    columns: ColumnChoice = field(default_factory=lambda: ColumnChoice("User", _USER_COLUMNS))
    permissions: ColumnChoice = field(
        default_factory=lambda: ColumnChoice("PermissionSet", SET_COLUMNS)
    )
    scope: None = None

    def find_changed(self, context: SourceContext, since: datetime) -> Sequence[str] | None:
        """The ids of users of whom something has changed, a permission too; None: too many.

        What was taken away shows only in a pass: an assignment that is gone has no stamp.
        """
        queries = [
            ("Id", build_changes_query("User", "Id", since, extra=self._exclude("", " AND ")))
        ]
        if self._shows_assignments(context):
            extra = self._exclude("Assignee.", " AND ")
            soql = build_changes_query(ASSIGNMENT, "AssigneeId", since, extra=extra)
            queries.append(("AssigneeId", soql))
            queries.append(("Id", build_changes_query("PermissionSet", "Id", since)))
        users, *others = context.client.query_several([soql for _, soql in queries])
        found = [[str(record.get("Id")) for page in users for record in page]]
        found += [
            _list_shown_values(answer, column)
            for (column, _), answer in zip(queries[1:], others, strict=True)
        ]
        if any(len(ids) > MAX_CHANGED for ids in found):
            return None
        user_ids, assignees, sets = [*found, [], []][:3]
        holders = self._find_holders(context, sets)
        if holders is None:
            return None
        changed = sorted(filter(is_record_id, {*user_ids, *assignees, *holders}))
        return changed if len(changed) <= MAX_CHANGED else None

    def read_entries(self, context: SourceContext, ids: Sequence[str]) -> Sequence[EntryReading]:
        """The users with these ids, but for those of types that are left out."""
        readings: list[EntryReading] = []
        for chunk in split_ids(ids):
            rendered = render_ids(chunk)
            condition = f"WHERE Id IN ({rendered}){self._exclude('', ' AND ')}"
            users = self._read_users(context, condition)
            assignments = self._read_assignments(context, f"AssigneeId IN ({rendered})")
            readings += self._build_readings(users, assignments)
        return readings

    def read_span(self, context: SourceContext, after: str) -> EntrySpan:
        """The next users after an id."""
        users = self._read_users(context, build_span_clause(self._exclude("", ""), after))
        if not users.records:
            return EntrySpan(readings=(), until="")
        first, last = users.records[0]["Id"], users.records[-1]["Id"]
        condition = (
            f"AssigneeId >= {render_literal(first)} AND AssigneeId <= {render_literal(last)}"
            f"{self._exclude('Assignee.', ' AND ')}"
        )
        readings = self._build_readings(users, self._read_assignments(context, condition))
        return build_span(readings, record_count=users.count)

    def list_hidden(self, context: SourceContext) -> list[EntryColumn]:
        """What the org does not show of users."""
        hidden = self.columns.list_hidden(context)
        if self._shows_assignments(context):
            return hidden
        return [
            *hidden,
            EntryColumn(key="permission_sets", path="", needs=VIEW_SETUP),
            EntryColumn(key="high_risk_permissions", path="", needs=VIEW_SETUP),
        ]

    def _exclude(self, relation: str, prefix: str) -> str:
        """The condition that leaves out users of types, after what stands before it."""
        if not self.skip_types:
            return ""
        return f"{prefix}{relation}UserType NOT IN ({render_ids(self.skip_types)})"

    def _shows_assignments(self, context: SourceContext) -> bool:
        return {ASSIGNMENT, "PermissionSet"} <= context.catalog.list_object_names()

    def _find_holders(self, context: SourceContext, sets: Sequence[str]) -> list[str] | None:
        """Whoever has one of these permission sets; None where they are too many."""
        ids = [set_id for set_id in sets if is_record_id(set_id)]
        holders: list[str] = []
        for chunk in split_ids(ids):
            soql = (
                f"SELECT AssigneeId FROM {ASSIGNMENT} WHERE PermissionSetId IN"
                f" ({render_ids(chunk)}){self._exclude('Assignee.', ' AND ')}"
                f" LIMIT {MAX_CHANGED + 1}"
            )
            holders += [
                str(record.get("AssigneeId"))
                for page in context.client.query(soql)
                for record in page
            ]
            if len(holders) > MAX_CHANGED:
                return None
        return holders

    def _read_users(self, context: SourceContext, clause: str) -> _UserRecords:
        while True:
            columns = self.columns.list_readable(context)
            paths = ", ".join(["Id", *(column.path for column in columns)])
            try:
                records = list(_query(context, f"SELECT {paths} FROM User {clause}"))
            except NotAvailableError as error:
                if not self.columns.refuse_named(error):
                    raise
                continue
            return _UserRecords(
                records=list(list_identified(records)), columns=columns, count=len(records)
            )

    def _read_assignments(
        self, context: SourceContext, condition: str
    ) -> Mapping[str, list[Mapping[str, Any]]]:
        """By the id of the user, the assignments that fulfil a condition; none where hidden."""
        while self._shows_assignments(context):
            found: dict[str, list[Mapping[str, Any]]] = {}
            try:
                for record in _query(context, self._build_assignment_query(context, condition)):
                    found.setdefault(str(record.get("AssigneeId")), []).append(record)
            except NotAvailableError as error:
                if not self.permissions.refuse_named(error):
                    log.info("permissions_hidden", org=context.org, reason=str(error))
                    return {}
                continue
            return found
        return {}

    def _build_assignment_query(self, context: SourceContext, condition: str) -> str:
        described = context.catalog.describe_object(ASSIGNMENT)
        own = [each.name for each in described if each.name in (STAMP, "IsActive")]
        columns = self.permissions.list_readable(context)
        related = ("Name", "IsOwnedByProfile", STAMP, *(column.path for column in columns))
        paths = ", ".join([*own, *(f"PermissionSet.{path}" for path in related)])
        return (
            f"SELECT AssigneeId, {paths} FROM {ASSIGNMENT} WHERE {condition}"
            " ORDER BY AssigneeId ASC"
        )

    def _build_readings(
        self, users: _UserRecords, assignments: Mapping[str, list[Mapping[str, Any]]]
    ) -> list[EntryReading]:
        return [
            _build_reading(record, users.columns, assignments.get(str(record["Id"]), []))
            for record in users.records
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _UserRecords:
    """Records of User with the columns that were asked for; `count` are all that came."""

    records: Sequence[Mapping[str, Any]]
    columns: Sequence[EntryColumn]
    count: int


def _build_reading(
    record: Mapping[str, Any],
    columns: Sequence[EntryColumn],
    assignments: Sequence[Mapping[str, Any]],
) -> EntryReading:
    values = read_values(record, columns)
    stamps = [read_moment(values.pop(STAMP, None))]
    for key in _TIME_KEYS:
        values[key] = read_time(values.get(key))
    active = [each for each in assignments if each.get("IsActive") is not False]
    for assignment in assignments:
        stamps.append(read_moment(assignment.get(STAMP)))
        stamps.append(read_moment(read_path(assignment, f"PermissionSet.{STAMP}")))
    values |= read_permissions(active)
    values["is_integration"] = judge_integration(values)
    return EntryReading(
        kind="user",
        id=str(record["Id"]),
        values=values,
        changed=max((stamp for stamp in stamps if stamp is not None), default=None),
    )


def _query(context: SourceContext, soql: str) -> Iterator[Mapping[str, Any]]:
    for page in context.client.query(soql):
        yield from page


def _list_shown_values(pages: Iterable[Iterable[Mapping[str, Any]]], column: str) -> list[str]:
    """A column of all records; nothing where the org refuses to show them."""
    try:
        return [str(record.get(column)) for page in pages for record in page]
    except NotAvailableError:
        return []
