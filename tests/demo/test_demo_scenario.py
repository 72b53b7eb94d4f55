"""The day of the demo: the same every time, complete, inside its bounds, with four attacks."""

from __future__ import annotations

import csv
import io
import ipaddress
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from collector.demo import EmbeddedOrg, build_scenario
from collector.demo.event_log_columns import COLUMNS
from collector.demo.salesforce_ids import extend_record_id
from collector.model import Severity

END = datetime(2026, 10, 1, 14, 37, 11, tzinfo=UTC)
ENDS = [END, *(END.replace(hour=hour, minute=0, second=0) for hour in (0, 9, 19))]
DOCUMENTATION = [
    ipaddress.ip_network(network)
    for network in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]
INSTALLS = re.compile("insert(Connected)?Application|.*package.*", re.IGNORECASE)
TOOLS = re.compile("Salesforce-(Multi-Org-Fetcher|CLI)/", re.IGNORECASE)


DIRECTORY = {
    *("OauthToken", "User", "Profile", "Organization", "UserRole", "UserLicense", "Report"),
    *("PermissionSet", "PermissionSetAssignment"),
    *("ConnectedApplication", "ExternalClientApplication"),
}
"""Objects whose records are no events."""


pytestmark = pytest.mark.xdist_group("day")  # one worker makes it


@pytest.fixture(scope="module")
def world():
    return build_scenario(end=END)


@pytest.fixture(scope="module")
def events(world):
    """Every row of every hourly file, with the type of its file."""
    csv.field_size_limit(10_000_000)
    return [
        (file, row)
        for file in world.files
        if file.sequence
        for row in csv.DictReader(io.StringIO(file.content.decode()), strict=True)
    ]


def of(events, event_type):
    return [row for file, row in events if file.event_type == event_type]


def moment(row):
    text = row["TIMESTAMP"]
    return datetime.strptime(text + "000", "%Y%m%d%H%M%S.%f").replace(tzinfo=UTC)


# ---- the same, and enough


@pytest.mark.slow
def test_the_same_seed_and_end_give_the_same_day(world):
    assert build_scenario(end=END) == world
    assert build_scenario(end=END, seed=8) != world


@pytest.mark.slow
@pytest.mark.parametrize("end", ENDS)
def test_whenever_the_day_ends_it_is_full_and_whole(end):
    """Never fewer than 24,000 ordinary log rows, and all attacks are in published files."""
    world = build_scenario(end=end)
    logged = sum(world.event_counts[name] for name in COLUMNS if name in world.event_counts)

    assert logged - 26 >= 24_000
    assert world.event_counts["PackageInstall"] == 2
    assert world.event_counts["BulkApi2"] == 7
    assert max(file.created for file in world.files) <= end - timedelta(minutes=10)
    assert sum(b"Multi-Org-Fetcher" in file.content for file in world.files if file.sequence) == 1


def test_counts_are_those_of_the_hourly_files_and_the_stored_rows(world, events):
    logged = Counter(file.event_type for file, _ in events)
    stored = {name: len(rows) for name, rows in world.rows.items() if name not in DIRECTORY}

    assert dict(world.event_counts) == {**logged, **stored}


def test_all_types_of_the_day_are_there(world):
    assert set(world.event_counts) == {
        *("API", "ApiTotalUsage", "AuraRequest", "BulkApi2", "ContentTransfer"),
        *("LightningPageView", "Login", "Logout", "PackageInstall", "Report", "RestApi", "URI"),
        *("ApiAnomalyEventStore", "ApiEvent", "BulkApiResultEventStore", "LightningUriEvent"),
        *("ListViewEvent", "LoginEvent", "LoginHistory", "LogoutEvent", "ReportEvent"),
        "SetupAuditTrail",
    }


# ---- bounds and shapes


def test_nothing_happens_outside_the_day(world, events):
    times = [moment(row) for _, row in events]
    times += [
        row.get("EventDate") or row.get("LoginTime") or row["CreatedDate"]
        for name in world.event_counts.keys() - DIRECTORY
        for row in world.rows.get(name, ())
    ]

    assert world.end - world.start == timedelta(hours=24)
    assert min(times) >= world.start
    assert max(times) < world.end


def test_every_event_lies_in_the_hour_of_its_file(events):
    for file, row in events:
        assert file.log_date <= moment(row) < file.log_date + timedelta(hours=1)
        assert file.created > file.log_date + timedelta(hours=4)


