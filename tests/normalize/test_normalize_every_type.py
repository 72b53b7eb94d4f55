"""Every documented event type, with all of its columns filled, becomes events."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from collector import normalize
from collector.model.event_columns import CANONICAL_COLUMNS, NON_NULL_COLUMNS

DOCUMENTED = json.loads(files("collector.normalize").joinpath("columns.json").read_text())
FORMS = [
    (form, event_type, tuple(columns))
    for form, types in DOCUMENTED.items()
    for event_type, columns in types.items()
]


def plausible(column, event_type, number):
    special = {
        "EVENT_TYPE": event_type,
        "TIMESTAMP": "20260301101112.345",
        "TIMESTAMP_DERIVED": "2026-03-01T10:11:12.345Z",
        "EventDate": "2026-03-01T10:11:12.345+0000",
        "LoginTime": "2026-03-01T10:11:12.345+0000",
        "CreatedDate": "2026-03-01T10:11:12.345+0000",
        "ObservedDate": "2026-03-01T10:11:12.345Z",
        "systemModstamp": "2026-03-01T10:11:12.345+0000",
        "EventIdentifier": f"5b1c0000-aaaa-4bbb-8ccc-00000000000{number}",
        "Id": f"0Ym5f00000000{number}AAAA",
        "Score": "0.855",
        "SCORE": "85.5",
    }
    if column in special:
        return special[column]
    name = column.lower()
    if name.endswith("ip"):
        return f"192.0.2.{number}"
    if "user" in name and "id" in name:
        return f"0055f00000ABCD{number}"
    if any(word in name for word in ("count", "number", "rows", "records", "time", "size")):
        return str(10 + number)
    return f"{column} {number}"


@pytest.mark.parametrize(("form", "event_type", "columns"), FORMS, ids=lambda v: str(v)[:40])
def test_every_documented_column_is_kept_and_every_event_has_all_canonical_columns(
    normalizer, form, event_type, columns
):
    rows = [[plausible(column, event_type, number) for column in columns] for number in (1, 2)]
    path = normalizer.write_csv(columns, rows)

    events, types = normalizer.normalize_segment(event_type, columns, path)

    assert {n: k for n, k in types.items() if n in CANONICAL_COLUMNS} == {
        name: {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}.get(kind, kind)
        for name, kind in CANONICAL_COLUMNS.items()
    }
    assert list(types)[: len(CANONICAL_COLUMNS)] == list(CANONICAL_COLUMNS)
    for event, row in zip(events, rows, strict=True):
        natives = [event[normalize.find_physical_column(column, event_type)] for column in columns]
        assert natives == row
        assert all(event[column] is not None for column in NON_NULL_COLUMNS)
        assert event["time"].isoformat() == "2026-03-01T10:11:12.345000+00:00"
    assert len({event["event_uid"] for event in events}) == 2


@pytest.mark.slow
@pytest.mark.parametrize(("form", "event_type", "columns"), FORMS, ids=lambda v: str(v)[:40])
def test_what_a_type_is_said_to_fill_is_the_only_thing_that_it_fills(
    normalizer, form, event_type, columns
):
    [event] = normalizer.normalize_rows(
        event_type, columns, [plausible(column, event_type, 1) for column in columns]
    )

    filled = {name for name in CANONICAL_COLUMNS if event[name] is not None}

    assert filled <= normalize.list_fields(event_type)


@pytest.mark.slow
def test_the_files_of_several_types_can_be_read_as_one_table(normalizer, duck):
    paths = []
    for _, event_type, columns in FORMS:
        row = [plausible(column, event_type, 1) for column in columns]
        path = normalizer.write_csv(columns, [row])
        normalizer.normalize_segment(event_type, columns, path)
        paths.append(str(path.with_suffix(".parquet")))

    [(number,)] = duck.execute(
        "SELECT count(*) FROM read_parquet(?, union_by_name = true)", [paths]
    ).fetchall()

    assert number == len(FORMS)
