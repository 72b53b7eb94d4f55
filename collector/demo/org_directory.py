"""Acme's directory: users with their profiles, roles and permissions, its apps and its reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from collector.demo.people import People, Person
from collector.demo.permissions import PERMISSIONS
from collector.demo.program_activity import API_CLIENTS
from collector.demo.salesforce_ids import IdGenerator, extend_record_id
from collector.demo.soql_conditions import SObjectRow

FOUNDED = datetime.fromisoformat("2024-02-01T09:00:00+00:00")

_PROFILE_PERMISSIONS = {
    "System Administrator": (
        *("ApiEnabled", "AssignPermissionSets", "AuthorApex", "CustomizeApplication"),
        *("ManageUsers", "ModifyAllData", "ViewAllData", "ViewSetup"),
    ),
    "Salesforce API Only System Integrations": ("ApiEnabled", "ApiUserOnly"),
    "Standard User": ("ApiEnabled",),
}
_LICENCES = {
    "Salesforce API Only System Integrations": "Salesforce Integration",
    "Support Site Profile": "Guest User License",
}
_ROLES = {
    "sales": "Sales",
    "support": "Support",
    "marketing": "Marketing",
    "finance": "Finance",
    "admin": "IT",
    "developer": "IT",
}


def build_directory_rows(
    people: People, collector: Person, reports: Iterable[SObjectRow], ids: IdGenerator
) -> dict[str, list[SObjectRow]]:
    """The records of all objects that say who and what there is; `reports` are runs of reports."""
    users = [*people.list_users(), collector]
    profiles = _number_names((user.profile for user in users), "00e", ids)
    roles = _number_names(_ROLES.values(), "00E", ids)
    licences = _number_names(("Salesforce", *_LICENCES.values()), "100", ids)
    sets = _build_sets(profiles, ids)
    return {
        "User": [_build_user(user, people, profiles, roles) for user in users],
        "UserRole": [_build_named(role_id, name) for name, role_id in roles.items()],
        "UserLicense": [_build_named(licence_id, name) for name, licence_id in licences.items()],
        "Profile": [
            {
                **_build_named(profile_id, name),
                "UserLicenseId": licences[_LICENCES.get(name, "Salesforce")],
            }
            for name, profile_id in profiles.items()
        ],
        "PermissionSet": list(sets.values()),
        "PermissionSetAssignment": _build_assignments(users, people, collector, sets, ids),
        "ConnectedApplication": _build_apps(),
        "ExternalClientApplication": [
            {
                **_build_stamps(ids.make_record_id("0xI")),
                "DeveloperName": "Partner_Portal",
                "MasterLabel": "Partner Portal",
            }
        ],
        "Report": _build_reports(reports, people),
    }


def _number_names(names: Iterable[str], prefix: str, ids: IdGenerator) -> dict[str, str]:
    return {name: ids.make_record_id(prefix) for name in sorted(set(names))}


def _build_stamps(record_id: str, created: datetime = FOUNDED) -> SObjectRow:
    return {"Id": record_id, "CreatedDate": created, "SystemModstamp": created}


def _build_named(record_id: str, name: str) -> SObjectRow:
    return {**_build_stamps(record_id), "Name": name}


def _build_user(
    user: Person, people: People, profiles: Mapping[str, str], roles: Mapping[str, str]
) -> SObjectRow:
    role = _ROLES.get(user.team)
    # The first of a team leads it.
    manager = next((other.id for other in people.staff if other.team == user.team), None)
    return {
        **user.to_row(profiles[user.profile], FOUNDED),
        "UserRoleId": roles[role] if role else None,
        "ManagerId": None if manager == user.id else manager,
    }


def _build_sets(profiles: Mapping[str, str], ids: IdGenerator) -> dict[str, SObjectRow]:
    """The permission sets by name: one that each profile owns, and those that are assigned."""
    owned: dict[str, SObjectRow] = {
        name: {
            **_build_stamps(ids.make_record_id("0PS")),
            "Name": f"X{profile_id}",
            "Label": f"{profile_id}_profile",
            "IsOwnedByProfile": True,
            "ProfileId": profile_id,
            **{f"Permissions{each}": True for each in _PROFILE_PERMISSIONS.get(name, ())},
        }
        for name, profile_id in profiles.items()
    }
    assigned: dict[str, SObjectRow] = {
        name: {
            **_build_stamps(ids.make_record_id("0PS")),
            "Name": name,
            "Label": name.replace("_", " "),
            "IsOwnedByProfile": False,
            **{f"Permissions{each}": True for each in permissions},
        }
        for name, permissions in (
            ("Collector", PERMISSIONS),
            ("Release_Management", ("AuthorApex", "ModifyMetadata")),
        )
    }
    return owned | assigned


def _build_assignments(
    users: Sequence[Person],
    people: People,
    collector: Person,
    sets: Mapping[str, SObjectRow],
    ids: IdGenerator,
) -> list[SObjectRow]:
    pairs = [(user.id, user.profile) for user in users]
    pairs += [(collector.id, "Collector"), (people.developer.id, "Release_Management")]
    return [
        {
            "Id": ids.make_record_id("0Pa"),
            "AssigneeId": user_id,
            "PermissionSetId": sets[name]["Id"],
            "IsActive": True,
            "SystemModstamp": FOUNDED,
        }
        for user_id, name in pairs
    ]


def _build_apps() -> list[SObjectRow]:
    """The apps that are installed; what the attackers use is none of them."""
    return [
        {
            **_build_named(extend_record_id(client.app_id), client.app),
            "OptionsAllowAdminApprovedUsersOnly": True,
            "OptionsIsInternal": False,
        }
        for client in API_CLIENTS
    ]


def _build_reports(runs: Iterable[SObjectRow], people: People) -> list[SObjectRow]:
    """A report for each run, made a year before."""
    return [
        {
            **_build_stamps(run["ReportId"], FOUNDED + timedelta(days=90)),
            "Name": run["Name"],
            "FolderName": "Public Reports",
            "OwnerId": people.admins[0].id,
            "Format": run["Format"],
        }
        for run in runs
    ]
