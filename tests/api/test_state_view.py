"""The state is opened for those who look; where there is none, none is made."""

from __future__ import annotations

import pytest

from collector.api.state_view import open_state_view, read_archive_files
from collector.errors import CollectorError
from collector.store.database import open_database


def test_a_state_that_is_not_there_is_told_and_not_made(uncollected):
    with (
        pytest.raises(CollectorError, match="nothing has been collected"),
        open_state_view(uncollected),
    ):
        pass

    assert not uncollected.state_dir.exists()


def test_an_empty_archive_is_told(uncollected):
    uncollected.state_dir.mkdir()
    open_database(uncollected.state_dir).close()

    with pytest.raises(CollectorError, match="the archive is empty"):
        read_archive_files(uncollected)


def test_the_files_of_an_org_are_those_that_are_committed(collected):
    files = read_archive_files(collected.settings)

    assert {"Login", "LoginHistory"} == {file.event_type for file in files}
    assert files == read_archive_files(collected.settings, org="acme")
