"""Files of earlier versions lack columns that came later; who reads them gets these, empty."""

from __future__ import annotations

from collector import engine
from collector.archive.parquet_sql import pad_columns


def test_a_column_that_a_file_lacks_has_its_type():
    relation = pad_columns("(SELECT 'x' AS org)", {"org"}, ["org", "asn", "range_size", "BATCH_ID"])

    with engine.open_engine() as connection:
        described = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()

    assert {"org": "VARCHAR", "asn": "BIGINT", "range_size": "DOUBLE", "BATCH_ID": "VARCHAR"} == {
        row[0]: row[1] for row in described
    }
