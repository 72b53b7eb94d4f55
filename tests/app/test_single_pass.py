"""Who starts passes from a timer has, after years, what a daemon has: few files, snapshots."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector import clock
from collector.app.due_upkeep import do_due_upkeep, take_due_snapshot
from collector.app.single_pass import run_once
from collector.demo import EmbeddedOrg, OrgStore
from collector.ingest import archive_scrub
from collector.store import ledger, prune_runs, scrub_progress
from fakes.collector_setup import (
    HOUR,
    build_log_file,
    list_stored_values,
    open_test_collector,
    write_config,
)

pytestmark = pytest.mark.slow

YESTERDAY = (clock.now() - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
FILES = 7


@pytest.fixture
def config(tmp_path):
    store = OrgStore()
    store.add_files(
        [
            build_log_file(number, YESTERDAY, sequence=number, created=clock.now() - HOUR)
            for number in range(1, FILES + 1)
        ]
    )
    with EmbeddedOrg(store) as org:
        yield write_config(tmp_path, org, event_log_file={"lookback": "3d", "settle": "0s"})


def pass_once(config):
    """A pass of a process of its own: nothing but the state says what was done before."""
    with open_test_collector(config) as collector:
        assert () == run_once(collector).problems
        with collector.database.read() as state:
            return (
                [file.path for file in ledger.list_archive_files(state)],
                scrub_progress.read_scrub_progress(state),
                prune_runs.read_prune_run(state),
                sorted(path.name for path in (config.parent / "state" / "snapshots").iterdir()),
            )


def test_a_pass_does_what_is_due_and_the_next_one_nothing_before_it_is_again(config):
    files, scrubbed, pruned, snapshots = pass_once(config)

    assert 1 == len(files)
    assert "compacted-" in files[0]
    assert scrubbed is not None
    assert pruned is not None
    assert 1 == len(snapshots)
    assert 3 * FILES == len(list_stored_values(config.parent))

    assert (files, scrubbed, pruned, snapshots) == pass_once(config)


def test_what_takes_longer_than_it_may_ends_and_counts(config, monkeypatch):
    pass_once(config)
    monkeypatch.setattr(archive_scrub, "BYTES_PER_SECOND", 0.001)  # a file would take it weeks
    with open_test_collector(config) as collector:
        with collector.database.begin() as state:
            progress = scrub_progress.ScrubProgress(
                path="", reached=clock.now() - 2 * HOUR, began=YESTERDAY
            )
            scrub_progress.save_scrub_progress(state, progress)
        assert [] == do_due_upkeep(collector, seconds=1.0)
        with collector.database.read() as state:
            (file,) = ledger.list_archive_files(state)
            assert file.path == scrub_progress.read_scrub_progress(state).path


def test_what_fails_is_told_and_keeps_nothing_else_from_being_done(config):
    folder = config.parent / "state" / "snapshots"
    folder.parent.mkdir()
    folder.write_text("in the way")
    with open_test_collector(config) as collector:
        (problem,) = run_once(collector).problems
        assert problem.startswith("snapshot: ")
        with collector.database.read() as state:
            types = [file.event_type for file in ledger.list_archive_files(state)]
            assert ["CollectorHealth", "Login"] == types, "it is told, and the files are few"
            assert scrub_progress.read_scrub_progress(state) is not None
        folder.unlink()
        assert [] == take_due_snapshot(collector), "an hour after the failure, or a process later"
    with open_test_collector(config) as collector:
        assert () == run_once(collector).problems
    assert 1 == len(list(folder.iterdir()))