def test_every_file_has_its_columns_and_its_length(world):
    csv.field_size_limit(10_000_000)
    for file in world.files:
        reader = csv.reader(io.StringIO(file.content.decode()), strict=True)
        header, *rows = reader
        assert tuple(header) == COLUMNS[file.event_type]
        assert {len(row) for row in rows} == {len(header)}
        assert file.to_row()["LogFileLength"] == len(file.content)


def test_every_address_is_for_documentation(world, events):
    found = {row[key] for _, row in events for key in ("CLIENT_IP", "SOURCE_IP") if row.get(key)}
    found |= {row["SourceIp"] for rows in world.rows.values() for row in rows if "SourceIp" in row}

    for address in found - {"Salesforce.com IP"}:
        ip = ipaddress.ip_address(address)
        assert any(ip in network for network in DOCUMENTATION if network.version == ip.version)


def test_every_user_is_known_and_fictional(world, events):
    users = {row["Id"] for row in world.rows["User"]}
    seen = {extend_record_id(row["USER_ID"]) for _, row in events}
    seen |= {row["UserId"] for rows in world.rows.values() for row in rows if "UserId" in row}

    assert seen <= users
    assert len(users) >= 300
    names = {row["Username"].rpartition("@")[2] for row in world.rows["User"]}
    assert names == {"acme.com", "acme.example.com"}


def test_identifiers_are_unique(world):
    stored = [row for name in world.event_counts for row in world.rows.get(name, ())]
    for key in ("EventIdentifier", "Id"):
        values = [row[key] for row in stored if key in row]
        assert len(set(values)) == len(values)
    assert len({file.id for file in world.files}) == len(world.files)
    assert {len(file.id) for file in world.files} == {18}


# ---- traps


def test_several_files_share_one_created_date(world):
    times = Counter(file.created for file in world.files)

    assert times.most_common(1)[0][1] >= 4


def test_some_hours_have_a_later_supplement(world):
    first = {(f.event_type, f.log_date): f.created for f in world.files if f.sequence == 1}
    supplements = [file for file in world.files if file.sequence == 2]

    assert len(supplements) >= 4
    for file in supplements:
        assert file.created > first[file.event_type, file.log_date]
        assert not file.content.endswith(b"\n")


def test_daily_files_repeat_what_the_hourly_ones_said(world):
    daily = [file for file in world.files if not file.sequence]

    assert sorted(file.event_type for file in daily) == ["ApiTotalUsage", "Login", "Logout"]
    for file in daily:
        hourly = Counter(
            line
            for other in world.files
            if other.sequence
            and other.event_type == file.event_type
            and other.log_date.date() == file.log_date.date()
            for line in csv.reader(io.StringIO(other.content.decode()))
            for line in [tuple(line)]
            if line[0] != "EVENT_TYPE"
        )
        own = Counter(map(tuple, csv.reader(io.StringIO(file.content.decode()))))
        del own[COLUMNS[file.event_type]]
        assert own == hourly


def test_the_rows_have_the_traps_of_real_ones(world, events):
    aura = of(events, "AuraRequest")
    rest = of(events, "RestApi")

    assert any(row["TIMESTAMP_DERIVED"] == "" for row in aura)
    assert any(row["USER_AGENT"].isdigit() for row in aura)
    assert any(row["USER_TYPE"] == "Guest" and not row["SESSION_KEY"] for row in aura)
    assert {row["USER_AGENT"] for row in rest} == {"9999"}
    assert any("\n" in row["QUERY"] and '"' in row["QUERY"] for row in rest)
    assert any(row["CLIENT_IP"] == "Salesforce.com IP" for row in of(events, "Login"))
    assert any(len(row["EXCEPTION_MESSAGE"]) > 131_072 for row in of(events, "API"))
    audit = world.rows["SetupAuditTrail"]
    assert any(row["CreatedById"] is None for row in audit)
    assert any(row["Section"] is None for row in audit)
    assert any(row["DelegateUser"] for row in audit)
    assert Counter(row["CreatedDate"] for row in audit).most_common(1)[0][1] > 1


# ---- attacks


