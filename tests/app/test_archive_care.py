"""The daemon looks after its archive by itself: what rots is found, set aside and fetched again."""

import json
import signal
import sys
import threading

import pytest

from collector import clock
from collector.app import daemon
from collector.demo import EmbeddedOrg, OrgStore
from collector.store import damaged_files, hash_chain, scrub_progress
from fakes.collector_setup import (
    HOUR,
    build_log_file,
    list_stored_values,
    open_test_collector,
    poll_sources,
    write_config,
)

HOUR_AGO = clock.now().replace(minute=0, second=0, microsecond=0) - HOUR


@pytest.fixture
def process_settings():
    """What the daemon changes of its process is as it was afterwards."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    switch_interval = sys.getswitchinterval()
    yield
    sys.setswitchinterval(switch_interval)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.slow
@pytest.mark.usefixtures("process_settings")
def test_a_bit_that_flips_in_the_night_is_found_and_mended(tmp_path, monkeypatch):
    for interval in ("SCRUB_LOOK_SECONDS", "HEALTH_CHECK_SECONDS"):
        monkeypatch.setattr(daemon, interval, 0.2)
    store = OrgStore()
    store.add_files([build_log_file(1, HOUR_AGO, created=HOUR_AGO)])
    with EmbeddedOrg(store) as org:
        config = write_config(tmp_path, org, event_log_file={"settle": "0s", "every": "1s"})
        settings = {
            **json.loads(config.read_text()),
            "archive": {"scrub": "1h", "hash_chain": True},
        }
        config.write_text(json.dumps(settings))
        with open_test_collector(config) as collector:
            poll_sources(collector)
        stored = list_stored_values(tmp_path, "event_uid")
        (path,) = (tmp_path / "state" / "archive").rglob("*.parquet")
        rotten = bytearray(path.read_bytes())
        rotten[len(rotten) // 2] ^= 16
        path.write_bytes(rotten)
        aside = tmp_path / "state" / "damaged" / path.relative_to(tmp_path / "state" / "archive")
        with open_test_collector(config) as collector:

            def stop_once_mended():
                try:
                    wait_until(aside.exists)
                    wait_until(lambda: path.exists() and not list_damages(collector))
                finally:
                    collector.stop_event.set()

            watcher = threading.Thread(target=stop_once_mended)
            watcher.start()
            daemon.run_forever(collector)
            watcher.join()
            with collector.database.read() as connection:
                assert scrub_progress.read_scrub_progress(connection) is not None
                assert hash_chain.read_chain_head(connection).number >= 3

    assert bytes(rotten) == aside.read_bytes()
    assert set(stored) < set(list_stored_values(tmp_path, "event_uid"))


def list_damages(collector):
    with collector.database.read() as connection:
        return damaged_files.list_damaged_files(connection)


def wait_until(condition):
    deadline = clock.monotonic() + 60
    while not condition():
        assert clock.monotonic() < deadline
        clock.wait(0.1)
