"""Killed at any step of compacting, an archive has every event once, and goes on."""

import shutil
import subprocess
import sys

import pytest
from cli.processes import write_config

from collector import clock
from collector.app.configuration import read_configuration
from collector.app.locked_state import open_locked_state
from collector.detect import RuleSet
from collector.ingest.archive_claim import claim_archive
from collector.ingest.batches_at_work import BatchesAtWork
from collector.ingest.retired_files import GRACE, delete_retired_files
from fakes.compaction_bench import (
    list_files,
    list_retired,
    read_batches,
    read_events,
    take_log_file,
    take_window,
)
from fakes.pipeline_bench import open_pipeline_bench

pytestmark = pytest.mark.slow

STEPS = {
    "staged": ("LocalArchive", "stage_compacted_events"),
    "published": ("LocalArchive", "publish_compacted_events"),
    "before the swap is committed": ("compacted_files", "replace_files"),
    "swapped": ("FileSwaps", "record_swap"),
    "deleted": ("LocalArchive", "delete_file"),
}

PROCESS = """
import os, signal, sys
from datetime import timedelta
from pathlib import Path

from collector.app.compaction import compact_archive
from collector.app.configuration import read_configuration
from collector.archive.local_archive import LocalArchive
from collector.ingest import retired_files
from collector.ingest.file_swaps import FileSwaps
from collector.store import compacted_files

owner = globals()[sys.argv[2]]
step = getattr(owner, sys.argv[3])


def die_after(*arguments, **named):
    step(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)


setattr(owner, sys.argv[3], die_after)
retired_files.GRACE = timedelta()
compact_archive(read_configuration(Path(sys.argv[1]), {"SF_SECRET": "x"}).settings, bool)
"""


@pytest.fixture(scope="module")
def crowded_state(tmp_path_factory):
    directory = tmp_path_factory.mktemp("crowded")
    with open_pipeline_bench(directory, rules=RuleSet(rules=())) as opened:
        claim_archive(opened.database, opened.places.archive)
        for number in range(6):
            take_log_file(opened, number)
            take_window(opened, number)
    return directory / "state"


@pytest.mark.parametrize(("owner", "step"), STEPS.values(), ids=STEPS)
def test_a_kill_at_any_step_changes_no_event(crowded_state, tmp_path, owner, step):
    shutil.copytree(crowded_state, tmp_path / "state")
    config = write_config(tmp_path, "http://127.0.0.1:9")
    settings = read_configuration(config, {"SF_SECRET": "x"}).settings
    with open_pipeline_bench(tmp_path, rules=RuleSet(rules=())) as bench:
        events, batches = read_events(bench), read_batches(bench.database)

    command = [sys.executable, "-c", PROCESS, str(config), owner, step]
    killed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert -9 == killed.returncode, killed.stderr

    with open_pipeline_bench(tmp_path, rules=RuleSet(rules=())) as bench:
        assert (events, batches) == (read_events(bench), read_batches(bench.database))
        archive = bench.places.archive
        with open_locked_state(settings, bench.places):
            pass
        committed = {file.path for file in list_files(bench.database)}
        retired = {file.path for file in list_retired(bench.database)}
        on_disk = set(archive.list_uncommitted_paths([]))
        assert committed <= on_disk <= committed | retired
        assert () == bench.pipeline.compactor.compact_days().problems
        later = clock.now() + GRACE
        delete_retired_files(bench.database, archive, BatchesAtWork(), now=later)
        assert (events, batches) == (read_events(bench), read_batches(bench.database))
        assert 2 == len(list_files(bench.database)) == archive.count_event_files()
