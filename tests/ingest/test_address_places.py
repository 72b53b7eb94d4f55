"""Events say where their addresses are, once somebody has named a database."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from collector import clock, engine
from collector.collection.local_files import build_batch, list_columns
from collector.csv_segments import write_records
from collector.detect import RuleSet
from collector.geoip import PlaceDatabases
from collector.ingest.pipeline import Pipeline
from collector.ingest.state_paths import StatePaths
from collector.store.database import open_database
from fakes.mmdb_files import build_database


@pytest.fixture
def taken_in(tmp_path):
    """The places of the events of a batch of logins, given the path of the database."""
    with ExitStack() as stack:
        paths = StatePaths(state_dir=tmp_path / "state")
        paths.create_folders()
        database = open_database(paths.state_dir)
        stack.callback(database.close)
        connection = engine.open_engine(paths.spool)
        stack.callback(connection.close)
        pipeline = Pipeline(
            database=database,
            connection=connection,
            paths=paths,
            rules=RuleSet(rules=()),
            databases=PlaceDatabases([tmp_path / "places.mmdb"]),
        )

        def ingest(identity, *records):
            events = [{"EVENT_TYPE": "Login", **record} for record in records]
            segments = write_records(paths.spool, identity, list_columns(events), events)
            batch = build_batch(
                "Login", segments, org="acme", identity=identity, received=clock.now()
            )
            pipeline.ingest(batch)
            [path] = paths.archive.root.rglob(f"*{batch.key}*.parquet")
            return connection.execute(
                "SELECT country, asn, as_org FROM read_parquet(?) ORDER BY event_uid", [str(path)]
            ).fetchall()

        yield ingest


def test_events_have_the_place_of_their_address_and_a_new_database_counts_at_once(
    taken_in, tmp_path
):
    record = {"country": "DE", "asn": "AS64500", "as_name": "Example Hosting"}
    path = tmp_path / "places.mmdb"
    logins = [
        {"SOURCE_IP": "192.0.2.7"},
        {"SOURCE_IP": "192.0.2.9", "COUNTRY_CODE": "AT"},
        {"SOURCE_IP": "198.51.100.1", "COUNTRY_CODE": "CH"},
        {"SOURCE_IP": "Salesforce.com IP"},
    ]

    before = taken_in("one", *logins[:1])
    path.write_bytes(build_database({"192.0.2.0/24": record}))
    found = taken_in("two", *logins)
    path.write_bytes(build_database({"192.0.2.0/24": {**record, "country": "FR"}}))
    after = taken_in("three", *logins[:1])

    assert [(None, None, None)] == before
    assert [
        ("DE", 64500, "Example Hosting"),
        ("AT", 64500, "Example Hosting"),
        ("CH", None, None),
        (None, None, None),
    ] == found
    assert [("FR", 64500, "Example Hosting")] == after
