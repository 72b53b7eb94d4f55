"""What has not come is told alike, in whatever order files come and it becomes known."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.detect.loader import load_rule_set
from collector.rules.rule_files import EVENT_SCHEMA
from collector.store.awaited_absences import AbsenceHorizon
from fakes.arrival_bench import (
    START,
    list_told_alerts,
    open_arrival_bench,
    take_file,
    write_beginning,
)
from fakes.pipeline_bench import build_bulk_row, build_login_row

pytestmark = pytest.mark.slow

USERS = [f"00500000000000{n}AAA" for n in range(2)]
ADDRESSES = ["203.0.113.7", "198.51.100.1"]
END = 400
"""The minute when nothing can come any more of what the law is about."""

RULES = Path(__file__).with_name("absence_order.yml")

minutes = st.integers(0, 120)
users = st.sampled_from(range(2))


def at(minute):
    return (START + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def login(minute, user, address=ADDRESSES[0], status="LOGIN_NO_ERROR"):
    row = build_login_row(
        TIMESTAMP_DERIVED=at(minute), USER_ID=USERS[user], SOURCE_IP=address, LOGIN_STATUS=status
    )
    return ("Login", row)


def fail(minute, user):
    return login(minute, user, status="LOGIN_ERROR_INVALID_PASSWORD")


def export(minute, user, records, job=0):
    row = build_bulk_row(
        f"750{job:012}AAA", records, TIMESTAMP_DERIVED=at(minute), USER_ID=USERS[user]
    )
    return ("BulkApi2", row)


logins = st.builds(login, minutes, users, st.sampled_from(ADDRESSES))
failures = st.builds(fail, minutes, users)
exports = st.builds(
    export, minutes, users, st.sampled_from([0, 50, 300, 900]), st.integers(0, 10_000)
)
files = st.lists(
    st.lists(logins | failures | exports, min_size=1, max_size=5), min_size=1, max_size=5
)


@pytest.fixture(scope="module")
def beginning(tmp_path_factory):
    rules = load_rule_set([RULES], schema=EVENT_SCHEMA)
    return write_beginning(tmp_path_factory.mktemp("beginning"), rules)


@settings(
    max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(files, st.lists(st.integers(0, 160), max_size=3), st.data())
def test_alerts_do_not_depend_on_when_it_became_known(beginning, files, ends, data):
    parts = [("file", number) for number in range(len(files))]
    order = data.draw(st.permutations([*parts, *(("know", minute) for minute in ends)]))

    assert told(beginning, files, parts) == told(beginning, files, order)


def test_the_law_is_about_something(beginning):
    """Each of the rules has something to say to events like those of the law."""
    first = [fail(0, 0), fail(5, 0), export(60, 0, 50)]
    second = [login(70, 1), export(80, 1, 900)]
    order = [("file", 1), ("know", 90), ("file", 0)]
    said = {rule for rule, *_ in told(beginning, [first, second], order)}

    waiting = {rule.name for rule in beginning.rules.correlations if rule.aggregation.absent}
    assert said & waiting == waiting
    assert len(waiting) == 6


def told(beginning, files, order):
    """What is told once all is past."""
    with open_arrival_bench(beginning) as bench:
        for kind, number in [*order, ("know", END)]:
            if kind == "know":
                know(bench, number)
            else:
                take_file(bench, files[number], number)
        return list_told_alerts(bench)


def know(bench, minute):
    horizon = AbsenceHorizon(until=START + timedelta(minutes=minute))
    bench.pipeline.absences.settle_org("acme", lambda *_: horizon)
