"""What commands ask of a state is read from indexes, however large it has grown."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from collector.store import alerts, health_snapshot, ledger_totals
from collector.store.database import open_database
from fakes.model_samples import NOON


@pytest.fixture
def explain(tmp_path):
    """The steps of SQLite's plan for the statement that a query runs."""
    database = open_database(tmp_path)

    def read_plan(query):
        statements = []
        with database.read() as connection:
            sa.event.listen(
                connection, "before_cursor_execute", lambda *args: statements.append(args[2:4])
            )
            query(connection)
            ((text, values),) = (each for each in statements if each[0].startswith("SELECT"))
            driver = connection.connection.driver_connection
            return [row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {text}", values)]

    yield read_plan
    database.close()


def test_totals_are_added_up_from_an_index_alone(explain):
    plan = explain(ledger_totals.list_ledger_totals)

    assert [
        "SCAN batches USING COVERING INDEX batches_of_type",
        "SCAN batches USING COVERING INDEX batches_of_note",
    ] == [step for step in plan if " batches" in step]


def test_a_check_of_health_looks_at_no_batches_but_those_that_could_not_be_used(explain):
    (step,) = explain(lambda connection: health_snapshot.list_unusable_batches(connection, NOON))

    assert "SEARCH batches USING INDEX unusable_batches (received>?)" == step


def test_the_newest_alerts_are_the_first_of_an_index(explain):
    plan = explain(lambda connection: alerts.list_alerts(connection, limit=50))

    assert "SCAN alerts USING INDEX alerts_by_time" == plan[0]
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan  # only alerts of one moment are sorted


def test_an_alert_is_looked_up_by_the_beginning_of_its_id(explain):
    (step,) = explain(lambda connection: alerts.find_alerts_by_prefix(connection, "3bcf"))

    assert step.startswith("SEARCH alerts USING INDEX")
