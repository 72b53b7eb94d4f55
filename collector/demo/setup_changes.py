"""What administrators change in Setup on an ordinary day."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from collector.demo.people import People, Person
from collector.demo.scenario_day import ScenarioDay

_USER_CHANGES = (
    ("createduser", "Created new user {name}"),
    ("resetpassword", "Reset password for user {name}"),
    ("unlockeduser", "Unlocked user {username} (UserID: [{id}])"),
    ("PermSetAssign", "Permission set Sales Console: assigned to user {name} (UserID: [{id}])"),
    ("PermSetUnassign", "Permission set Trial: unassigned from user {name} (UserID: [{id}])"),
    ("changedroleforuser", "Changed role for user {name} from Sales Rep to Sales Lead"),
    ("insertAuthenticatorPairing", "Salesforce Authenticator pairing added for {username}"),
    ("deactivateduser", "Deactivated user {name} (UserID: [{id}])"),
    ("groupMembership", "Added user {name} to group Field Sales"),
)
_OTHER_CHANGES = (
    ("createdrole", "Manage Users", "Created role Partner Success"),
    (
        "PermSetFlsChanged",
        "Manage Users",
        "Changed permission set Sales Console: field Opportunity.Margin from No Access to Read",
    ),
    ("queueMembership", "Manage Users", "Added group EMEA Support to queue Escalations"),
    ("remoteproxy", "Security Controls", "Created Remote Site Maps for https://maps.example.com"),
)
CHANGE_COUNT = 44


def simulate_setup_day(day: ScenarioDay, people: People) -> None:
    """Ordinary rows of SetupAuditTrail, some of them in the same second."""
    at = day.start
    step = (day.end - day.start) / (CHANGE_COUNT + 1)
    for number in range(CHANGE_COUNT):
        at += step
        if number % 5 == 4:
            at -= step
        admin = people.admins[number % len(people.admins)]
        if number % 4 == 3:
            action, section, display = _OTHER_CHANGES[number // 4 % len(_OTHER_CHANGES)]
            record_audit_row(day, at, admin, action=action, section=section, display=display)
        else:
            _record_user_change(
                day, at, admin, people.staff[int(day.rng.random() * len(people.staff))]
            )
    _record_oddities(day, people)


def _record_user_change(day: ScenarioDay, at: datetime, admin: Person, user: Person) -> None:
    action, template = _USER_CHANGES[int(day.rng.random() * len(_USER_CHANGES))]
    display = template.format(name=user.name, username=user.username, id=user.id[:15])
    record_audit_row(day, at, admin, action=action, section="Manage Users", display=display)


def _record_oddities(day: ScenarioDay, people: People) -> None:
    """A row without an author, one without a section, and one done while logged in as another."""
    noon = day.start + (day.end - day.start) / 2
    record_audit_row(
        day,
        noon,
        None,
        action="owdUpdateFinished",
        section="Sharing Defaults",
        display="Finished updating the organization-wide defaults",
    )
    record_audit_row(
        day,
        noon,
        people.admins[0],
        action="verifyOnEmailChangeOffOn",
        section=None,
        display="Organization setup action: verifyOnEmailChangeOffOn has changed.",
    )
    record_audit_row(
        day,
        noon + timedelta(minutes=3),
        people.staff[0],
        action="changedUserPhoneNumber",
        section="Manage Users",
        display=f"For user {people.staff[0].username}, the mobile phone number was changed"
        " from +49 1510000001 to +49 1510000002",
        delegate=people.admins[1].username,
    )


def record_audit_row(
    day: ScenarioDay,
    at: datetime,
    author: Person | None,
    *,
    action: str,
    section: str | None,
    display: str,
    delegate: str | None = None,
) -> None:
    """One row of the audit trail, to the second."""
    at = at.replace(microsecond=0)
    row: dict[str, Any] = {
        "Id": day.ids.make_record_id("0Ym"),
        "Action": action,
        "Section": section,
        "Display": display,
        "CreatedDate": at,
        "SystemModstamp": at,
        "CreatedById": author.id if author else None,
        "DelegateUser": delegate,
    }
    day.store_record("SetupAuditTrail", at, row)
