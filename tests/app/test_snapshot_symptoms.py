"""Damage of the state that comes while the daemon works is found by its snapshots, and told."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest

from collector import clock
from collector.demo import EmbeddedOrg, OrgStore
from collector.errors import DamagedStateError
from collector.store import alerts
from fakes.collector_setup import open_test_collector, write_config

pytestmark = pytest.mark.slow


def damage_index(database):
    """Overwrite the page of an index that nothing asks for here."""
    with sqlite3.connect(database) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'measures_by_time'"
        (page,) = connection.execute(query).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xa5" * size)


def test_damage_while_it_works_is_an_alert(tmp_path):
    with (
        EmbeddedOrg(OrgStore()) as org,
        open_test_collector(write_config(tmp_path, org)) as collector,
    ):
        damage_index(tmp_path / "state" / "state.db")
        with pytest.raises(DamagedStateError):
            collector.snapshot_keeper.keep_snapshots()
        [symptom] = collector.health_monitor.check_health(clock.now() + timedelta(seconds=1))
        with collector.database.read() as connection:
            [alert] = alerts.list_alerts(connection, rule="collector-health")

    assert ("state", "damaged") == (symptom.subject, symptom.state)
    assert alert.title.startswith("Collector: state database is damaged: the state database")
