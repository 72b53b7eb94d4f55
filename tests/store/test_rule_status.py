"""What is remembered of rules: faults, how loading went, and which entries of lists."""

from datetime import timedelta

import pytest

from collector.store import rule_status
from collector.store.rule_status import RuleFault, RuleLoadStatus
from fakes import databases
from fakes.model_samples import NOON

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=databases.DATABASE_KINDS)
def database(request, tmp_path):
    with databases.open_test_database(request.param, tmp_path) as opened:
        yield opened


def fail(database, org="acme", *, now=NOON, **reasons):
    with database.begin() as connection:
        rule_status.record_faults(connection, org, reasons, now=now)


def faults(database):
    with database.read() as connection:
        return rule_status.list_faults(connection)


def fault(rule, count=1, *, org="acme", last=NOON, reason="why"):
    return RuleFault(rule=rule, org=org, count=count, first=NOON, last=last, reason=reason)


def load(database, *problems, minutes=0, count=7):
    loading = RuleLoadStatus(changed=NOON + minutes * MINUTE, rules=count, problems=problems)
    with database.begin() as connection:
        rule_status.save_load_status(connection, loading)
    return loading


def loading(database):
    with database.read() as connection:
        return rule_status.read_load_status(connection)


def know(database, name, *digests):
    with database.begin() as connection:
        rule_status.save_matched_entries(connection, name, digests)


def known(database):
    with database.read() as connection:
        return rule_status.read_matched_entries(connection)


# ---- faults


def test_nothing_has_failed_at_first(database):
    assert [] == faults(database)


def test_a_fault_is_counted_with_its_first_time_and_its_last_reason(database):
    for number in range(3):
        fail(database, odd=f"why {number}", now=NOON + number * MINUTE)

    assert [fault("odd", 3, last=NOON + 2 * MINUTE, reason="why 2")] == faults(database)


def test_faults_are_kept_apart_by_rule_and_org_and_listed_in_that_order(database):
    fail(database, "other", b="why")
    fail(database, "acme", b="why", a="why")

    assert [fault("a"), fault("b"), fault("b", org="other")] == faults(database)


def test_no_fault_is_nothing_to_write_down(database):
    fail(database)

    assert [] == faults(database)


def test_a_fault_goes_with_the_transaction_that_fails(database):
    def work():
        with database.begin() as connection:
            rule_status.record_faults(connection, "acme", {"odd": "why"}, now=NOON)
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert [] == faults(database)


# ---- loading


def test_before_the_first_time_nothing_is_known_of_loading(database):
    assert None is loading(database)


def test_only_the_last_loading_is_remembered(database):
    load(database, "a.yml:1:1: odd", "a.yml:2:1: odder", count=3)
    last = load(database, minutes=5)

    assert last == loading(database)


def test_problems_are_remembered_in_their_order_with_what_they_say(database):
    problems = ("b.yml:1:1: 'ein' \N{SNOWMAN} \\ \"zwei\"", "a.yml:1:1: second")
    load(database, *problems)

    assert problems == loading(database).problems


def test_rules_that_were_loaded_anew_have_not_failed(database):
    fail(database, odd="why")
    load(database)

    assert [] == faults(database)


def test_as_long_as_the_rules_of_before_are_at_work_their_faults_stay(database):
    fail(database, odd="why")
    load(database, "a.yml:1:1: odd")

    assert [fault("odd")] == faults(database)


# ---- lists


def test_the_archive_has_been_matched_with_nothing_at_first(database):
    assert {} == known(database)


def test_exactly_the_entries_that_were_last_said_are_known(database):
    know(database, "ips", "a", "b", "c")
    know(database, "ips", "b", "d", "d")

    assert {"ips": {"b", "d"}} == known(database)


def test_lists_are_kept_apart(database):
    know(database, "ips", "a", "b")
    know(database, "apps", "a")
    know(database, "ips", "b")

    assert {"ips": {"b"}, "apps": {"a"}} == known(database)


def test_a_list_without_entries_is_forgotten(database):
    know(database, "ips", "a")
    know(database, "ips")

    assert {} == known(database)


def test_thousands_at_once_are_no_problem(database):
    many = [f"{number:064}" for number in range(3_000)]
    know(database, "ips", *many)
    know(database, "ips", many[7], "new")

    assert {"ips": {many[7], "new"}} == known(database)
