"""One record for each login, in whatever order and by whomever it is told."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector import normalize
from collector.model.event_columns import CANONICAL_COLUMNS
from fakes.derived_records import read_records

SIGN_IN = normalize.DERIVED_EVENT_TYPES["SignIn"]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KINDS = ("Login", "LoginEvent", "LoginHistory")
MILLISECOND = timedelta(milliseconds=1)


def telling(kind, number, milliseconds=0, *, linked=True, **more):
    """What one source says of the login with that number."""
    time = NOON + milliseconds * MILLISECOND
    history = f"0Ya{number:012}"
    own = {
        "Login": {"login_key": f"key{number}" if linked else ""},
        "LoginEvent": {
            "login_key": f"key{number}" if linked else None,
            "LoginHistoryId": f"{history}AAA" if linked else None,
            "Id": "000000000000000AAA",
        },
        "LoginHistory": {"Id": history, "time": time.replace(microsecond=0)},
    }
    return {
        "event_uid": f"{kind}-{number}",
        "org": "acme",
        "source": "s",
        "event_type": kind,
        "time": time,
        "received": NOON,
        "batch": "b",
        "user_id": "005000000000001AAA",
        "source_ip": "203.0.113.7",
        "outcome": "success",
        **own[kind],
        **more,
    }


def table(rows):
    """A FROM item of these tellings."""
    names = {**CANONICAL_COLUMNS, "Id": "VARCHAR", "LoginHistoryId": "VARCHAR"}

    def value(row, name, kind):
        found = row.get(name)
        return "NULL" if found is None else f"'{found}'::{kind}"

    selects = (
        "SELECT " + ", ".join(f'{value(row, n, k)}::{k} AS "{n}"' for n, k in names.items())
        for row in rows
    )
    return f"({' UNION ALL '.join(selects)})"


@pytest.fixture(scope="session")
def logins(duck):
    """The logins of some tellings; with `fresh`, those that these are of."""

    def run(rows, fresh=None):
        relation = table(rows)
        if fresh is not None:
            relation = SIGN_IN.build_affected(table(fresh), relation)
        return read_records(duck, SIGN_IN, relation)

    return run


@pytest.mark.parametrize("linked", [True, False], ids=["linked", "alike"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_three_tellings_or_fewer_are_one_login(logins, linked, size):
    for kinds in itertools.combinations(KINDS, size):
        assert len(logins([telling(kind, 1, 700, linked=linked) for kind in kinds])) == 1


def test_what_one_source_does_not_say_another_does(logins):
    [login] = logins(
        [
            telling("LoginHistory", 1, country="US", app_name="Browser"),
            telling("Login", 1, user_agent="Mozilla/5.0", user_name="ada@example.com"),
            telling("LoginEvent", 1, 250, session_key="s1"),
        ]
    )

    found = [login[name] for name in ("country", "app_name", "user_agent", "session_key")]
    assert found == ["US", "Browser", "Mozilla/5.0", "s1"]
    assert (login["user_name"], login["login_key"]) == ("ada@example.com", "key1")
    assert (login["event_type"], login["time"]) == ("SignIn", NOON + 250 * MILLISECOND)


@pytest.mark.parametrize(
    "other",
    [
        {"user_id": "005000000000002AAA"},
        {"source_ip": "203.0.113.8"},
        {"outcome": "failure"},
        {"time": NOON + timedelta(seconds=3)},
        {"time": NOON - timedelta(seconds=3)},
        {"org": "other"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_tellings_that_differ_and_do_not_name_each_other_are_two_logins(logins, other):
    rows = [telling("Login", 1), telling("LoginHistory", 2, **other)]

    assert len(logins(rows)) == 2


def test_a_link_counts_more_than_likeness(logins):
    """Clocks may differ, and an address may be written in two ways."""
    rows = [
        telling("LoginEvent", 1, 0, source_ip="198.51.100.1"),
        telling("Login", 1, 40_000),
        telling("LoginHistory", 1, 50_000),
    ]

    assert len(logins(rows)) == 1


def test_two_tellings_of_one_kind_are_two_logins_however_alike(logins):
    rows = [telling(kind, n, linked=False) for kind in KINDS for n in (1, 2)]

    assert len(logins(rows)) == 2


def test_unknown_users_and_addresses_are_alike(logins):
    blank = {"user_id": None, "source_ip": None, "outcome": "failure", "linked": False}

    assert len(logins([telling(kind, 1, **blank) for kind in KINDS])) == 1


@st.composite
def apart(draw):
    """Logins at least five seconds apart, each told by somebody, in the order of arrival."""
    rows = []
    start = 0
    for number in range(draw(st.integers(1, 3))):
        start += draw(st.integers(5_000, 90_000))
        linked = draw(st.booleans())
        for kind in draw(st.sets(st.sampled_from(KINDS), min_size=1)):
            shift = draw(st.integers(-900, 900)) if kind == "Login" else 0
            rows.append(telling(kind, number, start + shift, linked=linked))
    order = draw(st.permutations(rows))
    return [
        {**row, "received": NOON + timedelta(hours=1, microseconds=place)}
        for place, row in enumerate(order)
    ]


@pytest.mark.slow
@given(rows=apart())
@settings(max_examples=8, deadline=None)
def test_n_logins_are_n_records_and_keep_their_names_while_more_is_told(logins, rows):
    names: dict[int, set[str]] = {}
    for size in range(1, len(rows) + 1):
        told = rows[:size]
        found = logins(told)
        numbers = {row["event_uid"].split("-")[1] for row in told}
        assert len(found) == len(numbers)
        for login in found:
            names.setdefault(login["event_uid"].split("-")[1], set()).add(login["event_uid"])
        newest = logins(told, fresh=[told[-1]])
        assert [login for login in found if login in newest] == newest
        assert len(newest) == 1
        assert newest[0]["event_uid"].split("-")[1] == told[-1]["event_uid"].split("-")[1]
    assert all(len(uids) == 1 for uids in names.values())


@pytest.mark.slow
@given(
    times=st.lists(st.integers(0, 4_000), min_size=1, max_size=8),
    kinds=st.sets(st.sampled_from(KINDS), min_size=1),
    linked=st.booleans(),
)
@settings(max_examples=20, deadline=None)
def test_a_burst_of_n_logins_one_user_is_n_records(logins, times, kinds, linked):
    rows = [
        telling(kind, number, time, linked=linked)
        for kind in kinds
        for number, time in enumerate(times)
    ]

    assert len(logins(rows)) == len(times)
