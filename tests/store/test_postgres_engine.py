"""A PostgreSQL server that is frozen, or works for another collector already."""

from __future__ import annotations

import os
import signal
import subprocess
import threading

import pytest
import sqlalchemy as sa
from cli.processes import COMMAND, run_collector, write_config

from collector.errors import StateBusyError, StateDatabaseError
from collector.store import ledger, postgres_engine
from collector.store.database import open_database
from fakes import databases
from fakes.freezing_proxy import open_freezing_proxy

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(
        not databases.POSTGRES_URL,
        reason="COLLECTOR_TEST_POSTGRES names no PostgreSQL to test with",
    ),
]


@pytest.fixture
def proxy():
    """A way to an empty database, of which nothing is left afterwards."""
    url = sa.make_url(databases.create_postgres_database())
    with open_freezing_proxy(url.host, url.port) as opened:
        yield opened
    server = sa.create_engine(url)
    with server.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    server.dispose()


@pytest.fixture
def url(proxy):
    through = sa.make_url(databases.create_postgres_database()).set(port=proxy.port)
    return through.render_as_string(hide_password=False)


def read_orgs(database):
    with database.read() as connection:
        return ledger.list_archived_orgs(connection)


def test_a_server_that_does_not_answer_is_said_not_to(proxy, url, tmp_path, monkeypatch):
    monkeypatch.setattr(postgres_engine, "ANSWER_SECONDS", 1.0)
    database = open_database(tmp_path, url)
    proxy.freeze()

    with pytest.raises(StateDatabaseError, match="failed"):
        read_orgs(database)
    with pytest.raises(StateDatabaseError, match="failed"):
        read_orgs(database)
    proxy.thaw()
    assert [] == read_orgs(database)
    database.close()


def test_once_we_are_asked_to_end_no_wait_is_long(proxy, url, tmp_path):
    database, stop_event = open_database(tmp_path, url), threading.Event()
    database.end_with(stop_event)
    failures = []

    def work():
        try:
            with database.begin() as connection:
                connection.execute(sa.text("SELECT 1"))
                proxy.freeze()
                connection.execute(sa.text("SELECT 2"))
        except StateDatabaseError as error:
            failures.append(str(error))

    worker = threading.Thread(target=work)
    worker.start()
    stop_event.set()
    worker.join(timeout=10)

    assert not worker.is_alive()
    assert ["does not answer" in failure for failure in failures] == [True]
    database.close()


def test_one_process_works_with_a_database(url, tmp_path):
    first, second = open_database(tmp_path, url), open_database(tmp_path, url)
    with (
        first.hold_exclusively(),
        pytest.raises(StateBusyError, match="one collector works with a database"),
        second.hold_exclusively(),
    ):
        pass
    with second.hold_exclusively():
        assert [] == read_orgs(first)
    first.close()
    second.close()


@pytest.mark.slow
def test_a_daemon_refuses_a_second_one_and_ends_in_time_while_the_server_is_frozen(
    proxy, url, tmp_path
):
    channels = {"here": {"type": "terminal"}}
    config = write_config(tmp_path, "http://127.0.0.1:9", channels=channels, database_url=url)
    other = tmp_path / "other"
    other.mkdir()
    second = write_config(other, "http://127.0.0.1:9", channels=channels, database_url=url)
    daemon = subprocess.Popen(
        [*COMMAND, "run", "-c", str(config)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SF_SECRET": "x"},
    )
    assert any("daemon_started" in line for line in daemon.stderr)

    refused = run_collector("run", "--once", "-c", second, cwd=other)
    assert 1 == refused.returncode
    assert "in use by another collector" in refused.stderr

    proxy.freeze()
    daemon.send_signal(signal.SIGTERM)
    daemon.communicate(timeout=10)
    assert daemon.returncode is not None
