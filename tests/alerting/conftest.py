"""Episodes in a state database of their own."""

import pytest

from fakes.databases import open_sqlite_state
from fakes.episode_bench import EpisodeBench


@pytest.fixture
def database(tmp_path):
    opened = open_sqlite_state(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def episodes(database):
    """Those of a rule that looks at single events."""
    return EpisodeBench(database)
