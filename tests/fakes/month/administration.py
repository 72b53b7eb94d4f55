"""What administrators do in a month: Setup every day, joiners, a new administrator, a rollout."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from collector.demo.people import People, Person
from collector.demo.program_activity import API_CLIENTS, build_program_login
from collector.demo.scenario_day import ScenarioDay
from collector.demo.setup_changes import record_audit_row, simulate_setup_day
from collector.demo.user_activity import build_browser_login

MINUTE = timedelta(minutes=1)
ROLLED_OUT = "Deal Room"


def administer(day: ScenarioDay, people: People) -> None:
    """The Setup changes of an ordinary working day, by administrators who have signed in."""
    for admin in people.admins:
        begin = day.start + timedelta(hours=(9 - admin.office.hours_from_utc) % 24)
        day.record_login(admin, begin, build_browser_login(admin))
    simulate_setup_day(day, people)


def receive_joiner(day: ScenarioDay, people: People, joiner: Person, at: datetime) -> None:
    """A user is made, gets a permission set, and signs in."""
    admin = people.admins[1]
    for action, display in (
        ("createduser", f"Created new user {joiner.name}"),
        ("PermSetAssign", f"Permission set Sales Console: assigned to user {joiner.name}"),
        ("resetpassword", f"Reset password for user {joiner.name}"),
    ):
        record_audit_row(day, at, admin, action=action, section="Manage Users", display=display)
        at += MINUTE
    day.record_login(joiner, at + 30 * MINUTE, build_browser_login(joiner))


def promote(day: ScenarioDay, people: People, person: Person, at: datetime) -> None:
    """Somebody becomes an administrator, as planned."""
    record_audit_row(
        day,
        at,
        people.admins[0],
        action="changedprofileforuserstdtostd",
        section="Manage Users",
        display=f"Changed profile for user {person.name} from Standard User to"
        " System Administrator",
    )


def help_as_user(day: ScenarioDay, people: People, user: Person, at: datetime) -> None:
    """Support looks at something as the user who has reported it."""
    admin = people.admins[2]
    session = day.record_login(admin, at, build_browser_login(admin))
    day.store_event(
        "LoginAsEvent",
        at + MINUTE,
        {
            **session.object_fields,
            "Application": "Browser",
            "Browser": admin.browser.name,
            "DelegatedUsername": user.username,
            "LoginAsCategory": "OrgAdmin",
            "LoginHistoryId": session.history_id,
            "LoginType": "Application",
            "Platform": admin.browser.platform,
            "TargetUrl": "/home/home.jsp",
            "UserType": "Standard",
            "EvaluationTime": 0.0,
        },
    )
    record_audit_row(
        day,
        at + MINUTE,
        admin,
        action="suOrgAdminLogin",
        section=None,
        display=f"Logged in using Login-As access for {user.name}",
    )


def deploy_code(day: ScenarioDay, people: People, at: datetime) -> None:
    """The developer's weekly release."""
    for number in range(4):
        record_audit_row(
            day,
            at + number * MINUTE,
            people.developer,
            action="changedApexClass",
            section="Apex Class",
            display=f"Changed CaseRouting{number} Apex Class code",
        )


def grant_api_access(day: ScenarioDay, people: People, at: datetime) -> None:
    """A permission set gets a permission that an integration needs."""
    record_audit_row(
        day,
        at,
        people.admins[0],
        action="PermSetEnableUserPerm",
        section="Manage Users",
        display="Changed permission set Partner Sync: API Enabled was changed from disabled to"
        " enabled",
    )


def reset_second_factor(day: ScenarioDay, people: People, user: Person, at: datetime) -> None:
    """Somebody has a new phone: the help desk removes the old one and resets the password."""
    for action, display in (
        ("deleteTwoFactorInfo2", f"Time-Based Token removed for {user.username}"),
        ("resetpassword", f"Reset password for user {user.name}"),
    ):
        record_audit_row(
            day, at, people.admins[1], action=action, section="Manage Users", display=display
        )
        at += 2 * MINUTE
    day.record_login(user, at + 9 * MINUTE, build_browser_login(user))


def roll_out_app(day: ScenarioDay, people: People, at: datetime) -> None:
    """An administrator installs a connected app that has been decided on."""
    record_audit_row(
        day,
        at,
        people.admins[0],
        action="insertConnectedApplication",
        section="Connected Apps",
        display=f"Installed Connected App {ROLLED_OUT} to Salesforce",
    )


def adopt_app(day: ScenarioDay, person: Person, at: datetime) -> None:
    """A user allows the new app, as everybody was asked to."""
    kind = replace(
        build_program_login(API_CLIENTS[0]),
        application=ROLLED_OUT,
        sub_type="oauthcode",
        agent=person.browser.agent,
        is_relayed=False,
    )
    day.record_login(person, at, kind)


def upgrade_package(day: ScenarioDay, people: People, at: datetime) -> None:
    """The publisher of an installed package pushes its new version."""
    admin = people.admins[0]
    columns = {
        "USER_ID": admin.id[:15],
        "USER_ID_DERIVED": admin.id,
        "URI": "/_ui/core/mfpackage/install",
        "OPERATION_TYPE": "UPGRADE",
        "IS_SUCCESSFUL": "1",
        "IS_PUSH": "1",
        "IS_MANAGED": "1",
        "IS_RELEASED": "1",
        "PACKAGE_NAME": "Vendor Maps",
    }
    day.event_log.add_event("PackageInstall", at, columns)
