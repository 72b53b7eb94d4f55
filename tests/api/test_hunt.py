"""SQL over the archive: rows, and errors that say whose fault it was."""

from __future__ import annotations

import pytest

from collector.api.hunt import run_hunt, to_json_lines
from collector.clock import EPOCH
from collector.errors import CollectorError, HuntError, HuntLimitError, InvalidSqlError
from collector.model import DirectoryPage, EntryReading
from collector.settings.directory_settings import UserClaimsSettings
from collector.store import directory_entries
from fakes.databases import open_sqlite_state


def hunt(settings, sql, *, seconds=30.0, limit=10):
    return run_hunt(settings, sql, timeout_seconds=seconds, limit=limit)


def test_rows_are_typed_and_cut_at_the_limit(collected):
    answer = hunt(collected.settings, "SELECT user_name FROM Login ORDER BY 1", limit=4)

    assert ("user_name",) == answer.columns
    assert (4, True) == (len(answer.rows), answer.truncated)


def test_json_numbers_columns_of_the_same_name(collected):
    answer = hunt(collected.settings, "SELECT 1 n, 'a' n, NULL n, DATE '2026-03-01' d, ['x'] l")

    assert [{"n": 1, "n_2": "a", "n_3": None, "d": "2026-03-01", "l": ["x"]}] == list(
        to_json_lines(answer)
    )


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELEC", "syntax error"),
        ("SELECT nothing FROM Login", "nothing"),
        ("SELECT * FROM nowhere", "There are events, Login, LoginHistory, SignIn, users, apps"),
    ],
)
def test_a_mistake_is_told_as_one_in_one_sentence(collected, sql, words):
    with pytest.raises(InvalidSqlError, match=words) as caught:
        hunt(collected.settings, sql)

    assert "\n" not in str(caught.value)


def test_a_query_that_takes_too_long_is_no_mistake(collected):
    slow = "SELECT count(*) FROM range(100000000) a, range(100000) b"
    with pytest.raises(HuntError, match=r"more than 0\.1 seconds") as caught:
        hunt(collected.settings, slow, seconds=0.1)

    assert HuntLimitError is type(caught.value)


def test_a_state_that_is_not_there_is_told(uncollected):
    with pytest.raises(CollectorError, match="nothing has been collected yet"):
        hunt(uncollected, "SELECT 1")


def test_the_directory_can_be_asked_before_there_are_events(uncollected):
    uncollected.state_dir.mkdir()
    reading = EntryReading(kind="user", id="0051", values={"username": "ada@acme.com"})
    database = open_sqlite_state(uncollected.state_dir)
    with database.begin() as connection:
        page = DirectoryPage(read=EPOCH, readings=(reading,))
        directory_entries.save_directory_page(connection, "acme", page, now=EPOCH)
    database.close()
    claims = UserClaimsSettings(admins=("ada@acme.com",))
    settings = uncollected.model_copy(update={"directory": claims})

    answer = hunt(settings, "SELECT org, username, is_admin FROM Users")

    assert (("acme", "ada@acme.com", True),) == answer.rows
