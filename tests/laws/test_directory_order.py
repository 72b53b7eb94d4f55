"""Files and versions of the directory may come in any order: the same alerts are there then."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.detect.loader import load_rule_set
from collector.rules.rule_files import EVENT_SCHEMA
from fakes.arrival_bench import (
    START,
    list_told_alerts,
    open_arrival_bench,
    take_file,
    write_beginning,
)
from fakes.directories import build_user, store_version
from fakes.pipeline_bench import build_bulk_row, build_login_row

pytestmark = pytest.mark.slow

USERS = [f"00500000000000{n}AAA" for n in range(3)]
ADDRESSES = ["203.0.113.7", "198.51.100.1"]
NAMES = [("Ada Lovelace", "ada@acme.com"), ("Grace Hopper", "grace@acme.com")]
NAMES += [("Load *{user_id}*", "nightly@acme.com")]

RULES = Path(__file__).with_name("directory_order.yml")

minutes = st.integers(0, 90)
users = st.sampled_from(range(3))


def at(minute):
    return (START + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def login(minute, user, address, status, *, is_named=False):
    row = build_login_row(
        TIMESTAMP_DERIVED=at(minute), USER_ID=USERS[user], SOURCE_IP=address, LOGIN_STATUS=status
    )
    row["USER_NAME"] = "told@acme.com" if is_named else ""
    return ("Login", row)


def export(minute, user, records, job):
    row = build_bulk_row(
        f"750{job:012}AAA", records, TIMESTAMP_DERIVED=at(minute), USER_ID=USERS[user]
    )
    return ("BulkApi2", row)


logins = st.builds(
    login,
    minutes,
    users,
    st.sampled_from(ADDRESSES),
    st.sampled_from(["LOGIN_NO_ERROR", "LOGIN_ERROR_INVALID_PASSWORD"]),
    is_named=st.booleans(),
)
exports = st.builds(
    export, minutes, users, st.sampled_from([0, 50, 150, 300, 900]), st.integers(0, 10_000)
)
files = st.lists(st.lists(logins | exports, min_size=1, max_size=6), min_size=1, max_size=4)
versions = st.lists(
    st.tuples(
        st.integers(-10, 100),
        users,
        st.fixed_dictionaries(
            {
                "is_admin": st.sampled_from([None, True, False]),
                "profile": st.sampled_from([None, "Auditor", "Sales"]),
                "is_integration": st.sampled_from([None, True]),
            }
        ),
    ),
    max_size=6,
    unique_by=lambda version: version[:2],
)


@pytest.fixture(scope="module")
def beginning(tmp_path_factory):
    rules = load_rule_set([RULES], schema=EVENT_SCHEMA)
    return write_beginning(tmp_path_factory.mktemp("beginning"), rules)


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(files, versions, st.data())
def test_alerts_do_not_depend_on_when_the_directory_learned_of_it(beginning, files, versions, data):
    parts = [("file", number) for number in range(len(files))]
    parts += [("version", number) for number in range(len(versions))]
    order = data.draw(st.permutations([*parts, *[("settle", 0)] * 3]))

    # The directory first, then the files.
    settled = [*parts[len(files) :], ("settle", 0), *parts[: len(files)]]
    assert told(beginning, files, versions, settled) == told(beginning, files, versions, order)


def test_the_law_is_about_something(beginning):
    """Each of the rules has something to say to events and versions like those of the law."""
    wrong = "LOGIN_ERROR_INVALID_PASSWORD"
    tried = [login(minute, 0, ADDRESSES[0], wrong) for minute in (1, 2, 3)]
    entry = [login(6, 0, ADDRESSES[1], "LOGIN_NO_ERROR")]
    taken = [
        export(minute, 0, records, number)
        for number, (minute, records) in enumerate([(0, 50), (20, 60), (40, 50), (70, 5000)])
    ]
    versions = [(-5, 0, {"is_admin": True, "profile": "Auditor"})]
    order = [("file", 2), ("file", 1), ("version", 0), ("file", 0), ("settle", 0)]
    said = {rule for rule, *_ in told(beginning, [tried, entry, taken], versions, order)}

    assert said == {rule.name for rule in beginning.rules.rules if rule.raises_alert}


def told(beginning, files, versions, order):
    """What is told in the end, once everything that is known of the directory is settled."""
    with open_arrival_bench(beginning) as bench:
        for kind, number in [*order, ("settle", 0)]:
            if kind == "settle":
                bench.pipeline.settle_directory()
            elif kind == "version":
                learn(bench, *versions[number])
            else:
                take_file(bench, files[number], number)
        return list_told_alerts(bench)


def learn(bench, minute, user, values):
    name, username = NAMES[user]
    known = build_user(name, username, **values)
    store_version(bench.database, USERS[user], START + timedelta(minutes=minute), known)
