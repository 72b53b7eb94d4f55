"""Line ends that a transfer has mangled cost no record."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collector.csv_segments import CsvSegmenter
from fakes.model_samples import build_batch
from fakes.pipeline_bench import build_login_row, open_pipeline_bench, render_elf_csv

ROWS = [build_login_row(n, USER_NAME=f"user{n}@example.com") for n in range(5)]
LINES = render_elf_csv(ROWS).splitlines(keepends=True)
PLAIN = [line.replace(b'"', b"") for line in LINES]


def replace_ends(lines, *ends):
    """The lines with these ends in turn."""
    return b"".join(
        line.rstrip(b"\n") + ends[number % len(ends)] for number, line in enumerate(lines)
    )


CONTENTS = {
    "a lone return at the end": b"".join(LINES)[:-1] + b"\r",
    "one return too many": replace_ends(LINES, b"\r\r\n"),
    "all kinds": replace_ends(LINES, b"\n", b"\r\n", b"\r\r\n"),
    "all kinds, without quotes": replace_ends(PLAIN, b"\n", b"\r\n", b"\r\r\n"),
    "a lone return at the end, without quotes": b"".join(PLAIN)[:-1] + b"\r",
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with open_pipeline_bench(tmp_path_factory.mktemp("line_ends")) as made:
        yield made


@pytest.mark.parametrize("name", CONTENTS)
def test_every_record_is_read_as_it_was_written(bench, name):
    key = f"{list(CONTENTS).index(name):032}"
    made = build_batch(event_type="Login", key=key, record_prefix=key)
    segmenter = CsvSegmenter(bench.places.spool, key)
    segmenter.feed_chunk(CONTENTS[name])
    segments = segmenter.finish_segments(whole_size=len(CONTENTS[name]))
    done = bench.pipeline.ingest(replace(made, segments=segments.paths, columns=segments.columns))

    assert () == done.quarantine_reasons
    found = bench.list_rows("event_uid, user_name, login_status")
    assert [
        (f"{key}:0:{number}", row["USER_NAME"], row["LOGIN_STATUS"])
        for number, row in enumerate(ROWS, 1)
    ] == [row for row in found if row[0].startswith(key)]
