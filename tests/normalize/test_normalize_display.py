"""What is read from the sentences of the setup audit trail."""

from __future__ import annotations

import pytest

LONG = "0055f00000HyJSwAAN"


@pytest.mark.parametrize(
    ("display", "app_name"),
    [
        ("Created Connected App Ticket Portal", "Ticket Portal"),
        ("Installed Connected App Ticket Portal to Salesforce", "Ticket Portal"),
        ("Installed connected app Ticket Portal", "Ticket Portal"),
        ("Uninstalled Connected App Ticket Portal", "Ticket Portal"),
        ("Unblocked Connected App Ticket Portal to Salesforce", "Ticket Portal"),
        ("Changed connected app Ticket Portal scopes from null to full", "Ticket Portal"),
        ("Changed connected app Portal IP relaxation setting from Enforce to Relax", "Portal"),
        ("Changed permission set Sales: Ticket Portal connected app is enabled", "Ticket Portal"),
        ("Changed profile Standard: Ticket Portal connected app is disabled", "Ticket Portal"),
        ("Created permission set Installed Connected App X: with no license", None),
    ],
)
def test_connected_apps(normalizer, display, app_name):
    assert normalizer.normalize_record("SetupAuditTrail", Display=display)["app_name"] == app_name


@pytest.mark.parametrize(
    ("display", "package_name"),
    [
        ("Installed AppExchange package: Shadow Exporter", "Shadow Exporter"),
        ("Upgraded AppExchange package: Shadow Exporter", "Shadow Exporter"),
        ("Uninstalled AppExchange package: Shadow: Exporter", "Shadow: Exporter"),
        ("Created new user Installed AppExchange package: X", None),
    ],
)
def test_packages(normalizer, display, package_name):
    assert (
        normalizer.normalize_record("SetupAuditTrail", Display=display)["package_name"]
        == package_name
    )


@pytest.mark.parametrize(
    ("display", "target_user"),
    [
        ("Created new user Bob Example", "Bob Example"),
        ("Created new customer user Bob Example", "Bob Example"),
        ("Deactivated user Bob Example (UserID: [0055f00000HyJSw])", LONG),
        ("Deactivated user Bob (UserID: [0055f00000Fake1]) (UserID: [0055f00000HyJSw])", LONG),
        ("Froze user account for Bob Example", "Bob Example"),
        ("Unlocked user bob@acme.com (UserID: [0055f00000HyJSwAAN])", LONG),
        ("Set new password for user Bob Example", "Bob Example"),
        ("Reset password for user AlexandraSmith1", "AlexandraSmith1"),
        ("Logged in using Login-As access for Bob Example", "Bob Example"),
        ("Logged out using Login-As access for Bob Example", "Bob Example"),
        ("Changed email for user Bob Example from a@acme.com to b@acme.com", "Bob Example"),
        ("Changed profile for user Bob Example from Sales to System Administrator", "Bob Example"),
        ("Time-Based Token removed for bob@acme.com", "bob@acme.com"),
        ('Salesforce Authenticator pairing "Phone" added for bob@acme.com', "bob@acme.com"),
        ("Permission set Admin: Extra: assigned to user Bob Example", "Bob Example"),
        ("Permission set group G: assigned to user Bob, expiring on 2026-05-01", "Bob"),
        ("Permission set A: unassigned from user Bob (UserID: [0055f00000HyJSw])", LONG),
        ("Deactivated user Bob (UserID: [0055f])", "Bob"),
        ("Changed password expiry policy from 90 days to 180 days", None),
        ("Created permission set Created new user Bob: with no license", None),
    ],
)
def test_users(normalizer, display, target_user):
    assert (
        normalizer.normalize_record("SetupAuditTrail", Display=display)["target_user"]
        == target_user
    )


def test_an_audit_row_says_who_did_what_where(normalizer):
    event = normalizer.normalize_record(
        "SetupAuditTrail",
        Id="0Ym5f0000000001AAA",
        Action="insertConnectedApplication",
        Section="Connected Apps",
        Display="Installed Connected App Ticket Portal to Salesforce",
        CreatedById=LONG,
        DelegateUser="admin@acme.com",
        **{"CreatedBy.Username": "ann@acme.com"},
    )

    assert event["operation"] == "insertConnectedApplication"
    assert event["entity"] == "Connected Apps"
    assert event["detail"] == "Installed Connected App Ticket Portal to Salesforce"
    assert (event["user_id"], event["user_name"]) == (LONG, "ann@acme.com")
    assert event["DelegateUser"] == "admin@acme.com"
