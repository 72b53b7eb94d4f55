"""The thefts of 2024 to 2026, each as a script of some hours against a user of its own.

What is known of them: the posts of Google's Threat Intelligence Group on UNC6040 and UNC6395,
Cloudflare's and Datadog's timelines of Drift and Klue, Salesforce's notices on Gainsight and on
guest users of sites, Microsoft's post of 13 July 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collector.demo.org_store import BulkJob
from collector.demo.people import Office, People
from collector.demo.report_activity import Report
from collector.demo.scenario_day import LoginKind, ScenarioDay
from collector.demo.setup_changes import record_audit_row
from collector.demo.user_activity import build_browser_login
from fakes.month import staff
from fakes.month.intruder import Intruder, StolenApp

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
VPN_IP, TOR_IP, DRIFT_IP = "198.51.100.201", "185.220.101.33", "208.68.36.90"
GAINSIGHT_IP, KLUE_IP, SCANNER_IP = "3.239.45.43", "138.226.246.94", "103.75.11.78"

BUCHAREST = Office(
    city="Bucharest",
    country="Romania",
    iso="RO",
    subdivision="Bucharest",
    hours_from_utc=2,
    network="198.18.66",
    latitude=44.43,
    longitude=26.1,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The org's day on which it happens, and whom it can happen to."""

    day: ScenarioDay
    people: People
    reports: tuple[Report, ...]


def steal_by_lookalike_app(target: Target, at: datetime) -> list[BulkJob]:
    """UNC6040: a caller talks a user into allowing a renamed Data Loader, which exports at once."""
    app = StolenApp(
        name="My Ticket Portal",
        id="0H4000000000U01",
        agent="Jakarta Commons-HttpClient/3.1",
        sub_type="oauthtoken",
    )
    victim = target.people.staff[2]
    thief = Intruder(day=target.day, app=app, person=victim, ip=VPN_IP, begin=at)
    for number, records in enumerate((100, 1_000, 38_000, 41_000, 62_000)):
        thief.extract(at + (6 + 7 * number) * MINUTE, "Contact", records)
    return thief.jobs


def steal_by_vendor_token(target: Target, at: datetime) -> list[BulkJob]:
    """UNC6395: a chat vendor's token; recon, counts, users, cases, a bulk job that is deleted."""
    widget = target.people.programs["chat.widget"]
    app = StolenApp(name="Chat Widget", id="0H4000000000C01", agent="Python/3.11 aiohttp/3.12.15")
    day = target.day
    scout = Intruder(day=day, app=app, person=widget, ip=TOR_IP, begin=at)
    for number, resource in enumerate(("sobjects", "sobjects/Case/describe", "limits")):
        scout.call(at + (number + 1) * 20 * SECOND, resource)
    for number, entity in enumerate(("Account", "Contact", "User", "Case", "Opportunity")):
        soql = f"SELECT COUNT() FROM {entity}"
        scout.query(at + 2 * MINUTE + 9 * number * SECOND, soql, entity=entity, rows=1)
    users = "SELECT Id, Username, Email, Name FROM User WHERE IsActive = true ORDER BY"
    users += " LastLoginDate DESC NULLS LAST LIMIT 20"
    scout.query(at + 6 * MINUTE, users, entity="User", rows=20)
    cases = "SELECT Id, Subject, Description FROM Case LIMIT 10000"
    scout.query(at + 9 * MINUTE, cases, entity="Case", rows=10_000)
    tool = replace(app, agent="Salesforce-Multi-Org-Fetcher/1.0")
    thief = Intruder(day=day, app=tool, person=widget, ip=DRIFT_IP, begin=at + 60 * MINUTE)
    thief.extract(at + 62 * MINUTE, "Case", 214_000, deleted_after=24 * SECOND)
    return thief.jobs


def steal_from_vendor_network(target: Target, at: datetime) -> list[BulkJob]:
    """Gainsight: the vendor's app from addresses that are not the vendor's."""
    app = StolenApp(name="Gainsight CS", id="0H4000000000G01", agent="python-requests/2.32.3")
    victim = target.people.programs["marketing.sync"]
    thief = Intruder(day=target.day, app=app, person=victim, ip=GAINSIGHT_IP, begin=at)
    for number, entity in enumerate(("Account", "Contact", "Case")):
        soql = f"SELECT Id, Name FROM {entity}"
        thief.query(at + (number + 1) * MINUTE, soql, entity=entity, rows=1_800)
    return []


def steal_by_paging(target: Target, at: datetime) -> list[BulkJob]:
    """Klue: all standard fields of ten objects, page by page."""
    app = StolenApp(name="Klue Battlecards", id="0H4000000000K01", agent="Python-urllib/3.12")
    victim = target.people.programs["telephony"]
    thief = Intruder(day=target.day, app=app, person=victim, ip=KLUE_IP, begin=at)
    for number, entity in enumerate(("Opportunity", "Case", "Task", "Lead", "Contact", "Account")):
        begin = at + (1 + 6 * number) * MINUTE
        soql = f"SELECT FIELDS(STANDARD) FROM {entity}"
        thief.query(begin, soql, entity=entity, rows=2_000)
        for page in range(60):
            thief.query(
                begin + (page + 1) * 4 * SECOND,
                soql,
                entity=entity,
                rows=2_000,
                operation="QueryMore",
            )
    return []


