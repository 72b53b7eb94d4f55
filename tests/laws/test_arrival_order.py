"""Whatever the order in which the same batches come, the same alerts are there in the end."""

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
from fakes.pipeline_bench import build_bulk_row, build_login_row

pytestmark = pytest.mark.slow

USERS = [f"00500000000000{n}AAA" for n in range(3)]
ADDRESSES = ["203.0.113.7", "203.0.113.8", "198.51.100.1"]

RULES = Path(__file__).with_name("arrival_order.yml")

minutes = st.integers(0, 150)
users = st.sampled_from(USERS)


def at(minute):
    return (START + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


logins = st.builds(
    lambda minute, user, address, status: (
        "Login",
        build_login_row(
            TIMESTAMP_DERIVED=at(minute),
            USER_ID=user,
            SOURCE_IP=address,
            BROWSER_TYPE=f"agent of {address}",
            LOGIN_STATUS=status,
        ),
    ),
    minutes,
    users,
    st.sampled_from(ADDRESSES),
    st.sampled_from(["LOGIN_NO_ERROR", "LOGIN_ERROR_INVALID_PASSWORD"]),
)
exports = st.builds(
    lambda minute, user, records, job: (
        "BulkApi2",
        build_bulk_row(f"750{job:012}AAA", records, TIMESTAMP_DERIVED=at(minute), USER_ID=user),
    ),
    minutes,
    users,
    st.sampled_from([0, 50, 150, 300, 900]),
    st.integers(0, 10_000),
)
files = st.lists(st.lists(logins | exports, min_size=1, max_size=6), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def beginning(tmp_path_factory):
    rules = load_rule_set([RULES], schema=EVENT_SCHEMA)
    return write_beginning(tmp_path_factory.mktemp("beginning"), rules)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(files, st.data())
def test_alerts_do_not_depend_on_the_order_of_arrival(beginning, files, data):
    order = data.draw(st.permutations(range(len(files))))

    assert told(beginning, files, sorted(order)) == told(beginning, files, order)


def test_the_law_is_about_something(beginning):
    """Each of the rules has something to say to events like those of the law."""
    failures = [("Login", failed(minute)) for minute in (1, 2, 3, 4)]
    entry = [("Login", failed(6, LOGIN_STATUS="LOGIN_NO_ERROR", SOURCE_IP="198.51.100.1"))]
    other = [("Login", failed(3, USER_ID=USERS[2]))]
    taken = [
        ("BulkApi2", build_bulk_row(f"750{n:012}AAA", records, TIMESTAMP_DERIVED=at(minute)))
        for n, (minute, records) in enumerate([(0, 50), (20, 60), (40, 50), (60, 50), (70, 5000)])
    ]
    said = {rule for rule, *_ in told(beginning, [failures, entry, other, taken], [3, 1, 0, 2])}

    assert said == {rule.name for rule in beginning.rules.rules if rule.raises_alert}


def failed(minute, **changes):
    values = {"USER_ID": "005000000000001AAA", "LOGIN_STATUS": "LOGIN_ERROR_INVALID_PASSWORD"}
    return build_login_row(TIMESTAMP_DERIVED=at(minute), **{**values, **changes})


def told(beginning, files, order):
    """What is told in the end of files that come in an order, each with its own late time."""
    with open_arrival_bench(beginning) as bench:
        for number in order:
            take_file(bench, files[number], number)
        return list_told_alerts(bench)
