"""What looks at every committed file reads no more of it than its path and its size."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from collector import clock
from collector.app.configuration import read_configuration
from collector.app.locked_state import open_locked_state
from collector.demo import EmbeddedOrg, OrgStore
from collector.detect import RuleSet
from collector.ingest.archive_claim import claim_archive
from collector.store import damaged_files
from fakes.collector_setup import write_config
from fakes.compaction_bench import list_files, take_log_file
from fakes.pipeline_bench import open_pipeline_bench

COUNT, PATH, SIZE = "count(*) AS count_1", "files.path", "files.path, files.bytes"


@pytest.fixture
def bench(tmp_path):
    with open_pipeline_bench(tmp_path, rules=RuleSet(rules=())) as opened:
        claim_archive(opened.database, opened.places.archive)
        take_log_file(opened, 0)
        take_log_file(opened, 1)
        yield opened


@pytest.fixture
def looks():
    """What statements select of all committed files, as they are run."""
    selected = []

    def note_statement(*context):
        words = " ".join(context[2].split())
        found = re.fullmatch(r"SELECT (.*) FROM files(?: ORDER BY .*)?", words)
        selected.extend(found.groups() if found else ())

    sa.event.listen(sa.Engine, "before_cursor_execute", note_statement)
    yield selected
    sa.event.remove(sa.Engine, "before_cursor_execute", note_statement)


def test_a_health_check_reads_the_rows_of_those_that_are_missing_alone(bench, looks):
    bench.pipeline.set_absent_files_aside(clock.now())

    assert [SIZE] == looks
    gone, present = list_files(bench.database)
    (bench.places.state_dir / "archive" / gone.path).unlink()
    looks.clear()
    bench.pipeline.set_absent_files_aside(clock.now())

    assert [SIZE] == looks
    with bench.database.read() as connection:
        (damaged,) = damaged_files.list_damaged_files(connection)
    assert (gone, "it is not there") == (damaged.file, damaged.reason)
    assert [present] == list_files(bench.database)


def test_a_start_counts_them_and_takes_their_paths(bench, looks, tmp_path):
    with EmbeddedOrg(OrgStore()) as org:
        settings = read_configuration(write_config(tmp_path, org), {}).settings
    bench.database.close()
    with open_locked_state(settings, bench.places):
        pass

    assert [COUNT, PATH] == looks
