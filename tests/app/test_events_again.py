"""Events that come again, from a copy or from their org: seen by the rules, and counted once."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from collector.completeness import build_completeness_report
from collector.model import BatchState
from collector.store import tables
from fakes.slack import run_slack_receiver
from fakes.years_world import RETENTION, START, ServedEvent, open_world

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
USER = "005000000000001AAA"


@pytest.fixture
def world(tmp_path):
    with run_slack_receiver() as receiver, open_world(tmp_path, receiver) as opened:
        yield opened


def serve_file(world, number, *, start=START - HOUR, rows=1):
    """A log file of failed logins, a minute apart."""
    events = [
        ServedEvent(name=f"mallory-{number}-{row}", time=start + row * MINUTE, event_type="Login")
        for row in range(rows)
    ]
    world.serve_file(number, events, user=USER, hour=START - 2 * HOUR)
    world.time += MINUTE


def list_told_names(world):
    return sorted(alert.title.split()[1] for alert in world.list_alerts() if "told" in alert.title)


@pytest.mark.slow
def test_rules_see_what_came_since_the_copy_and_is_in_a_compacted_file_by_now(world):
    serve_file(world, 1)
    world.poll()
    name = world.back_up()
    for number in (2, 3):
        serve_file(world, number)
        world.poll()
    assert 1 == world.compact().made_files

    report = world.restore(world.directory / "backup", name)

    assert 3 == report.found_alerts, "two events, and the burst that they are with the first one"
    assert ["mallory-1-0", "mallory-2-0", "mallory-3-0"] == list_told_names(world)
    assert world.verify().is_sound


def test_what_was_pruned_and_is_read_again_with_its_file_is_counted_once(world):
    """Its file has events of two days: the first is pruned, and then the second damaged."""
    midnight = START.replace(hour=0)
    world.time = midnight + HOUR
    serve_file(world, 1, start=midnight - 2 * MINUTE, rows=5)
    world.poll()
    world.time = midnight + RETENTION + HOUR
    assert 2 == world.collector.pruner.prune(world.time).rows
    for file in world.list_files():
        (world.archive_root / file.path).unlink()

    world.poll()

    with world.read_state() as connection:
        [row] = connection.execute(sa.select(tables.batches))
    assert (BatchState.STORED, 5, 0) == (row.state, row.rows, row.pruned)
    assert 2 == world.collector.pruner.prune(world.time).rows
    with world.read_state() as connection:
        [row] = connection.execute(sa.select(tables.batches))
    assert (3, 2) == (row.rows, row.pruned)


@pytest.mark.slow
def test_events_of_a_file_that_is_read_again_are_no_burst_with_themselves(world):
    """Three of them would be one, and each file has two."""
    serve_file(world, 1, rows=2)
    world.poll()
    serve_file(world, 2, rows=2, start=START - 8 * HOUR)
    world.poll()
    first = min(world.list_files(), key=lambda file: file.first_time)
    (world.archive_root / first.path).unlink()

    world.poll()
    world.lose_state()
    world.poll()

    assert [] == [alert for alert in world.list_alerts() if "burst" in alert.title]
    assert 4 == len(list_told_names(world))


@pytest.mark.slow
def test_what_is_damaged_of_hourly_files_is_lost_though_the_org_lists_none_any_more(world):
    """And is read as an org with daily files by then."""
    serve_file(world, 1)
    world.poll()
    [file] = world.list_files()
    (world.archive_root / file.path).unlink()
    world.org.store.remove_file("0AT000000000001AAA")

    world.poll()

    assert [] == world.list_waiting()
    with world.read_state() as connection:
        [row] = connection.execute(sa.select(tables.batches))
    assert (BatchState.LOST, 0) == (row.state, row.rows)


@pytest.mark.slow
def test_files_of_an_adopted_archive_are_accounted_for_though_the_org_lists_them_no_more(world):
    """What was fetched was listed: a proof of completeness must not miss its listing for ever."""
    for number in range(1, 3):
        serve_file(world, number)
        world.poll()
        world.time += 2 * HOUR
    world.lose_state()
    world.poll()

    with world.read_state() as connection:
        proof = build_completeness_report(
            connection,
            org="acme",
            since=START - 9 * HOUR,
            until=START + 9 * HOUR,
            archive=world.paths.archive,
        )
    [logins] = [one for one in proof.balances if one.event_type == "Login"]
    assert (2, 2, 0) == (logins.listed, logins.stored, logins.unaccounted)
