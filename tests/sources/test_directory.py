"""The directory is read as it changes, costs what changed, and says what it cannot know."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from collector.demo import EmbeddedOrg, InjectedFault, OrgBehaviour, OrgStore
from collector.demo.oauth import INTEGRATION_USER_ID
from collector.errors import NotAvailableError
from collector.model import Stream
from collector.sources import directory_permissions, directory_reading, directory_users
from collector.sources.directory_columns import ColumnChoice, EntryColumn
from collector.store import directory_entries
from fakes.polling_bench import DAY, HOUR, MINUTE, open_polling_bench

NOW = datetime.now(UTC).replace(microsecond=0)
LONG_AGO = NOW - 100 * DAY
STANDARD, ADMIN = "00e000000000001AAA", "00e000000000002AAA"
STANDARD_SET, ADMIN_SET, EXPORT_SET = (f"0PS00000000000{number}AAA" for number in (1, 2, 3))
ADA, BOB, SITE = (f"00500000000000{number}AAA" for number in (1, 2, 3))
LOADER = "0H4000000000001AAA"


def stamped(record_id, at=LONG_AGO, **values):
    return {"Id": record_id, "CreatedDate": LONG_AGO, "SystemModstamp": at, **values}


def user(record_id, name, at=LONG_AGO, **values):
    given = {"IsActive": True, "UserType": "Standard", "ProfileId": STANDARD, **values}
    username = f"{name.lower()}@acme.com"
    return stamped(record_id, at, Name=name, Username=username, Email=username, **given)


def assignment(number, assignee, permission_set, at=LONG_AGO, **values):
    return {
        "Id": f"0Pa{number:012}AAA",
        "AssigneeId": assignee,
        "PermissionSetId": permission_set,
        "SystemModstamp": at,
        "IsActive": True,
        **values,
    }


def permission_set(record_id, name, at=LONG_AGO, profile=None, **permissions):
    granted = {f"Permissions{key}": value for key, value in permissions.items()}
    return stamped(
        record_id, at, Name=name, IsOwnedByProfile=profile is not None, ProfileId=profile, **granted
    )


def build_store():
    store = OrgStore()
    store.add_rows("UserLicense", stamped("100000000000001AAA", Name="Salesforce"))
    for profile, name in ((STANDARD, "Standard User"), (ADMIN, "System Administrator")):
        row = stamped(profile, Name=name, UserLicenseId="100000000000001AAA")
        store.add_rows("Profile", row)
    store.add_rows("UserRole", stamped("00E000000000001AAA", Name="Sales"))
    store.add_rows(
        "PermissionSet",
        permission_set(STANDARD_SET, "X1", profile=STANDARD, ApiEnabled=True),
        permission_set(ADMIN_SET, "X2", profile=ADMIN, ModifyAllData=True, ManageUsers=True),
        permission_set(EXPORT_SET, "Export", ViewAllData=True),
    )
    store.add_rows(
        "User",
        user(ADA, "Ada", UserRoleId="00E000000000001AAA", ManagerId=BOB),
        user(BOB, "Bob", ProfileId=ADMIN),
        user(SITE, "Site", UserType="Guest"),
        user("005000000000009AAA", "Shopper", UserType="CspLitePortal"),
    )
    store.add_rows(
        "PermissionSetAssignment",
        assignment(1, ADA, STANDARD_SET),
        assignment(2, BOB, ADMIN_SET),
        assignment(3, SITE, STANDARD_SET),
        assignment(9, "005000000000009AAA", STANDARD_SET),
    )
    store.add_rows("ConnectedApplication", stamped(LOADER, Name="Data Loader"))
    store.add_rows("ExternalClientApplication", stamped("0xI000000000001AAA", MasterLabel="CRM"))
    return store


def replace_row(store, name, record_id, row):
    store.remove_rows(name, lambda each: each["Id"] == record_id)
    store.add_rows(name, row)


class DirectoryBench:
    """The one source on a state, its org, and what it has stored."""

    def __init__(self, bench, store):
        self.bench, self.store = bench, store

    def poll(self):
        """Poll all streams; how many calls that took."""
        before = self.bench.org.api_calls
        self.results = self.bench.poll_sources()
        return self.bench.org.api_calls - before

    def poll_later(self, age=HOUR):
        """Poll as if the last poll had been that long ago."""
        for name in ("User", "Report"):
            if cursor := self.bench.read_cursor("directory", name):
                self.bench.set_cursor("directory", name, cursor.time - age)
        return self.poll()

    def current(self, kind):
        with self.bench.poller._database.read() as connection:
            found = directory_entries.read_current_versions(connection, "acme", kind)
        return {entry_id: dict(version.values) for entry_id, version in found.items()}

    def versions(self, kind, entry_id):
        with self.bench.poller._database.read() as connection:
            found = list(directory_entries.list_versions(connection, [kind], org="acme"))
        return [version for version in found if version.id == entry_id]


@contextmanager
def open_directory(folder, store, settings=None, **behaviour):
    with (
        EmbeddedOrg(store, behaviour=OrgBehaviour(**behaviour)) as org,
        open_polling_bench(folder, org, {"directory": settings or {}}) as bench,
    ):
        yield DirectoryBench(bench, store)


@pytest.fixture
def directory(tmp_path):
    with open_directory(tmp_path, build_store()) as opened:
        opened.poll()
        yield opened


def expire_pass(directory, name):
    """Let the last pass of a stream be more than a day ago."""
    from collector.store.tables import tracked_objects

    with directory.bench.poller._database.begin() as connection:
        state = {"finished": (NOW - 2 * DAY).isoformat(), "after": "", "wanted": False}
        connection.execute(
            tracked_objects.update().where(tracked_objects.c.id == name).values(state=state)
        )


# ---- what there is


def test_a_user_is_known_with_profile_role_manager_licence_and_permissions(directory):
    users = directory.current("user")

    assert {ADA, BOB, SITE} == set(users)
    assert {
        "name": "Ada",
        "username": "ada@acme.com",
        "email": "ada@acme.com",
        "profile": "Standard User",
        "role": "Sales",
        "manager_id": BOB,
        "manager": "Bob",
        "is_active": True,
        "user_type": "Standard",
        "license": "Salesforce",
        "created": LONG_AGO.isoformat(),
        "permission_sets": [],
        "high_risk_permissions": [],
        "is_api_only": False,
        "is_admin": False,
        "is_integration": False,
    } == users[ADA]
    assert (True, ["ManageUsers", "ModifyAllData"]) == (
        users[BOB]["is_admin"],
        users[BOB]["high_risk_permissions"],
    )
    assert "Guest" == users[SITE]["user_type"]


@pytest.mark.slow
def test_apps_of_both_kinds_and_objects_are_known_by_name(directory):
    apps = {
        entry_id: (app["name"], app["kind"]) for entry_id, app in directory.current("app").items()
    }

    assert {
        LOADER: ("Data Loader", "connected"),
        "0xI000000000001AAA": ("CRM", "external client"),
    } == apps
    assert {"label": "User Role", "key_prefix": "00E", "is_custom": False} == (
        directory.current("object")["UserRole"]
    )


@pytest.mark.slow
def test_nothing_of_it_becomes_an_event(directory):
    assert [] == directory.bench.list_stored_values()
    assert {"ok"} == {result.state for result in directory.results.values()}


# ---- what changes


@pytest.mark.slow
def test_when_nothing_changed_users_take_one_call_and_nothing_is_written(directory):
    # One call for changes of users, one for each kind of apps, one for reports.
    assert 4 == directory.poll_later()
    assert all(1 == len(directory.versions("user", each)) for each in (ADA, BOB, SITE))


@pytest.mark.slow
def test_a_changed_user_has_a_version_from_when_the_record_says(directory):
    at = NOW - 30 * MINUTE
    replace_row(directory.store, "User", ADA, user(ADA, "Ada", at, ProfileId=ADMIN))
    directory.poll_later()

    first, second = directory.versions("user", ADA)
    assert ("Standard User", LONG_AGO) == (first.values["profile"], first.valid_from)
    assert ("System Administrator", at) == (second.values["profile"], second.valid_from)
    assert "role" not in second.values


@pytest.mark.slow
@pytest.mark.parametrize("changed", ["assigned", "redefined"])
def test_a_new_permission_is_noticed_at_once_whichever_way_it_came(directory, changed):
    at = NOW - 20 * MINUTE
    if changed == "assigned":
        directory.store.add_rows("PermissionSetAssignment", assignment(4, ADA, ADMIN_SET, at))
    else:
        row = permission_set(STANDARD_SET, "X1", at, profile=STANDARD, ModifyAllData=True)
        replace_row(directory.store, "PermissionSet", STANDARD_SET, row)
    directory.poll_later()

    before, after = directory.versions("user", ADA)
    assert (False, True, at) == (
        before.values["is_admin"],
        after.values["is_admin"],
        after.valid_from,
    )


@pytest.mark.slow
def test_a_withdrawn_permission_is_noticed_by_the_daily_reading(directory):
    at = NOW - 20 * MINUTE
    directory.store.add_rows("PermissionSetAssignment", assignment(4, ADA, EXPORT_SET, at))
    directory.poll_later()
    directory.store.remove_rows("PermissionSetAssignment", lambda row: row["AssigneeId"] == ADA)
    directory.store.add_rows("PermissionSetAssignment", assignment(5, ADA, STANDARD_SET))
    directory.poll()
    assert ["Export"] == directory.current("user")[ADA]["permission_sets"]

    expire_pass(directory, "User")
    began = datetime.now(UTC) - MINUTE
    directory.poll()

    *_, granted, withdrawn = directory.versions("user", ADA)
    assert (["Export"], []) == tuple(
        version.values["permission_sets"] for version in (granted, withdrawn)
    )
    assert at == granted.valid_from < began <= withdrawn.valid_from


@pytest.mark.slow
def test_an_expired_assignment_grants_nothing(tmp_path):
    store = build_store()
    store.add_rows("PermissionSetAssignment", assignment(4, ADA, ADMIN_SET, IsActive=False))
    with open_directory(tmp_path, store) as directory:
        directory.poll()
        assert directory.current("user")[ADA]["is_admin"] is False


@pytest.mark.slow
def test_a_deleted_app_is_said_to_be_deleted_and_keeps_its_name(directory):
    directory.store.remove_rows("ConnectedApplication", lambda _: True)
    directory.store.add_rows("ConnectedApplication", stamped("0H4000000000002AAA", Name="Other"))
    directory.poll()

    apps = directory.current("app")
    assert ("Data Loader", True) == (apps[LOADER]["name"], apps[LOADER].get("is_deleted"))
    assert {"Other", "CRM"} == {app["name"] for app in apps.values() if "is_deleted" not in app}


@pytest.mark.slow
def test_an_org_that_shows_nothing_any_more_has_deleted_nothing(directory):
    directory.store.remove_rows("ConnectedApplication", lambda _: True)
    directory.poll()

    assert "is_deleted" not in directory.current("app")[LOADER]


# ---- large orgs


@pytest.fixture
def small_spans(monkeypatch):
    for module in (directory_reading, directory_users):
        monkeypatch.setattr(module, "MAX_CHANGED", 3)
    from collector.sources import directory_records

    monkeypatch.setattr(directory_records, "SPAN_SIZE", 2)
    monkeypatch.setattr(directory_records, "MAX_CHANGED", 3)


@pytest.mark.slow
def test_a_pass_goes_on_where_it_was_left_and_repeats_nothing(tmp_path, small_spans):
    store = build_store()
    store.add_rows("User", *(user(f"0050000000001{n:02}AAA", f"U{n}") for n in range(9)))
    with open_directory(tmp_path, store, {"apps": False, "reports": False}) as directory:
        fault = InjectedFault(address_pattern="U03|0102AAA", times=1, status=500, body=[])
        directory.bench.org.inject_faults(*[fault] * 3)
        directory.poll()
        known = set(directory.current("user"))
        assert "failed" == directory.results["User"].state
        assert 0 < len(known) < 12
        directory.bench.org.clear_faults()
        directory.poll()

        assert 12 == len(directory.current("user"))
        assert all(1 == len(directory.versions("user", each)) for each in known)


@pytest.mark.slow
def test_more_changes_than_are_worth_asking_for_make_a_pass(tmp_path, small_spans):
    store = build_store()
    rows = [f"0050000000001{n:02}AAA" for n in range(9)]
    store.add_rows("User", *(user(each, "Old") for each in rows))
    with open_directory(tmp_path, store, {"apps": False, "reports": False}) as directory:
        directory.poll()
        at = NOW - 20 * MINUTE
        for each in rows:
            replace_row(store, "User", each, user(each, "New", at))
        directory.poll_later()

        assert {"New"} == {directory.current("user")[each]["name"] for each in rows}
        assert {at} == {directory.versions("user", each)[-1].valid_from for each in rows}


# ---- what an org keeps from us


def test_hidden_permissions_are_unknown_and_never_false(tmp_path):
    missing = frozenset({"PermissionSetAssignment", "UserRole"})
    with open_directory(tmp_path, build_store(), missing=missing) as directory:
        directory.poll()
        values = directory.current("user")[BOB]

        assert "ok" == directory.results["User"].state
        assert "System Administrator" == values["profile"]
        assert {"is_admin", "permission_sets", "is_api_only", "is_integration", "role"}.isdisjoint(
            values
        )


@pytest.mark.slow
def test_a_field_that_a_query_is_refused_for_costs_itself_alone(tmp_path):
    refusal = [
        {
            "errorCode": "INVALID_FIELD",
            "message": "No such column 'Email' on entity 'User'. If you are attempting",
        }
    ]
    with open_directory(tmp_path, build_store()) as directory:
        directory.bench.org.inject_faults(
            InjectedFault(address_pattern="Email", times=None, status=400, body=refusal)
        )
        directory.poll()

        assert "ok" == directory.results["User"].state
        assert {"Ada", "Bob", "Site"} == {
            values["name"] for values in directory.current("user").values()
        }
        assert all("email" not in values for values in directory.current("user").values())


@pytest.mark.slow
def test_permissions_whose_query_is_refused_cost_themselves_alone(tmp_path):
    refusal = [{"errorCode": "INSUFFICIENT_ACCESS", "message": "insufficient access rights"}]
    with open_directory(tmp_path, build_store()) as directory:
        fault = InjectedFault(
            address_pattern="PermissionSetAssignment", times=None, status=403, body=refusal
        )
        directory.bench.org.inject_faults(fault)
        directory.poll()
        directory.poll_later()

        assert "ok" == directory.results["User"].state
        assert "System Administrator" == directory.current("user")[BOB]["profile"]
        assert "is_admin" not in directory.current("user")[BOB]


@pytest.mark.parametrize(
    ("message", "left"),
    [
        ("No such column 'Name' on entity 'User'", {"Email", "UserRole.Name"}),
        ("No such column 'Name' on entity 'UserRole'", {"Email", "Name", "Manager.Name"}),
        ("Didn't understand relationship 'Manager' in field", {"Email", "Name", "UserRole.Name"}),
        ("something else 'Email'", {"Email", "Name", "UserRole.Name", "Manager.Name"}),
    ],
)
def test_a_refusal_costs_what_it_names(message, left):
    paths = ("Email", "Name", "UserRole.Name", "Manager.Name")
    choice = ColumnChoice("User", [EntryColumn(key=path, path=path) for path in paths])

    assert (len(left) < len(paths)) is choice.refuse_named(NotAvailableError(message, code="x"))
    assert choice.refuse_named(NotAvailableError(message, code="x")) is False
    assert left == set(paths) - choice._refused


@pytest.mark.slow
def test_what_is_missing_is_said_once_and_the_rest_goes_on(tmp_path):
    missing = frozenset({"ExternalClientApplication", "Report"})
    with open_directory(tmp_path, build_store(), missing=missing) as directory:
        directory.poll()

        assert "unavailable" == directory.results["Report"].state
        assert "'View Setup and Configuration'" in directory.results["Report"].reason
        assert {LOADER} == set(directory.current("app"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ((), "readable, 4 of them"),
        (
            ("UserRole", "PermissionSetAssignment"),
            "kept from us: role (needs 'View Roles and Role Hierarchy'), permission_sets and",
        ),
    ],
    ids=["all", "some"],
)
def test_the_check_counts_and_says_what_is_kept_from_us(tmp_path, missing, words):
    with open_directory(tmp_path, build_store(), missing=frozenset(missing)) as directory:
        [source] = directory.bench.poller.sources
        context = directory.bench.poller.context
        [stream] = [each for each in source.reader.list_streams(context) if each.name == "User"]
        result = source.spec.probe(context, stream)

    assert words in result.message
    assert bool(missing) == result.is_warning


@pytest.mark.slow
@pytest.mark.parametrize("grants", [True, False])
def test_the_check_says_that_other_users_may_be_hidden(tmp_path, grants):
    store = build_store()
    store.add_rows(
        "PermissionSet", permission_set("0PS000000000009AAA", "Collector", ViewAllUsers=grants)
    )
    store.add_rows(
        "PermissionSetAssignment", assignment(8, INTEGRATION_USER_ID, "0PS000000000009AAA")
    )
    with open_directory(tmp_path, store) as directory:
        [source] = directory.bench.poller.sources
        stream = Stream(org="acme", source="directory", name="User")
        result = source.spec.probe(directory.bench.poller.context, stream)

    assert grants is ("'View All Users'" not in result.message) is (not result.is_warning)


@pytest.mark.slow
def test_names_are_stored_so_that_any_database_takes_them(tmp_path):
    store = build_store()
    store.add_rows("User", user("005000000000007AAA", "x", Title="y") | {"Name": "a\x00b\ud800<>'"})
    with open_directory(tmp_path, store) as directory:
        directory.poll()

        assert "a\ufffdb\ufffd<>'" == directory.current("user")["005000000000007AAA"]["name"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"is_api_only": True}, True),
        ({"profile": "Salesforce API Only System Integrations"}, True),
        ({"license": "Analytics Cloud Integration User"}, True),
        ({"user_type": "AutomatedProcess"}, True),
        ({"profile": "Standard User", "user_type": "Standard"}, None),
        (
            {
                "is_api_only": False,
                "profile": "Disintegration",
                "license": "Salesforce",
                "user_type": "Standard",
            },
            False,
        ),
    ],
)
def test_who_is_a_program(values, expected):
    assert expected is directory_permissions.judge_integration(values)
