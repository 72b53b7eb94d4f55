"""Normalizes records as the product does: CSV on disk, one SELECT, Parquet."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from itertools import count

import pytest

from collector import engine, normalize
from collector.model import Batch, Stream

LOG_TIME = datetime(2026, 3, 1, 12, tzinfo=UTC)
RECEIVED = datetime(2026, 3, 2, tzinfo=UTC)


class Normalizer:
    """Turns records into events; `rows` are lists of values, `records` are dicts."""

    def __init__(self, connection, directory):
        self.connection = connection
        self.directory = directory
        self.segment_numbers = count()

    def build_batch(self, event_type, columns, paths=()):
        return Batch(
            key="batch-1",
            stream=Stream(org="acme", source="event_log_file", name="*"),
            event_type=event_type,
            log_time=LOG_TIME,
            received=RECEIVED,
            segments=tuple(paths),
            columns=tuple(columns),
            record_prefix="0AT5f000000ABCDEAA",
            dedupe=False,
            cursor=None,
        )

    def write_csv(self, columns, rows, *, line_end="\n"):
        path = self.directory / f"segment-{next(self.segment_numbers)}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator=line_end)
            lines.writerow(columns)
            lines.writerows(rows)
        return path

    def normalize_segment(self, event_type, columns, path, *, segment=0):
        """The Parquet file's rows, and its columns with their types."""
        batch = self.build_batch(event_type, columns, [path])
        relation = normalize.build_segment_relation(path, columns)
        select = normalize.build_segment_select(
            batch=batch,
            segment=segment,
            relation=relation,
            lookups=normalize.load_lookups(self.connection, batch, relation),
        )
        target = path.with_suffix(".parquet")
        self.connection.execute(f"COPY ({select}) TO '{target}' (FORMAT parquet)")
        rows = self.connection.execute(f"SELECT * FROM read_parquet('{target}')")
        types = {column[0]: str(column[1]) for column in rows.description}
        return [dict(zip(types, row, strict=True)) for row in rows.fetchall()], types

    def normalize_rows(self, event_type, columns, *rows, segment=0):
        path = self.write_csv(columns, rows)
        return self.normalize_segment(event_type, columns, path, segment=segment)[0]

    def normalize_records(self, event_type, *records):
        columns = list(dict.fromkeys(name for record in records for name in record))
        return self.normalize_rows(
            event_type, columns, *([record.get(name, "") for name in columns] for record in records)
        )

    def normalize_record(self, event_type, **record):
        [event] = self.normalize_records(event_type, record)
        return event


@pytest.fixture(scope="session")
def duck():
    connection = engine.open_engine()
    yield connection
    connection.close()


@pytest.fixture
def normalizer(duck, tmp_path):
    return Normalizer(duck, tmp_path)


@pytest.fixture(scope="module")
def evaluate(duck):
    """The value of a SQL expression over the column x, for each of some texts."""

    def run(expression, texts, source="SELECT unnest(?::VARCHAR[]) AS x"):
        rows = duck.execute(f"SELECT {expression} FROM ({source})", [texts]).fetchall()
        return [row[0] for row in rows]

    return run
