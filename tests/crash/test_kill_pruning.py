"""A process that is killed anywhere while it prunes leaves a state that the next one prunes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from collector.app.locked_state import open_locked_state
from collector.ingest.batches_at_work import BatchesAtWork
from collector.ingest.retired_files import GRACE, delete_retired_files
from collector.model import DeliveryState
from collector.settings import ClientCredentialsAuth, OrgSettings, Secret, Settings
from collector.store.retention_tables import prune_runs
from fakes.old_state import (
    NOW,
    build_pruner,
    dump_state,
    open_old_state,
    set_file_aside,
    store_alert,
    store_file,
)

pytestmark = pytest.mark.slow

PRUNE_AND_DIE = """
import os, signal, sys
from pathlib import Path

import sqlalchemy as sa
from collector.ingest.batches_at_work import BatchesAtWork
from collector.ingest.retired_files import GRACE, delete_retired_files
from fakes.old_state import NOW, build_pruner, open_old_state

steps = int(sys.argv[2])

def count_step(*_):
    global steps
    steps -= 1
    if steps < 0:
        os.kill(os.getpid(), signal.SIGKILL)

unlink = Path.unlink
def unlink_and_count(path, **options):
    unlink(path, **options)
    count_step()
Path.unlink = unlink_and_count

with open_old_state(Path(sys.argv[1])) as state:
    for name in ("begin", "commit"):
        sa.event.listen(state.database._engine, name, count_step)
    build_pruner(state).prune(NOW)
    delete_retired_files(state.database, state.places.archive, BatchesAtWork(), now=NOW + GRACE)
"""


def build_state(folder: Path) -> None:
    with open_old_state(folder) as state:
        for age in (1, 370, 380, 401, 500):
            store_file(state, age)
            store_alert(state, age, DeliveryState.SENT)
        for age in (300, 410):
            set_file_aside(state, age)


def prune(folder: Path) -> dict[str, object]:
    """Prune to the end, and what is left: all rows, and the files."""
    with open_old_state(folder) as state:
        build_pruner(state).prune(NOW)
        delete_retired_files(state.database, state.places.archive, BatchesAtWork(), now=NOW + GRACE)
        files = sorted(
            str(path.relative_to(folder))
            for path in state.places.state_dir.rglob("*")
            if path.suffix in (".parquet", ".csv") and not path.is_relative_to(state.places.spool)
        )
        left = {**dump_state(state), "on the disk": files}
        return {name: left[name] for name in left.keys() - {prune_runs.name, "ledger"}}


def test_killed_at_each_step_the_next_pruning_leaves_the_same(tmp_path):
    build_state(tmp_path / "old")
    shutil.copytree(tmp_path / "old", tmp_path / "whole")
    expected = prune(tmp_path / "whole")
    steps, kills = 0, 0
    while steps < 200:
        folder = tmp_path / str(steps)
        shutil.copytree(tmp_path / "old", folder)
        ended = subprocess.run(
            [sys.executable, "-c", PRUNE_AND_DIE, folder, str(steps)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=False,
        )
        check_start(folder)
        assert expected == prune(folder), steps
        if ended.returncode == 0:
            break
        assert -signal.SIGKILL == ended.returncode, ended.stderr
        kills += 1
        steps += 4
    assert kills > 6


def check_start(folder: Path) -> None:
    """A start finds no stray: what is pruned and still there is known."""
    auth = ClientCredentialsAuth(client_id="x", client_secret=Secret("y"))
    org = OrgSettings(name="acme", login_url="https://acme.my.salesforce.com", auth=auth)
    settings = Settings(state_dir=folder / "state", orgs=(org,))
    with open_old_state(folder) as state:
        paths = state.places
    with open_locked_state(settings, paths):
        pass
    assert not paths.strays.exists()
