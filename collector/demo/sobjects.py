"""The objects of the org: fields, their types, and which may be filtered and sorted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from collector.demo.api_errors import ApiError
from collector.demo.sobject_fields import BIG_FIELDS, LOG_FIELDS, STANDARD_FIELDS, TOKEN_FIELDS

CONSTANT_ID = "000000000000000AAA"
"""The Id of every row of every big object."""

REFERENCE_TARGETS = {
    "CreatedById": "User",
    "LastModifiedById": "User",
    "UserId": "User",
    "OwnerId": "User",
    "ProfileId": "Profile",
    "UserRoleId": "UserRole",
    "UserLicenseId": "UserLicense",
    "ManagerId": "User",
    "AssigneeId": "User",
    "ParentId": "PermissionSet",
    "PermissionSetId": "PermissionSet",
}


class SObjectKind(Enum):
    """Standard objects take ordinary SOQL; big objects only what their index can answer.

    Event log objects take ordinary SOQL and have one Id for all records, as big objects have;
    tokens have none, and a query finds only so many of them.
    """

    STANDARD = "standard"
    BIG = "big"
    LOG = "log"
    TOKEN = "token"  # noqa: S105 - a kind of object


FIXED_IDS = {SObjectKind.BIG: CONSTANT_ID, SObjectKind.LOG: CONSTANT_ID, SObjectKind.TOKEN: None}
"""The Id of every record, where records have none of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SObjectField:
    """A field; `type` is one of describe's: string, textarea, id, datetime, double and so on."""

    name: str
    type: str
    filterable: bool
    sortable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SObject:
    """An object. `fields` is keyed by the name in lower case, in documented order."""

    name: str
    kind: SObjectKind
    prefix: str
    fields: dict[str, SObjectField]

    def find_field(self, name: str) -> SObjectField:
        """The field of that name, in any case. Raises ApiError (INVALID_FIELD)."""
        found = self.fields.get(name.lower())
        if found is None:
            raise ApiError(
                "INVALID_FIELD",
                f"No such column '{name}' on entity '{self.name}'. If you are attempting to use a"
                " custom field, be sure to append the '__c' after the custom field name. Please"
                " reference your WSDL or the describe call for the appropriate names.",
            )
        return found

    def find_reference(self, relationship: str) -> tuple[SObjectField, SObject]:
        """The field and the object behind `CreatedBy`. Raises ApiError (INVALID_FIELD)."""
        found = self.fields.get(relationship.lower() + "id")
        if found is None or found.name not in REFERENCE_TARGETS:
            raise ApiError(
                "INVALID_FIELD",
                f"Didn't understand relationship '{relationship}' in field path.",
            )
        return found, SOBJECTS[REFERENCE_TARGETS[found.name].lower()]


def find_sobject(name: str) -> SObject:
    """The object of that name, in any case. Raises ApiError (INVALID_TYPE)."""
    found = SOBJECTS.get(name.lower())
    if found is None:
        raise build_invalid_type(name)
    return found


def build_invalid_type(name: str) -> ApiError:
    """The error for an object that does not exist here, or not for this user or licence."""
    return ApiError(
        "INVALID_TYPE",
        f"sObject type '{name}' is not supported. If you are attempting to use a custom object,"
        " be sure to append the '__c' after the entity name. Please reference your WSDL or the"
        " describe call for the appropriate names.",
    )


def to_json_value(value: Any) -> Any:
    """A stored value as JSON: datetimes as `2026-10-01T12:34:56.000+0000`."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")[:23] + "+0000"
    return value


def _parse_field(spec: str, kind: SObjectKind) -> SObjectField:
    """A field of `name`, `name:type` or `name:type!`; the mark means neither filter nor sort."""
    name, _, declared_type = spec.rstrip("!").partition(":")
    type_ = declared_type or _infer_type(name)
    is_searchable = not spec.endswith("!") and type_ not in ("textarea", "base64")
    if kind is SObjectKind.BIG:
        return SObjectField(
            name=name,
            type=type_,
            filterable=name in ("EventDate", "EventIdentifier"),
            sortable=name == "EventDate",
        )
    return SObjectField(name=name, type=type_, filterable=is_searchable, sortable=is_searchable)


def _infer_type(name: str) -> str:
    if name == "Id":
        return "id"
    if name.endswith("Date") or name == "SystemModstamp":
        return "datetime"
    return "reference" if name.endswith("Id") else "string"


def _build_sobjects() -> dict[str, SObject]:
    found = {}
    tables = (STANDARD_FIELDS, BIG_FIELDS, LOG_FIELDS, TOKEN_FIELDS)
    for kind, table in zip(SObjectKind, tables, strict=True):
        for heading, specs in table.items():
            name, _, prefix = heading.partition(" ")
            fields = [_parse_field(spec, kind) for spec in ["Id", *specs.split()]]
            found[name.lower()] = SObject(
                name=name,
                kind=kind,
                prefix=prefix,
                fields={field.name.lower(): field for field in fields},
            )
    return found


SOBJECTS = _build_sobjects()