def enumerate_as_guest(target: Target, at: datetime) -> list[BulkJob]:
    """Guest Aura: a scanner lists what the site's guest may read, and takes it by GraphQL."""
    guest = target.people.guest
    actions = (
        "aura://HostConfigController/ACTION$getConfigData",
        "aura://RecordUiController/ACTION$getObjectInfo",
        (
            "serviceComponent://ui.force.components.controllers.lists.selectableListDataProvider."
            "SelectableListDataProviderController/ACTION$getItems"
        ),
        "aura://RecordUiController/ACTION$executeGraphQL",
    )
    for number in range(420):
        visit = {
            "USER_ID": guest.id[:15],
            "USER_ID_DERIVED": guest.id,
            "USER_TYPE": "Guest",
            "CLIENT_IP": SCANNER_IP,
            "URI": "/s/sfsites/aura",
            "ACTION_MESSAGE": actions[min(3, number // 60)],
            "REQUEST_METHOD": "POST",
            "USER_AGENT": "Anthropic/RapeForceV2.01.39",
        }
        target.day.event_log.add_event("AuraRequest", at + number * SECOND / 2, visit)
    return []


def export_as_insider(target: Target, at: datetime) -> list[BulkJob]:
    """Somebody who leaves exports the pipeline and all contacts, report by report."""
    insider = target.people.staff[3]
    session = target.day.record_login(insider, at, build_browser_login(insider))
    for number, report in enumerate(target.reports):
        large = replace(report, rows=report.rows * 12)
        staff.export_report(target.day, session, at + (number + 1) * 2 * MINUTE, large)
    for number in range(6):
        own = replace(
            target.reports[0],
            id=target.day.ids.make_record_id("00O"),
            name=f"Everything {number}",
            rows=22_000,
        )
        staff.export_report(target.day, session, at + (20 + 2 * number) * MINUTE, own)
    return []


def take_over_by_setup(target: Target, at: datetime) -> list[BulkJob]:
    """An administrator's session resets an account, makes it an administrator, and goes blind."""
    admin, victim = target.people.admins[1], target.people.staff[4]
    for number, (action, section, display) in enumerate(
        (
            (
                "changedemail",
                "Manage Users",
                (
                    f"Changed email for user {victim.name} (UserID: [{victim.id[:15]}])"
                    f" from {victim.username} to helper@example.net"
                ),
            ),
            (
                "deleteTwoFactorInfo2",
                "Manage Users",
                f"Time-Based Token removed for {victim.username}",
            ),
            ("resetpassword", "Manage Users", f"Reset password for user {victim.name}"),
            (
                "changedprofileforuserstdtostd",
                "Manage Users",
                (
                    f"Changed profile for user"
                    f" {victim.name} from Standard User to System Administrator"
                ),
            ),
            (
                "PermSetEnableUserPerm",
                "Manage Users",
                (
                    "Changed permission set Sales Console:"
                    " Modify All Data permission was changed from disabled to enabled"
                ),
            ),
            (
                "adminApprovedAppsOnlyOnOff",
                "Connected Apps",
                "Organization setup action: adminApprovedAppsOnlyOnOff has changed.",
            ),
            (
                "eventLogGenerationEnabledOnOff",
                "Event Log Files",
                "Organization setup action: eventLogGenerationEnabledOnOff has changed.",
            ),
        )
    ):
        record_audit_row(
            target.day,
            at + number * 3 * MINUTE,
            admin,
            action=action,
            section=section,
            display=display,
        )
    return []


def enter_by_phished_sso(target: Target, at: datetime) -> list[BulkJob]:
    """SSO vishing: an ordinary SSO login from a new country and device, then exports."""
    victim = replace(target.people.staff[6], office=BUCHAREST, ip=f"{BUCHAREST.network}.7")
    kind = LoginKind(
        type="8",
        sub_type="",
        application="Browser",
        uri="/services/auth/sso",
        agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        browser="Firefox 140",
        platform="Linux",
    )
    session = target.day.record_login(victim, at, kind)
    for number, report in enumerate(target.reports[:5]):
        large = replace(report, rows=report.rows * 4)
        staff.export_report(target.day, session, at + (4 + number) * MINUTE, large)
    return []


def leak_by_agent(target: Target, at: datetime) -> list[BulkJob]:
    """ForcedLeak: an agent is told by a record to read what nobody asked it for."""
    victim = target.people.programs["erp.connector"]
    app = StolenApp(name="Agentforce", id="0H4000000000F01", agent="SalesforceAgent/1.0")
    agent = Intruder(day=target.day, app=app, person=victim, ip=victim.ip, begin=at)
    fields = {
        "ApiType": "REST",
        "ApiVersion": 64.0,
        "Application": app.name,
        "ConnectedAppId": app.id,
        "Operation": "Query",
        "QueriedEntities": "Lead,Contact",
        "Query": "SELECT Id, Email, Phone FROM Contact LIMIT 200",
        "RequestIdentifier": target.day.ids.make_request_id(),
        "RowsProcessed": 200.0,
        "RowsReturned": 200.0,
        "UserAgent": app.agent,
        "BotId": "0XxXx0000000001KAA",
        "PlannerId": "16jXx0000000001IAA",
        "EvaluationTime": 0.0,
    }
    target.day.store_event("ApiEvent", at + MINUTE, {**agent.session.object_fields, **fields})
    return []


CAMPAIGNS: Mapping[str, Callable[[Target, datetime], list[BulkJob]]] = {
    "UNC6040, look-alike app": steal_by_lookalike_app,
    "UNC6395, Drift": steal_by_vendor_token,
    "Gainsight": steal_from_vendor_network,
    "Klue": steal_by_paging,
    "guest Aura": enumerate_as_guest,
    "insider": export_as_insider,
    "takeover through Setup": take_over_by_setup,
    "SSO vishing": enter_by_phished_sso,
    "ForcedLeak": leak_by_agent,
}