def test_these_are_the_alerts_that_the_day_owes(world):
    assert Counter((one.rule, one.severity) for one in world.expected_alerts) == {
        ("cli-activity", Severity.CRITICAL): 1,
        ("cli-activity", Severity.HIGH): 1,
        ("package-or-app-installed", Severity.HIGH): 1,
        ("package-or-app-installed", Severity.LOW): 1,
        ("api-anomaly", Severity.CRITICAL): 1,
        ("bulk-api-job", Severity.CRITICAL): 1,
        ("bulk-api-job", Severity.LOW): 3,
        ("app-name-lure", Severity.HIGH): 1,
        ("data-theft-chain", Severity.CRITICAL): 1,
        ("soql-count-recon", Severity.LOW): 1,
        ("user-agent-ioc", Severity.INFORMATIONAL): 1,
        ("setup-while-logged-in-as", Severity.LOW): 1,
        ("login-inactive-user", Severity.INFORMATIONAL): 1,
    }
    assert all(one.story.endswith(".") for one in world.expected_alerts)


def test_the_two_tools_are_seen_once_each(world, events):
    logged = [
        (file.event_type, column)
        for file, row in events
        for column, value in row.items()
        if TOOLS.match(value)
    ]
    stored = [
        (name, field, value)
        for name, rows in world.rows.items()
        for row in rows
        for field, value in row.items()
        if isinstance(value, str) and TOOLS.match(value)
    ]

    assert logged == [("Login", "BROWSER_TYPE")]
    assert stored == [("ApiEvent", "UserAgent", "Salesforce-CLI/1.0")]


def test_one_package_and_one_app_are_installed(world, events):
    installed = [row for row in of(events, "PackageInstall") if row["IS_SUCCESSFUL"] == "1"]
    audited = [row for row in world.rows["SetupAuditTrail"] if INSTALLS.fullmatch(row["Action"])]

    assert [(row["OPERATION_TYPE"], row["IS_MANAGED"]) for row in installed] == [("INSTALL", "0")]
    assert [(row["Action"], row["Display"]) for row in audited] == [
        (
            "insertConnectedApplication",
            "Installed Connected App My Ticket Portal to Salesforce",
        )
    ]


def test_one_job_grows_to_the_theft_and_two_are_ordinary(world, events):
    jobs = {}
    for row in of(events, "BulkApi2"):
        progress = jobs.setdefault(row["JOB_ID"], [])
        progress.append((row["OPERATION_TYPE"], row["ENTITY_TYPE"], int(row["RECORDS_PROCESSED"])))

    assert sorted(max(progress) for progress in jobs.values()) == [
        ("query", "Contact", 187_342),
        ("upsert", "CampaignMember", 620),
        ("upsert", "Lead", 4180),
    ]
    assert {extend_record_id(job_id) for job_id in jobs} == {job.id for job in world.jobs}


def test_the_download_belongs_to_the_session_of_the_theft(world, events):
    (download,) = world.rows["BulkApiResultEventStore"]
    (stolen,) = (job for job in world.jobs if job.operation == "query")
    rows = [row for row in of(events, "BulkApi2") if row["OPERATION_TYPE"] == "query"]

    assert {row["SESSION_KEY"] for row in rows} == {download["SessionKey"]}
    assert {row["USER_ID_DERIVED"] for row in rows} == {download["UserId"], stolen.created_by}
    assert stolen.finished <= download["EventDate"].replace(microsecond=0) <= stolen.deleted


def test_the_anomaly_has_salesforces_shape(world):
    (anomaly,) = world.rows["ApiAnomalyEventStore"]

    features = json.loads(anomaly["SecurityEventData"])

    assert anomaly["Score"] == 0.958
    assert {frozenset(feature) for feature in features} == {
        frozenset({"featureName", "featureValue", "featureContribution"})
    }


# ---- served


def test_the_org_serves_the_whole_day(world, connect):
    client = connect(world.build_store(), clock=lambda: END)

    files = client.query_records(
        "SELECT Id, EventType, LogFile, LogFileLength FROM EventLogFile WHERE Interval = 'Hourly'"
    )
    sizes = [len(client.http.get(file["LogFile"]).content) for file in files]

    assert len(files) == sum(1 for file in world.files if file.sequence)
    assert sizes == [file["LogFileLength"] for file in files]
    for name in world.event_counts:
        if name in world.rows and name not in COLUMNS:
            path = f"SELECT FIELDS(STANDARD) FROM {name}"
            assert client.send_query(path).json()["totalSize"] == world.event_counts[name]


def test_an_org_may_live_through_the_day(world):
    """With a clock before its end, the rest of the day has not happened yet."""
    half = END - timedelta(hours=12)
    store = world.build_store()

    early = store.list_rows("LoginEvent", half)

    assert 0 < len(early) < world.event_counts["LoginEvent"]
    assert all(row["CreatedDate"] <= half for row in early)


def test_the_package_exports_what_the_commands_need():
    assert EmbeddedOrg.__module__ == "collector.demo.server"
