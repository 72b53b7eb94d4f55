"""Files become batches of one event type each, or a reason why they do not."""

from __future__ import annotations

import csv
import gzip
import json
import os
from pathlib import Path

import pytest

from collector.collection import local_files
from collector.collection.local_files import SkippedFile
from collector.demo.event_log import render_csv_line
from collector.model import Batch

LOGIN = {"EVENT_TYPE": "Login", "USER_NAME": "ada@acme.com"}
API_EVENT = {"attributes": {"type": "ApiEvent"}, "EventIdentifier": "e1", "Operation": "Query"}


@pytest.fixture
def spool(tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


@pytest.fixture
def batches(tmp_path, spool):
    """What scan makes of a file with that name and content."""

    def read(name, content, **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return list(local_files.read_batches(path, spool, **options))

    return read


def table(*records):
    columns = list(records[0])
    return render_csv_line(columns) + "".join(
        render_csv_line(list(record.values())) for record in records
    )


def rows(batch):
    """The records of a batch, by column."""
    found = []
    for segment in batch.segments:
        with segment.open(newline="", encoding="utf-8") as file:
            next(file)
            found += [dict(zip(batch.columns, row, strict=True)) for row in csv.reader(file)]
    return found


def types(parts):
    return [part.event_type for part in parts if isinstance(part, Batch)]


def reasons(parts):
    return [part.reason for part in parts if isinstance(part, SkippedFile)]


# ---- which type


def test_a_log_says_in_its_rows_what_it_is(batches):
    (batch,) = batches("x.csv", table(LOGIN, LOGIN))

    assert "Login" == batch.event_type
    assert [LOGIN, LOGIN] == rows(batch)


def test_the_texts_that_differ_from_the_name_of_the_type_are_known(batches):
    assert ["AsyncReportRun"] == types(
        batches("x.csv", table({**LOGIN, "EVENT_TYPE": "AsynchronousReportRun"}))
    )


def test_without_that_the_name_of_the_file_says_it(batches):
    bare = table({"USER_NAME": "ada@acme.com"})

    assert ["Login"] == types(batches("2026-03-01_login.csv", bare))
    assert ["LoginHistory"] == types(batches("LoginHistory.part1.json", '[{"SourceIp": "::1"}]'))


def test_what_is_given_is_believed_before_all_else(batches):
    assert ["Logout"] == types(batches("login.csv", table(LOGIN), event_type="Logout"))
    assert ["Novel"] == types(batches("x.json", json.dumps(API_EVENT), event_type="Novel"))


def test_a_file_of_no_known_type_is_skipped_and_says_how_to_give_one(batches, spool):
    for name, content in (("x.csv", table({"Id": "1"})), ("x.json", '{"Id": "1"}')):
        parts = batches(name, content)

        assert [] == types(parts)
        assert ["--type" in reason for reason in reasons(parts)] == [True]
    assert [] == list(spool.iterdir())


def test_records_of_other_objects_are_no_events(batches):
    account = {"attributes": {"type": "Account"}, "Name": "Acme"}
    parts = batches("x.json", json.dumps([account, API_EVENT, account]))

    assert ["ApiEvent"] == types(parts)
    assert "2 × a record that is no known event" in reasons(parts)[0]


def test_an_event_type_that_is_not_documented_yet_is_taken(batches):
    novel = {"attributes": {"type": "BrandNewEventStore"}, "Anything": "1"}

    assert ["BrandNewEventStore"] == types(batches("x.json", json.dumps(novel)))
    assert ["BrandNew"] == types(batches("x.json", json.dumps({**LOGIN, "EVENT_TYPE": "BrandNew"})))


@pytest.mark.parametrize("name", ["../../etc", "a/b", "", "x" * 300, "Ev\nil", None, 5, ["Login"]])
def test_a_type_that_could_not_be_part_of_a_path_is_none(name):
    assert None is local_files.read_event_type({"EVENT_TYPE": name})
    assert None is local_files.read_event_type({"attributes": {"type": name}})


# ---- JSON in its shapes


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(API_EVENT),
        json.dumps([API_EVENT]),
        json.dumps([API_EVENT], indent=2),
        json.dumps({"totalSize": 1, "done": True, "records": [API_EVENT]}, indent=2),
        json.dumps({"channel": "/event/x", "data": {"schema": "s", "payload": API_EVENT}}),
        json.dumps(API_EVENT) + "\n\n",
        "\ufeff" + json.dumps(API_EVENT),
        "\n  " + json.dumps(API_EVENT, indent=1),
    ],
)
def test_a_record_is_found_in_every_wrapping(batches, content):
    (batch,) = batches("x.json", content)

    assert [{"EventIdentifier": "e1", "Operation": "Query"}] == rows(batch)


def test_ndjson_is_read_line_by_line_and_a_bad_line_spoils_no_other(batches):
    lines = [json.dumps(API_EVENT), "{broken", "", json.dumps(LOGIN), "[" * 99_999, "null"]
    parts = batches("x.ndjson", "\n".join(lines))

    assert ["ApiEvent", "Login"] == types(parts)
    assert ["2 × a line that is no JSON"] == reasons(parts)


