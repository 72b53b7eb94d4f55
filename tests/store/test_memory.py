"""What first-seen rules and baselines remember between two batches."""

import pytest

from collector.store import learned, measures, seen
from collector.store.database import open_database
from collector.store.measures import Measure

MINE = {"org": "acme", "rule": "new-app"}
OTHERS = [{"org": "other", "rule": "new-app"}, {"org": "acme", "rule": "other"}]


@pytest.fixture
def connection(tmp_path):
    opened = open_database(tmp_path)
    with opened.begin() as connection:
        yield connection
    opened.close()


def test_runs_are_remembered_by_key_replaced_and_forgotten(connection):
    for place in (MINE, *OTHERS):
        seen.remember(connection, **place, runs=[("k", (5, "e5", 6)), ("k", (1, "e1", 2))])
    seen.remember(connection, **MINE, runs=[("k", (5, "d5", 9)), ("l", (1, "e", 1))])
    seen.forget(connection, **MINE, starts=[("k", 1), ("l", 5)])

    assert {"k": [(5, "d5", 9)]} == seen.runs(connection, **MINE, keys=["k", "m"])
    for place in OTHERS:
        assert {"k": [(1, "e1", 2), (5, "e5", 6)]} == seen.runs(connection, **place, keys=["k"])


def test_more_keys_than_a_statement_has_room_for_are_found(connection):
    keys = [f"k{number}" for number in range(5_000)]
    seen.remember(connection, **MINE, runs=[(key, (1, "e", 1)) for key in keys])

    assert set(keys) == seen.runs(connection, **MINE, keys=keys).keys()


def test_what_ended_before_the_archive_begins_expires(connection):
    seen.remember(connection, **MINE, runs=[("k", (1, "e", 4)), ("l", (1, "e", 5))])
    seen.expire(connection, before=5)
    window = Measure(1.0, 1, 4, 4)
    late = window._replace(last=5)
    measures.remember(connection, **MINE, windows=[(("k", 1), window), (("l", 1), late)])
    measures.expire(connection, before=5)

    assert {"l"} == seen.runs(connection, **MINE, keys=["k", "l"]).keys()
    left = measures.between(connection, **MINE, keys=["k", "l"], first=0, last=9)
    assert {("l", 1): late} == left


def test_windows_are_remembered_by_place_replaced_and_forgotten(connection):
    first, second = Measure(1.5, 1, 7, 8), Measure(2.5, 2, 9, 9, told=True)
    for place in (MINE, *OTHERS):
        measures.remember(connection, **place, windows=[(("k", 1), first), (("k", 2), first)])
    measures.remember(connection, **MINE, windows=[(("k", 2), second), (("k", 3), second)])
    measures.forget(connection, **MINE, places=[("k", 3)])

    found = measures.between(connection, **MINE, keys=["k"], first=1, last=3)
    assert {("k", 1): first, ("k", 2): second} == found
    found = measures.between(connection, **MINE, keys=["k"], first=2, last=3)
    assert {("k", 2): second} == found


def test_sums_are_of_the_windows_from_one_moment_to_just_before_another(connection):
    windows = [((key, start), Measure(start + 0.5, 1, 1, 1)) for key in "kl" for start in range(4)]
    measures.remember(connection, **MINE, windows=windows)

    found = measures.sums(connection, **MINE, keys=["k", "m"], first=1, until=3)
    assert {"k": (2, 4.0, 8.5)} == found


def test_all_that_a_rule_remembers_can_be_dropped(connection):
    for place in (MINE, *OTHERS):
        seen.remember(connection, **place, runs=[("k", (1, "e", 1))])
        measures.remember(connection, **place, windows=[(("k", 1), Measure(1.0, 1, 1, 1))])
    seen.clear(connection, **MINE)
    measures.clear(connection, **MINE)

    kept = [bool(seen.runs(connection, **place, keys=["k"])) for place in (MINE, *OTHERS)]
    assert [False, True, True] == kept
    sums = [measures.sums(connection, **place, keys=["k"], first=0, until=9) for place in OTHERS]
    assert [{"k": (1, 1.0, 1.0)}] * 2 == sums
    assert {} == measures.sums(connection, **MINE, keys=["k"], first=0, until=9)


def test_a_fingerprint_is_of_an_org_a_kind_and_a_rule(connection):
    for org, kind in (("acme", learned.FIRST_SEEN), ("acme", learned.BASELINE), ("other", "x")):
        learned.learn(connection, org=org, kind=kind, rule="r", fingerprint="old")
    learned.learn(connection, org="acme", kind=learned.FIRST_SEEN, rule="r", fingerprint="new")
    learned.unlearn(connection, org="acme", kind=learned.BASELINE, rule="r")

    found = learned.fingerprints(connection, org="acme", kind=learned.FIRST_SEEN)
    assert {"r": "new"} == found
    assert {} == learned.fingerprints(connection, org="acme", kind=learned.BASELINE)
