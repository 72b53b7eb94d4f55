"""What is set aside is listed: records with their content, and whole segments."""

from __future__ import annotations

from click.testing import CliRunner

from collector.api.quarantine import MAX_CONTENT_BYTES, read_entries, to_json
from collector.app.configuration import read_configuration
from collector.cli.quarantine import command
from collector.ingest import quarantine
from collector.ingest.quarantined_records import MAX_INLINE_BYTES
from collector.ingest.state_paths import StatePaths
from collector.normalize import BadRecord
from fakes.collector_setup import write_config
from fakes.model_samples import build_batch

HOSTILE = b'"\x1b[31mred\xff [bold]","'


def test_nothing_is_set_aside_after_a_good_pass(collected):
    assert [] == list(read_entries(collected.settings))


def test_every_segment_is_listed_with_its_place_and_reason(uncollected, tmp_path):
    paths = [tmp_path / "0.csv", tmp_path / "1.csv"]
    for path in paths:
        path.write_text("A\n1\n")
    root = StatePaths(state_dir=uncollected.state_dir).quarantine
    for index in range(2):
        quarantine.store_segment(root, build_batch(segments=tuple(paths)), index, f"odd {index}")

    assert [
        {
            "batch": "k" * 32,
            "org": "acme",
            "segment": n,
            "event_type": "Login",
            "reason": f"odd {n}",
            "line": None,
            "bytes": 4,
            "content": None,
        }
        for n in range(2)
    ] == list(map(to_json, read_entries(uncollected)))


def set_records_aside(settings, path, *contents):
    """Put records of a segment into the quarantine of a state directory."""
    path.write_text("A\n")
    batch = build_batch(segments=(path,))
    root = StatePaths(state_dir=settings.state_dir).quarantine
    shelf = quarantine.open_shelf(root, batch, 0, line_offset=100)
    for number, content in enumerate(contents, 1):
        record = BadRecord(
            ordinal=number, line=number + 1, reason="odd", content=memoryview(content)
        )
        shelf.add_bad_record(record)
    quarantine.store_records(root, batch, 0, shelf)


def test_records_are_listed_with_their_line_and_content(uncollected, tmp_path):
    long = b"x" * (MAX_INLINE_BYTES + 1)
    set_records_aside(uncollected, tmp_path / "0.csv", HOSTILE + b"\r\n", long)

    first, second = map(to_json, read_entries(uncollected))
    assert (102, len(HOSTILE) + 2, "odd", '"\x1b[31mred\ufffd [bold]","') == tuple(
        first[name] for name in ("line", "bytes", "reason", "content")
    )
    assert (103, len(long), "x" * MAX_CONTENT_BYTES) == tuple(
        second[name] for name in ("line", "bytes", "content")
    )


def test_people_see_hostile_content_escaped(collected, tmp_path):
    config = write_config(tmp_path, collected.org, login_history={})
    set_records_aside(read_configuration(config, {}).settings, tmp_path / "0.csv", *[HOSTILE] * 25)

    done = CliRunner(env={"COLUMNS": "300"}).invoke(command, ["list", "-c", str(config)])

    assert 20 == done.stdout.count('"\\x1b[31mred\ufffd [bold]","')
    assert "\x1b" not in done.stdout
    assert "and 5 records more" in done.stdout
