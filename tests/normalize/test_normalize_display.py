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
        (
            'Security Key credential 0moJw00000003sL with nickname "for bob" added for b@acme.com',
            "b@acme.com",
        ),
        (
            "For user bob@acme.com, the mobile phone number was changed from +65 1 to +65 2",
            "bob@acme.com",
        ),
        ("For user bob@acme.com, the phone number +91 9041812345 was registered", "bob@acme.com"),
        ("For user Bob Example, changed Service Cloud user from off to on", None),
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


@pytest.mark.parametrize(
    ("display", "user_id", "user_name"),
    [
        ("Deactivated user Bob Example (UserID: [0055f00000HyJSw])", LONG, "Bob Example"),
        ("Permission set A: assigned to user Bob (UserID: [0055f00000HyJSw])", LONG, "Bob"),
        ("Changed username for 0055f00000HyJSw from a@acme.com to b@acme.com", LONG, None),
        ("Created new user Bob Example", None, "Bob Example"),
        ("Changed password expiry policy from 90 days to 180 days", None, None),
    ],
)
def test_ids_and_names_of_users_stand_apart(normalizer, display, user_id, user_name):
    event = normalizer.normalize_record("SetupAuditTrail", Display=display)

    assert (user_id, user_name) == (event["target_user_id"], event["target_user_name"])
    assert event["target_user"] == (user_id or user_name)


CHANGES = [
    (
        (
            "Changed permission set Sales: Modify All Data permission was changed from disabled to"
            " enabled"
        ),
        ("Modify All Data", "disabled", "enabled"),
    ),
    (
        (
            "Changed profile A: B: general user permission Author Apex was changed from disabled to"
            " enabled"
        ),
        ("Author Apex", "disabled", "enabled"),
    ),
    (
        (
            "Changed permission set S: Account object permissions were changed from No Access to"
            " Read, Create, View All, Modify All"
        ),
        ("Account object permissions", "No Access", "Read, Create, View All, Modify All"),
    ),
    ("Permission set Admin: Extra: assigned to user Bob", ("Admin: Extra", None, None)),
    (
        "Changed permission set group Sales_Team: group member Admin Extra was added",
        ("Admin Extra", None, "added"),
    ),
    (
        "Changed permission set Sales: Ticket Portal connected app is enabled",
        ("Ticket Portal connected app", None, "enabled"),
    ),
    (
        "Changed profile for user Bob from Sales to System Administrator",
        (None, "Sales", "System Administrator"),
    ),
    (
        (
            "Changed federation id for user Bob from x to y (UserID: [0055f00000HyJSw]) from null"
            " to bob@acme.com"
        ),
        (None, None, "bob@acme.com"),
    ),
    (
        "Changed connected app Portal scopes from null to full, refresh_token",
        (None, None, "full, refresh_token"),
    ),
    ("Created new user Bob from x to y", (None, None, None)),
    (
        "Created permission set X: Modify All Data permission was changed: with no license",
        (None, None, None),
    ),
]


@pytest.mark.parametrize(("display", "change"), CHANGES, ids=[display for display, _ in CHANGES])
def test_what_was_changed_and_from_what_to_what(normalizer, display, change):
    event = normalizer.normalize_record("SetupAuditTrail", Display=display)

    assert change == (event["permission"], event["old_value"], event["new_value"])


@pytest.mark.parametrize(
    ("display", "values", "size"),
    [
        (
            "Added Login Ip Range to Admin from 0.0.0.0 to 255.255.255.255",
            (None, "0.0.0.0 - 255.255.255.255"),
            2**32,
        ),
        (
            "Deleted Ip AllowList from 192.0.2.0 to 192.0.2.255",
            ("192.0.2.0 - 192.0.2.255", None),
            256,
        ),
        (
            "Added Login Ip Range to P from 2001:db8:: to 2001:db8:0:1::",
            (None, "2001:db8:: - 2001:db8:0:1::"),
            2.0**64,
        ),
        (
            "Added Login Ip Range to P from 192.0.2.9 to 192.0.2.1",
            (None, "192.0.2.9 - 192.0.2.1"),
            None,
        ),
        ("Added Login Ip Range to P from 1.2 to 3.4", (None, "1.2 - 3.4"), None),
    ],
)
def test_a_range_of_addresses_has_a_size(normalizer, display, values, size):
    event = normalizer.normalize_record("SetupAuditTrail", Display=display)

    assert (*values, size) == (event["old_value"], event["new_value"], event["range_size"])


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
