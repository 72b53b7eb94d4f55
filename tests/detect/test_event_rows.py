"""A row that DuckDB answers with is an event: its columns by name, times in UTC, NULL left out."""

from datetime import UTC, datetime

from collector import engine
from collector.detect.event_rows import build_event, list_column_names, name_values

QUERY = "SELECT 'e1' AS event_uid, TIMESTAMPTZ '2026-03-01 13:00:00+01' AS time, NULL AS query"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_row_is_named_after_its_columns():
    with engine.open_engine() as connection:
        result = connection.execute(QUERY)
        names = list_column_names(result)
        (row,) = result.fetchall()
    event = build_event(names, row)

    assert {"event_uid": "e1", "time": NOON, "query": None} == name_values(names, row)
    assert {"event_uid": "e1", "time": NOON} == event
    assert UTC is event["time"].tzinfo
