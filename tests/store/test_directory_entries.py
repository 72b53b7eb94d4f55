"""What held of an entry, and from when on: whatever is news makes a version, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest

from collector.model import DirectoryPage, EntryReading, EntrySweep
from collector.store import directory_entries
from fakes.databases import DATABASE_KINDS, open_test_database

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ADA = "005000000000001AAA"


@pytest.fixture(params=DATABASE_KINDS)
def database(request, tmp_path):
    with open_test_database(request.param, tmp_path) as opened:
        yield opened


def save(database, *readings, read=NOON, sweep=None, org="acme"):
    page = DirectoryPage(read=read, readings=readings, sweep=sweep)
    with database.begin() as connection:
        return directory_entries.save_directory_page(connection, org, page, now=read)


def user(changed=None, entry_id=ADA, **values):
    return EntryReading(kind="user", id=entry_id, values=values, changed=changed)


def app(entry_id, kind="connected", **values):
    return EntryReading(kind="app", id=entry_id, values={"kind": kind, **values})


def list_all(database, kind="user"):
    with database.read() as connection:
        return [
            (version.id, version.valid_from, version.noticed, version.values)
            for version in directory_entries.list_versions(connection, [kind])
        ]


def read_at(database, at):
    with database.read() as connection:
        found = directory_entries.read_versions_at(connection, "acme", "user", at)
    return {entry_id: version.values for entry_id, version in found.items()}


def test_a_version_holds_from_when_the_org_says_that_it_changed(database):
    assert 1 == save(database, user(NOON - DAY, profile="Standard User"))
    assert 1 == save(database, user(NOON + HOUR, profile="Admin"), read=NOON + 2 * HOUR)

    assert [
        (ADA, NOON - DAY, NOON, {"profile": "Standard User"}),
        (ADA, NOON + HOUR, NOON + 2 * HOUR, {"profile": "Admin"}),
    ] == list_all(database)
    assert {ADA: {"profile": "Standard User"}} == read_at(database, NOON)
    assert {ADA: {"profile": "Admin"}} == read_at(database, NOON + HOUR)


def test_the_first_version_stands_for_all_time_before_it(database):
    save(database, user(NOON, profile="Admin"))

    assert {ADA: {"profile": "Admin"}} == read_at(database, NOON - 1000 * DAY)


def test_what_no_change_of_the_record_tells_holds_from_when_it_was_noticed(database):
    save(database, user(NOON, permission_sets=["Export", "Audit"]))
    save(database, user(None, permission_sets=["Export"]), read=NOON + DAY)

    assert [NOON, NOON + DAY] == [version[1] for version in list_all(database)]


def test_the_same_reading_again_is_no_news(database):
    save(database, user(NOON, profile="Admin", role=None))

    assert 0 == save(database, user(NOON + HOUR, role=None, profile="Admin"), read=NOON + DAY)
    assert [{"profile": "Admin"}] == [version[3] for version in list_all(database)]


def test_two_changes_within_a_second_are_two_versions_in_the_order_of_reading(database):
    save(database, user(NOON, profile="A"))
    save(database, user(NOON, profile="B"))

    assert ["A", "B"] == [version[3]["profile"] for version in list_all(database)]
    assert {ADA: {"profile": "B"}} == read_at(database, NOON + HOUR)


@pytest.mark.parametrize(
    ("later", "versions"), [(timedelta(days=6), 1), (timedelta(days=8), 2)], ids=["week", "more"]
)
def test_logins_make_a_version_a_week_at_most(database, later, versions):
    save(database, user(NOON, last_login=NOON.isoformat()))
    save(database, user(NOON + later, last_login=(NOON + later).isoformat()), read=NOON + 20 * DAY)

    found = list_all(database)
    assert versions == len(found)
    # The login itself is judged by what was known of the user before it.
    assert {ADA: {"last_login": NOON.isoformat()}} == read_at(database, NOON + later)


def test_a_sweep_marks_what_it_did_not_find_and_leaves_what_it_did_not_look_for(database):
    save(database, app("0H41"), app("0H42", name="Loader"), app("0Xi1", "external client"))
    sweep = EntrySweep(kind="app", having={"kind": "connected"})
    save(database, app("0H41"), sweep=sweep, read=NOON + HOUR)

    with database.read() as connection:
        current = directory_entries.read_current_versions(connection, "acme", "app")
        counts = directory_entries.count_entries(connection, "acme")
    assert {
        "0H41": {"kind": "connected"},
        "0H42": {"kind": "connected", "name": "Loader", "is_deleted": True},
        "0Xi1": {"kind": "external client"},
    } == {entry_id: version.values for entry_id, version in current.items()}
    assert {"app": 3} == counts
    assert 0 == save(database, app("0H41"), sweep=sweep, read=NOON + DAY)
    assert 1 == save(database, app("0H42", name="Loader"), read=NOON + DAY)


def test_a_sweep_over_a_span_of_ids_knows_capitals_from_small_letters(database):
    save(database, app("0H4A"), app("0H4Z"), app("0H4a"), app("0H4z"))
    save(database, sweep=EntrySweep(kind="app", after="0H4A", until="0H4a"), read=NOON + HOUR)

    with database.read() as connection:
        current = directory_entries.read_current_versions(connection, "acme", "app")
    assert {"0H4Z", "0H4a"} == {
        entry_id for entry_id, version in current.items() if version.values.get("is_deleted")
    }


def test_old_versions_go_but_never_the_newest_nor_the_one_that_still_holds(database):
    for number in range(4):
        save(database, user(NOON + number * DAY, profile=str(number)), read=NOON + number * DAY)
    with database.begin() as connection:
        deleted = directory_entries.expire_versions(connection, before=NOON + 1.5 * DAY)
        assert 1 == deleted
        assert 2 == directory_entries.expire_versions(connection, before=NOON + 1000 * DAY)

    assert ["3"] == [version[3]["profile"] for version in list_all(database)]


def test_orgs_are_kept_apart(database):
    save(database, user(NOON, profile="A"))
    save(database, user(NOON, profile="B"), org="other")

    assert {ADA: {"profile": "A"}} == read_at(database, NOON)
    with database.read() as connection:
        counts = [directory_entries.count_entries(connection, org) for org in ("other", "third")]
    assert [{"user": 1}, {}] == counts
