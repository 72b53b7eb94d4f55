"""A user who can do more than read is told of, in Setup's words, with what grants it."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from collector import sources
from collector.demo import ConnectedApp, EmbeddedOrg, InjectedFault, OrgBehaviour, OrgStore
from collector.preflight import privileges
from collector.salesforce.client import SalesforceClient
from collector.settings import ClientCredentialsAuth, OrgSettings, Secret

USER = ConnectedApp().user_id
PROFILE = {"Id": "00e000000000001AAA", "Name": "Minimum Access - API Only Integrations"}


def store(*sets, objects=(), user=USER):
    """An org whose user has these permission sets: (label, permissions), the first the profile."""
    made = OrgStore()
    made.add_rows("Profile", PROFILE)
    for number, (label, permissions) in enumerate(sets):
        made.add_rows(
            "PermissionSet",
            {
                "Id": f"0PS{number:012}AAA",
                "Label": label,
                "IsOwnedByProfile": number == 0,
                "ProfileId": PROFILE["Id"] if number == 0 else None,
                **{f"Permissions{name}": True for name in permissions.split()},
            },
        )
        made.add_rows(
            "PermissionSetAssignment",
            {
                "Id": f"0Pa{number:012}AAA",
                "AssigneeId": user,
                "PermissionSetId": f"0PS{number:012}AAA",
            },
        )
    for number, name in enumerate(objects):
        made.add_rows(
            "ObjectPermissions",
            {
                "Id": f"110{number:012}AAA",
                "ParentId": "0PS000000000000AAA",
                "SobjectType": name,
                "PermissionsRead": True,
                "PermissionsEdit": name != "Lead",
            },
        )
    return made


@pytest.fixture
def verdict(tmp_path):
    def ask(made, *faults, **options):
        with EmbeddedOrg(made, **options) as server:
            auth = ClientCredentialsAuth(
                client_id=server.application.client_id,
                client_secret=Secret(server.application.client_secret),
            )
            settings = OrgSettings(name="acme", login_url=server.base_url, auth=auth)
            with closing(SalesforceClient(settings, stop_event=threading.Event())) as client:
                server.inject_faults(*faults)
                return privileges.assess_privileges(
                    sources.SourceContext(
                        org="acme",
                        client=client,
                        catalog=sources.Catalog(client),
                        spool=tmp_path,
                        find_stored_keys=lambda _keys: frozenset(),
                        find_newest_time=lambda _stream: None,
                    )
                )

    return ask


READS = "ApiEnabled ViewSetup ViewEventLogFiles ViewDataLeakageEvents MonitorLoginHistory"


def test_a_user_who_only_reads_is_fine(verdict):
    level, message = verdict(store(("x", "ApiEnabled ApiUserOnly"), ("Collector", READS)))

    assert "ok" == level
    assert "the permission set Collector" in message
    assert "the profile Minimum Access - API Only Integrations" in message


def test_what_is_more_than_reading_is_named_the_gravest_first(verdict):
    admin = "EditTask AuthorApex ModifyAllData"
    level, message = verdict(store(("x", READS), ("Power", admin), ("Collector", READS)))

    assert "warning" == level
    assert "'Modify All Data', 'Author Apex', 'Edit Task', by the permission set Power;" in message
    assert "config/permissionset" in message


def test_what_a_profile_grants_counts_as_well(verdict):
    _, message = verdict(store(("x", f"{READS} ViewAllData")))

    assert "'View All Data', by the profile Minimum Access" in message


def test_a_permission_that_a_source_needs_says_so(verdict):
    _, message = verdict(store(("x", READS), ("Collector", "CustomizeApplication")))

    assert "'Customize Application' (oauth_tokens and IdentityProviderEventStore need" in message


def test_writing_records_counts_and_reading_them_does_not(verdict):
    _, message = verdict(store(("x", READS), objects=("Account", "Lead")))

    assert "writing records of Account, by" in message


def test_of_many_permissions_the_first_are_shown_and_all_are_counted(verdict):
    many = (
        "ModifyAllData ViewAllData ManageUsers AuthorApex ModifyMetadata EditTask ResetPasswords"
        " InstallPackaging"
    )
    _, message = verdict(store(("x", many)))

    assert "and 2 more, by" in message


def test_another_users_permissions_are_not_ours(verdict):
    level, message = verdict(store(("x", "ModifyAllData"), user="005000000000009AAA"))

    assert "warning" == level
    assert "the org shows no permission set of this user" in message


def test_what_cannot_be_read_is_said_to_be_unknown(verdict):
    hidden = OrgBehaviour(missing=frozenset({"PermissionSet"}))
    level, message = verdict(store(("x", READS)), behaviour=hidden)

    assert "warning" == level
    assert "not readable" in message
    assert "'View Setup and Configuration'" in message


def test_a_list_of_objects_that_is_hidden_does_not_hide_the_rest(verdict):
    hidden = OrgBehaviour(missing=frozenset({"ObjectPermissions"}))
    level, _ = verdict(store(("x", READS)), behaviour=hidden)

    assert "ok" == level


@pytest.mark.slow
def test_an_org_in_trouble_is_no_verdict(verdict):
    fault = InjectedFault(address_pattern="PermissionSetAssignment", times=None, status=500)
    level, message = verdict(store(("x", READS)), fault)

    assert ("warning", True) == (level, "not readable" in message)
