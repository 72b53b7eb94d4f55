"""What a source knows of single things is written with its batch, and with nothing else."""

import pytest

from collector.model import Stream
from collector.store import tracked_objects
from fakes.databases import open_sqlite_state
from fakes.model_samples import build_batch

TOKENS = Stream(org="acme", source="oauth_tokens", name="OauthToken")


@pytest.fixture
def database(tmp_path):
    opened = open_sqlite_state(tmp_path)
    yield opened
    opened.close()


def remember(database, things, stream=TOKENS):
    with database.begin() as connection:
        tracked_objects.save_object_states(
            connection, build_batch(stream=stream, state_updates=things)
        )


def recall(database, org="acme", source="oauth_tokens"):
    with database.read() as connection:
        return tracked_objects.read_object_states(connection, org=org, source=source)


def test_what_is_remembered_is_recalled_changed_and_forgotten(database):
    remember(database, {"a": {"n": 1}, "b": {"n": 2}, "c": {"n": None}})
    remember(database, {"a": {"n": 3}, "b": None, "never": None})

    assert {"a": {"n": 3}, "c": {"n": None}} == recall(database)


def test_a_batch_that_says_nothing_changes_nothing(database):
    remember(database, {"a": {}})
    remember(database, {})

    assert {"a": {}} == recall(database)


def test_orgs_and_sources_are_kept_apart(database):
    remember(database, {"a": {"n": 1}})
    remember(database, {"a": {"n": 2}}, Stream(org="other", source="oauth_tokens", name="x"))
    remember(database, {"a": None}, Stream(org="acme", source="bulk_jobs", name="query"))

    assert {"a": {"n": 1}} == recall(database)
    assert {"a": {"n": 2}} == recall(database, org="other")
    assert {} == recall(database, source="bulk_jobs")


def test_streams_of_one_source_share_what_it_knows(database):
    remember(database, {"a": {}}, Stream(org="acme", source="bulk_jobs", name="query"))
    remember(database, {"b": {}}, Stream(org="acme", source="bulk_jobs", name="ingest"))

    assert {"a", "b"} == set(recall(database, source="bulk_jobs"))


def test_thousands_at_once_are_no_problem(database):
    many = {str(number): {"n": number} for number in range(3_000)}
    remember(database, many)
    remember(database, dict.fromkeys(many, None) | {"1": {"n": 0}})

    assert {"1": {"n": 0}} == recall(database)