def test_numbers_keep_the_digits_that_they_came_with(batches):
    (batch,) = batches("x.json", '[{"EVENT_TYPE": "Login", "A": 1.50, "B": 12345678901234567890}]')

    assert ("1.50", "12345678901234567890") == (rows(batch)[0]["A"], rows(batch)[0]["B"])


def test_a_key_that_can_name_no_column_costs_that_value_alone(batches):
    record = {**LOGIN, "a,b": "1", 'c"d': "2", "": "3", "5": "4", "Fine.Name": "5"}
    (batch,) = batches("x.json", json.dumps(record))

    assert [{**LOGIN, "Fine.Name": "5"}] == rows(batch)


def test_an_answer_without_records_is_no_fault(batches):
    assert [] == batches("x.json", '{"totalSize": 0, "done": true, "records": []}')


def test_many_records_come_in_several_batches(batches):
    count = local_files.MAX_BATCH_RECORDS + 1
    parts = batches(
        "x.ndjson", "".join(f'{{"EVENT_TYPE":"Login","N":{n}}}\n' for n in range(count))
    )

    assert [local_files.MAX_BATCH_RECORDS, 1] == [len(rows(part)) for part in parts]
    assert 2 == len({part.key for part in parts})


# ---- the same content, and content that cannot be read


def test_a_batch_is_known_by_its_content_not_by_its_name_or_packing(batches):
    content = table(LOGIN)
    keys = {
        batches(name, data)[0].key
        for name, data in [("a.csv", content), ("b.csv", content), ("c.csv.gz", _gzip(content))]
    }

    assert 1 == len(keys)
    assert keys.isdisjoint({batches("d.csv", table(LOGIN, LOGIN))[0].key})
    record = json.dumps(API_EVENT)

    assert batches("a.json", record)[0].key == batches("b.json.gz", _gzip(record))[0].key


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.csv.gz", gzip.compress(table(LOGIN).encode() * 99, mtime=0)[:90]),
        ("bad.csv.gz", b"\x1f\x8b\x08" + b"garbage" * 9),
        ("noise.csv.gz", gzip.compress(b"", mtime=0)[:10] + b"\xff" * 99),
        ("crc.csv.gz", gzip.compress(table(LOGIN).encode(), mtime=0)[:-8] + b"\0" * 8),
        ("empty.csv", b""),
        ("page.csv", b"<html><body>Login"),
        ("cut.json", b'{"EVENT_TYPE": "Login",\n "USER_NAME"'),
        ("deep.json", b"[" * 99_999),
        ("noise.json", bytes(range(256)) * 9),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_read_is_skipped_with_a_reason_and_leaves_nothing(
    batches, spool, name, content
):
    (reason,) = reasons(batches(name, content))

    assert reason
    assert [] == list(spool.iterdir())


def test_a_missing_file_is_skipped(tmp_path, spool):
    (skipped,) = local_files.read_batches(tmp_path / "gone.csv", spool)

    assert "cannot be read: No such file or directory" == skipped.reason


def test_a_name_that_is_no_text_is_fine(batches):
    assert ["Login"] == types(batches(os.fsdecode(b"\xff.csv"), table(LOGIN)))


def test_records_were_received_when_the_file_was_written(batches, tmp_path):
    path = tmp_path / "x.csv"
    batches("x.csv", table(LOGIN))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    (batch,) = local_files.read_batches(path, tmp_path / "spool")

    assert "2023-11-14T22:13:20+00:00" == batch.received.isoformat()


# ---- finding


def test_folders_give_their_logs_and_with_recursion_those_below(tmp_path):
    for name in ("b.csv", "a.json", "c.NDJSON", "d.csv.gz", "e.txt", "below/f.csv", "below/g.xml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    assert ["a.json", "b.csv", "c.NDJSON", "d.csv.gz"] == _names([tmp_path], recursive=False)
    assert ["a.json", "b.csv", "c.NDJSON", "d.csv.gz", "f.csv"] == _names(
        [tmp_path], recursive=True
    )


def test_a_file_that_is_named_is_taken_whatever_its_name(tmp_path):
    (tmp_path / "export.txt").touch()

    assert ["export.txt"] == _names([tmp_path / "export.txt"], recursive=False)


def test_a_file_is_found_once_however_often_it_is_named(tmp_path):
    (tmp_path / "a.csv").touch()
    (tmp_path / "link.csv").symlink_to(tmp_path / "a.csv")
    paths = [tmp_path / "a.csv", tmp_path / "." / "a.csv", tmp_path]

    assert ["a.csv"] == _names(paths, recursive=True)


def test_what_only_looks_like_a_file_is_told_not_opened(tmp_path):
    (tmp_path / "broken.csv").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.csv")

    assert [("broken.csv", "is no ordinary file"), ("pipe.csv", "is no ordinary file")] == [
        (skipped.path.name, skipped.reason)
        for skipped in local_files.find_files([tmp_path], recursive=True)
    ]


def _names(paths, *, recursive):
    found = local_files.find_files(paths, recursive=recursive)
    return [each.name for each in found if isinstance(each, Path)]


def _gzip(content):
    return gzip.compress(content.encode())
