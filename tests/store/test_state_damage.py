"""A state database that is damaged is refused in a sentence; a damaged row costs itself."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from math import inf

import pytest
from structlog.testing import capture_logs

from collector.errors import DamagedStateError
from collector.model import PollState, Stream
from collector.store import alerts, ledger
from collector.store.database import open_database, open_database_for_reading
from collector.store.state_check import CheckDepth, find_damage
from fakes.databases import open_sqlite_state
from fakes.model_samples import NOON, build_alert

OPENINGS = [open_database, open_database_for_reading]


@pytest.fixture
def state(tmp_path):
    """A state of three alerts and two streams."""
    database = open_sqlite_state(tmp_path)
    with database.begin() as connection:
        saved = [
            build_alert(id=f"{n}" * 32, key=(f"key {n}",), last_time=NOON + timedelta(minutes=n))
            for n in range(3)
        ]
        alerts.save_alerts(connection, saved, {})
        for name in ("Login", "Report"):
            poll = ledger.PollStatus(
                stream=Stream(org="acme", source="stored_events", name=name),
                state=PollState.OK,
                reason="",
                last_attempt=NOON,
                last_success=NOON,
            )
            ledger.save_poll_status(connection, poll)
    database.close()
    return tmp_path


def change(state, *statements):
    with sqlite3.connect(state / "state.db") as database:
        for statement in statements:
            database.execute(statement)
    database.close()


def list_alert_ids(state):
    database = open_database_for_reading(state)
    try:
        with database.read() as connection:
            return [alert.id[0] for alert in alerts.list_alerts(connection)]
    finally:
        database.close()


@pytest.mark.parametrize("opening", OPENINGS)
def test_a_page_of_garbage_is_refused(state, opening):
    content = bytearray((state / "state.db").read_bytes())
    content[8192:12288] = b"\xa5" * 4096
    (state / "state.db").write_bytes(content)

    with pytest.raises(DamagedStateError, match=r"state\.db is damaged \("):
        opening(state)
    assert bytes(content) == (state / "state.db").read_bytes()


@pytest.mark.parametrize("opening", OPENINGS)
def test_an_index_that_does_not_say_what_its_table_says_is_refused(state, opening):
    """One flipped bit makes rows invisible to whoever looks for them by that index."""
    content = (state / "state.db").read_bytes()
    assert content.count(b"1" * 32) >= 2, "in the table and in the index of its key"
    place = content.index(b"1" * 32)
    flipped = content[:place] + b"3" + content[place + 1 :]
    (state / "state.db").write_bytes(flipped)

    with pytest.raises(DamagedStateError, match="missing from index"):
        opening(state)


@pytest.mark.parametrize(
    ("whole", "outline", "is_found"),
    [(inf, inf, True), (0, inf, False), (0, 0, False)],
    ids=["whole", "without the indexes", "too large to look at"],
)
def test_a_check_goes_as_deep_as_it_is_told(state, whole, outline, is_found):
    """A row that its index does not have: the work of a check grows with what it compares."""
    content = (state / "state.db").read_bytes()
    place = content.index(b"1" * 32)
    (state / "state.db").write_bytes(content[:place] + b"3" + content[place + 1 :])
    depth = CheckDepth(whole_bytes=whole, outline_bytes=outline, seconds=60.0)
    connection = sqlite3.connect(state / "state.db")

    assert is_found == bool(find_damage(connection, depth))
    connection.close()


@pytest.mark.parametrize("opening", OPENINGS)
@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM alembic_version", "DROP TABLE alembic_version"],
    ids=["empty", "gone"],
)
def test_a_state_that_does_not_say_its_schema_is_refused(state, opening, statement):
    change(state, statement)

    with pytest.raises(DamagedStateError, match="does not say which schema it has"):
        opening(state)


BAD_CELLS = {
    "JSON": "context = '[{\"x\": '",
    "JSON of another form": "basis = '[1, 2]'",
    "severity": "severity = 77",
    "status": "status = 'opfn'",
    "time": "created = 1e300",
    "text that is none": "title = CAST(X'FFFE' AS TEXT)",
    "bytes": "title = X'FFFE'",
}


@pytest.mark.parametrize("cell", BAD_CELLS)
def test_a_damaged_cell_costs_its_row(state, cell):
    change(state, f"UPDATE alerts SET {BAD_CELLS[cell]} WHERE key LIKE '%1%'")

    with capture_logs() as logs:
        assert ["2", "0"] == list_alert_ids(state)
    assert [("damaged_rows_left_out", "alerts", 1, ["1" * 32])] == [
        (log["event"], log["table"], log["rows"], log["keys"]) for log in logs
    ]


def test_a_text_that_became_bytes_is_read_as_text(state):
    """It is what one flipped bit does to it; its content is whole."""
    change(state, "UPDATE alerts SET title = CAST(title AS BLOB)")

    assert ["2", "1", "0"] == list_alert_ids(state)


def test_a_damaged_poll_costs_its_stream(state):
    change(state, "UPDATE polls SET state = 'o' WHERE stream = 'Login'")
    database = open_database_for_reading(state)

    with database.read() as connection:
        polls = ledger.list_poll_statuses(connection)
    database.close()

    assert ["Report"] == [poll.stream.name for poll in polls]


def test_what_is_not_a_list_is_refused_in_a_sentence(state):
    change(state, "INSERT INTO cursors VALUES ('acme', 'stored_events', 'Login', 1e300, '')")
    database = open_database(state)

    with database.read() as connection, pytest.raises(DamagedStateError, match="is to be a time"):
        ledger.read_cursor(connection, Stream(org="acme", source="stored_events", name="Login"))
    database.close()
