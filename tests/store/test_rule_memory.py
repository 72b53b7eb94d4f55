"""What first-seen rules and baselines remember between two batches."""

import pytest

from collector.clock import from_micros
from collector.store import baseline_memory, first_seen_memory, rule_fingerprints, rule_memory
from collector.store.baseline_memory import BaselineWindow
from fakes.databases import open_sqlite_state

MINE = {"org": "acme", "rule": "new-app"}
OTHERS = [{"org": "other", "rule": "new-app"}, {"org": "acme", "rule": "other"}]


@pytest.fixture
def connection(tmp_path):
    opened = open_sqlite_state(tmp_path)
    with opened.begin() as connection:
        yield connection
    opened.close()


def test_runs_are_remembered_by_key_replaced_and_forgotten(connection):
    for place in (MINE, *OTHERS):
        first_seen_memory.save_runs(
            connection, **place, runs=[("k", (5, "e5", 6)), ("k", (1, "e1", 2))]
        )
    first_seen_memory.save_runs(connection, **MINE, runs=[("k", (5, "d5", 9)), ("l", (1, "e", 1))])
    first_seen_memory.delete_runs(connection, **MINE, starts=[("k", 1), ("l", 5)])

    assert {"k": [(5, "d5", 9)]} == first_seen_memory.read_runs(connection, **MINE, keys=["k", "m"])
    for place in OTHERS:
        assert {"k": [(1, "e1", 2), (5, "e5", 6)]} == first_seen_memory.read_runs(
            connection, **place, keys=["k"]
        )


def test_more_keys_than_a_statement_has_room_for_are_found(connection):
    keys = [f"k{number}" for number in range(5_000)]
    first_seen_memory.save_runs(connection, **MINE, runs=[(key, (1, "e", 1)) for key in keys])

    assert set(keys) == first_seen_memory.read_runs(connection, **MINE, keys=keys).keys()


def test_what_a_rule_remembers_from_before_a_time_expires(connection):
    for place in (MINE, *OTHERS):
        first_seen_memory.save_runs(
            connection, **place, runs=[("k", (1, "e", 4)), ("l", (1, "e", 5))]
        )
    window = BaselineWindow(1.0, 1, 4, 4)
    late = window._replace(last=5)
    baseline_memory.save_windows(connection, **MINE, windows=[(("k", 1), window), (("l", 1), late)])
    assert 3 == rule_memory.expire_rule_memory(connection, "new-app", before=from_micros(5))

    kept = [
        first_seen_memory.read_runs(connection, **place, keys=["k", "l"]).keys()
        for place in (MINE, *OTHERS)
    ]
    assert [{"l"}, {"l"}, {"k", "l"}] == kept
    left = baseline_memory.read_windows(connection, **MINE, keys=["k", "l"], first=0, last=9)
    assert {("l", 1): late} == left


def test_windows_are_remembered_by_place_replaced_and_forgotten(connection):
    first, second = BaselineWindow(1.5, 1, 7, 8), BaselineWindow(2.5, 2, 9, 9, told=True)
    for place in (MINE, *OTHERS):
        baseline_memory.save_windows(
            connection, **place, windows=[(("k", 1), first), (("k", 2), first)]
        )
    baseline_memory.save_windows(
        connection, **MINE, windows=[(("k", 2), second), (("k", 3), second)]
    )
    baseline_memory.delete_windows(connection, **MINE, window_keys=[("k", 3)])

    found = baseline_memory.read_windows(connection, **MINE, keys=["k"], first=1, last=3)
    assert {("k", 1): first, ("k", 2): second} == found
    found = baseline_memory.read_windows(connection, **MINE, keys=["k"], first=2, last=3)
    assert {("k", 2): second} == found


def test_sums_are_of_the_windows_from_one_moment_to_just_before_another(connection):
    windows = [
        ((key, start), BaselineWindow(start + 0.5, 1, 1, 1)) for key in "kl" for start in range(4)
    ]
    baseline_memory.save_windows(connection, **MINE, windows=windows)

    found = baseline_memory.sum_windows(connection, **MINE, keys=["k", "m"], first=1, until=3)
    assert {"k": (2, 4.0, 8.5)} == found


def test_all_that_a_rule_remembers_can_be_dropped(connection):
    for place in (MINE, *OTHERS):
        first_seen_memory.save_runs(connection, **place, runs=[("k", (1, "e", 1))])
        baseline_memory.save_windows(
            connection, **place, windows=[(("k", 1), BaselineWindow(1.0, 1, 1, 1))]
        )
    for kind in (rule_fingerprints.FIRST_SEEN_KIND, rule_fingerprints.BASELINE_KIND):
        rule_memory.forget_rule(connection, kind=kind, **MINE)

    kept = [
        bool(first_seen_memory.read_runs(connection, **place, keys=["k"]))
        for place in (MINE, *OTHERS)
    ]
    assert [False, True, True] == kept
    sums = [
        baseline_memory.sum_windows(connection, **place, keys=["k"], first=0, until=9)
        for place in OTHERS
    ]
    assert [{"k": (1, 1.0, 1.0)}] * 2 == sums
    assert {} == baseline_memory.sum_windows(connection, **MINE, keys=["k"], first=0, until=9)


def test_a_fingerprint_is_of_an_org_a_kind_and_a_rule(connection):
    for org, kind in (
        ("acme", rule_fingerprints.FIRST_SEEN_KIND),
        ("acme", rule_fingerprints.BASELINE_KIND),
        ("other", "x"),
    ):
        rule_fingerprints.save_fingerprint(
            connection, org=org, kind=kind, rule="r", fingerprint="old"
        )
    rule_fingerprints.save_fingerprint(
        connection, org="acme", kind=rule_fingerprints.FIRST_SEEN_KIND, rule="r", fingerprint="new"
    )
    rule_fingerprints.delete_fingerprint(
        connection, org="acme", kind=rule_fingerprints.BASELINE_KIND, rule="r"
    )

    found = rule_fingerprints.read_fingerprints(
        connection, org="acme", kind=rule_fingerprints.FIRST_SEEN_KIND
    )
    assert {"r": "new"} == found
    assert {} == rule_fingerprints.read_fingerprints(
        connection, org="acme", kind=rule_fingerprints.BASELINE_KIND
    )
