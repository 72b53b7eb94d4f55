"""What the engines of a collector may hold together is what its configuration says."""

from __future__ import annotations

import json

import pytest

from collector import engine
from collector.archive.local_archive import LocalArchive
from collector.demo import EmbeddedOrg, OrgStore
from fakes.collector_setup import build_log_file, open_test_collector, poll_sources, write_config
from fakes.polling_bench import HOUR
from fakes.start_time import read_start_time

pytestmark = pytest.mark.slow

MEMORY = 256 * 10**6


def read_limit(connection):
    """The bytes that an engine may hold."""
    ((text,),) = connection.execute("SELECT current_setting('memory_limit')").fetchall()
    return float(text.removesuffix(" MiB")) * engine.MIB


def test_what_merges_files_takes_its_memory_from_what_was_set(tmp_path, monkeypatch):
    hour = read_start_time() - 24 * HOUR
    store = OrgStore()
    store.add_files(
        [build_log_file(n, hour, sequence=n, created=read_start_time()) for n in range(1, 8)]
    )
    limits, stage = [], LocalArchive.stage_compacted_events

    def note_limit(archive, connection, files, origin):
        limits.append(read_limit(connection))
        return stage(archive, connection, files, origin)

    monkeypatch.setattr(LocalArchive, "stage_compacted_events", note_limit)
    with EmbeddedOrg(store) as org:
        config = write_config(tmp_path, org, event_log_file={"settle": "0s", "lookback": "3d"})
        config.write_text(
            json.dumps(json.loads(config.read_text()) | {"engine": {"memory": MEMORY}})
        )
        with open_test_collector(config) as collector:
            poll_sources(collector)
            assert 1 == collector.pipeline.compactor.compact_days().made_files
            with collector.pipeline._context.cursors.open_cursor() as cursor:
                limits.append(read_limit(cursor))
            with collector.pipeline._context.spare_engine.open_spare(tmp_path) as spare:
                limits.append(read_limit(spare))

    assert 3 == len(limits)
    assert sum(limits) <= MEMORY
