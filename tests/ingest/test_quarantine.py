"""A bad record costs itself: it is kept as it came, can be retried, and then is as read at once."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from collector.csv_records import MAX_RECORD_BYTES
from collector.csv_segments import CsvSegmenter
from collector.ingest import quarantine
from collector.ingest.quarantined_records import iterate_records
from collector.model import BatchState
from collector.store import ledger
from fakes.bad_records import BAD_RECORDS
from fakes.model_samples import build_batch
from fakes.pipeline_bench import build_login_row, open_pipeline_bench, render_elf_csv

POISON = b'"one","two"\n'


@pytest.fixture
def bench(tmp_path):
    with open_pipeline_bench(tmp_path) as made:
        yield made


def render_lines(count=9):
    """The header line and the records of a file of logins."""
    return render_elf_csv([build_login_row(n) for n in range(count)]).splitlines(keepends=True)


def cut_batch(bench, lines, *, segment_bytes=1 << 20):
    made = build_batch()
    cutter = CsvSegmenter(bench.places.spool, made.key, segment_bytes=segment_bytes)
    cutter.feed_chunk(b"".join(lines))
    segments = cutter.finish_segments()
    return replace(made, segments=segments.paths, columns=segments.columns)


def insert_bad_record(bench, content, *, at=5, segment_bytes=1 << 20):
    lines = render_lines()
    lines.insert(at, content)
    return cut_batch(bench, lines, segment_bytes=segment_bytes)


def poisoned_batch(bench, *indexes, agent="Mozilla/5.0"):
    rows = [build_login_row(n, BROWSER_TYPE=agent) for n in range(100)]
    made = bench.write_batch("Login", rows, segment_bytes=5_000)
    for index in indexes:
        segment = made.segments[index]
        segment.write_bytes(segment.read_bytes() + POISON)
    return made


def held(bench):
    return list(quarantine.list_batches(bench.places.quarantine))


def list_held_records(bench):
    return [
        record
        for found in held(bench)
        for path in found.batch.segments
        for record in iterate_records(path)
    ]


def read_entry(bench, key):
    with bench.database.read() as connection:
        return ledger.read_ledger_batch(connection, key).entry


def mend_records(bench, content):
    """Write this as the content of every record that is set aside."""
    for found in held(bench):
        for path in found.batch.segments:
            records = [json.loads(line) for line in path.read_text().splitlines()]
            path.write_text(
                "".join(json.dumps({**record, "content": content}) + "\n" for record in records)
            )


class TestOneBadRecord:
    @pytest.mark.parametrize(("content", "reason"), BAD_RECORDS.values(), ids=BAD_RECORDS.keys())
    def test_costs_no_other_one(self, bench, content, reason):
        done = bench.pipeline.ingest(insert_bad_record(bench, content))

        assert 9 == done.rows == len(bench.list_rows())
        assert (f"segment 0: 1 record: line 6: {reason}",) == done.quarantine_reasons
        (record,) = list_held_records(bench)
        assert (5, 6, reason, content) == (
            record.ordinal,
            record.line,
            record.reason,
            record.content,
        )

    def test_keeps_its_number_so_that_the_others_have_theirs(self, bench):
        bench.pipeline.ingest(insert_bad_record(bench, POISON))

        prefix = build_batch().record_prefix
        expected = {f"{prefix}:0:{number}" for number in range(1, 11) if number != 5}
        assert expected == {uid for (uid,) in bench.list_rows()}

    def test_is_counted_and_told_in_the_ledger(self, bench):
        made = insert_bad_record(bench, POISON * 3)
        bench.pipeline.ingest(made)

        entry = read_entry(bench, made.key)
        assert (BatchState.QUARANTINED, 9, 1, 3) == (
            entry.state,
            entry.rows,
            entry.quarantined,
            entry.bad_records,
        )
        assert "segment 0: 3 records, the first in line 6: 2 columns instead of 8" == entry.reason

    def test_may_follow_text_with_line_ends_that_hides_the_cut(self, bench):
        """After a quote too many a cut can fall into the text of another record."""
        lines = render_lines()
        lines.insert(1, b'"Login","a"b"\n')
        text = b"line\n" * 200
        lines[3:] = [line.replace(b"Mozilla/5.0", text) for line in lines[3:]]
        done = bench.pipeline.ingest(cut_batch(bench, lines, segment_bytes=300))

        assert 9 == done.rows
        assert [b'"Login","a"b"\n'] == [record.content for record in list_held_records(bench)]
        agents = [agent for (agent,) in bench.list_rows("user_agent")]
        assert 8 == agents.count(text.decode().replace("\n", " ").strip())

    @pytest.mark.slow
    def test_may_be_longer_than_any_that_is_read(self, bench):
        long = b'"' + b"x" * MAX_RECORD_BYTES + b'"'
        content = render_lines()[1].replace(b'"Mozilla/5.0"', long)
        done = bench.pipeline.ingest(insert_bad_record(bench, content))

        assert 9 == done.rows
        (record,) = list_held_records(bench)
        assert f"{len(content):,} bytes, more than {MAX_RECORD_BYTES:,}" == record.reason
        assert content == record.read_content()

    @pytest.mark.slow
    def test_of_the_greatest_length_is_good(self, bench):
        line = render_lines()[1]
        content = line.replace(b"Mozilla/5.0", b"x" * (MAX_RECORD_BYTES - len(line) + 11))
        assert MAX_RECORD_BYTES == len(content)
        done = bench.pipeline.ingest(insert_bad_record(bench, POISON + content))

        assert (10, 1) == (done.rows, len(done.quarantine_reasons))


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\n\n\r\n", b" \n", b""])
def test_another_line_end_or_a_blank_tail_costs_nothing(bench, ending):
    lines = render_lines()
    lines[-1] = lines[-1].removesuffix(b"\n") + ending
    done = bench.pipeline.ingest(cut_batch(bench, lines))

    assert (9, ()) == (done.rows, done.quarantine_reasons)
    assert [] == held(bench)


def test_header_lines_between_records_are_not_counted(bench):
    lines = render_lines()
    lines[4:4] = [lines[0], POISON]
    bench.pipeline.ingest(cut_batch(bench, lines))

    assert [4] == [record.ordinal for record in list_held_records(bench)]
    assert 9 == len(bench.list_rows())


def test_what_is_set_aside_says_what_it_belongs_to_and_why(bench):
    made = poisoned_batch(bench, 0, 2)
    bench.pipeline.ingest(made)

    (found,) = held(bench)
    assert (made.key, made.stream, made.columns) == (
        found.batch.key,
        found.batch.stream,
        found.batch.columns,
    )
    assert (0, 2) == found.indexes
    assert ("2 columns instead of 8",) * 2 == found.reasons


class TestRetry:
    def test_that_fails_again_keeps_everything(self, bench):
        bench.pipeline.ingest(poisoned_batch(bench, 1))
        before, records = bench.list_rows(), list_held_records(bench)
        (found,) = held(bench)

        assert 1 == len(bench.pipeline.retry_quarantined(found).quarantine_reasons)
        assert before == bench.list_rows()
        assert records == list_held_records(bench)

    def test_of_mended_records_is_as_if_nothing_had_been_wrong(self, bench, tmp_path):
        with open_pipeline_bench(tmp_path / "other") as healthy:
            healthy.pipeline.ingest(cut_batch(healthy, render_lines()))
            whole = healthy.list_rows("event_uid, user_name, time")
        lines = render_lines()
        good, lines[4] = lines[4], b'"Login","a"b"\n'
        bench.pipeline.ingest(cut_batch(bench, lines))
        mend_records(bench, good.decode())
        (found,) = held(bench)
        done = bench.pipeline.retry_quarantined(found)

        assert (1, ()) == (done.rows, done.quarantine_reasons)
        assert whole == bench.list_rows("event_uid, user_name, time")
        entry = read_entry(bench, found.batch.key)
        assert (BatchState.STORED, 9, 0, 0, "") == (
            entry.state,
            entry.rows,
            entry.quarantined,
            entry.bad_records,
            entry.reason,
        )
        assert [] == list(bench.places.quarantine.iterdir())

    def test_that_is_not_settled_can_be_made_again(self, bench, monkeypatch):
        """A process may die between the commit and the tidying up."""
        lines = render_lines()
        good, lines[4] = lines[4], POISON
        bench.pipeline.ingest(cut_batch(bench, lines))
        mend_records(bench, good.decode())
        (found,) = held(bench)
        with monkeypatch.context() as patch:
            patch.setattr(quarantine, "settle_retry", lambda *_: None)
            bench.pipeline.retry_quarantined(found)
        bench.pipeline.retry_quarantined(found)

        assert 9 == len(bench.list_rows()) == read_entry(bench, found.batch.key).rows
        assert [] == held(bench)

    def test_of_a_whole_segment_reads_its_good_records(self, bench):
        """As versions before have set them aside: whole, for one record."""
        made = cut_batch(bench, [*render_lines(), POISON])
        reason = "Invalid Input Error: CSV Error on Line: 11"
        quarantine.store_segment(bench.places.quarantine, made, 0, reason)
        with bench.database.begin() as connection:
            entry = ledger.LedgerEntry(
                state=BatchState.QUARANTINED, reason=f"segment 0: {reason}", quarantined=1
            )
            ledger.record_batch(connection, made, entry, [])
        (found,) = held(bench)
        assert (reason,) == found.reasons
        done = bench.pipeline.retry_quarantined(found)

        assert (9, 1) == (done.rows, len(done.quarantine_reasons))
        assert [POISON] == [record.content for record in list_held_records(bench)]
        assert 1 == read_entry(bench, made.key).bad_records
        assert not list((bench.places.quarantine / made.key).glob("*.csv"))

    def test_of_what_is_read_in_part_leaves_the_rest(self, bench):
        bench.pipeline.ingest(poisoned_batch(bench, 1, 2))
        (found,) = held(bench)
        first = found.batch.segments[0]
        record = json.loads(first.read_text())
        first.write_text(json.dumps({**record, "content": render_lines()[1].decode()}) + "\n")
        bench.pipeline.retry_quarantined(found)

        (left,) = held(bench)
        assert (2,) == left.indexes
        entry = read_entry(bench, found.batch.key)
        assert (BatchState.QUARANTINED, 101, 1, 1) == (
            entry.state,
            entry.rows,
            entry.quarantined,
            entry.bad_records,
        )

    @pytest.mark.slow
    def test_deletes_long_records_that_were_read(self, bench):
        long = b'"' + b"x" * MAX_RECORD_BYTES + b'"'
        line = render_lines()[1]
        bench.pipeline.ingest(insert_bad_record(bench, line.replace(b'"Mozilla/5.0"', long)))
        (record,) = list_held_records(bench)
        record.file.write_bytes(line)
        (found,) = held(bench)

        assert 1 == bench.pipeline.retry_quarantined(found).rows
        assert [] == list(bench.places.quarantine.iterdir())

    def test_shows_rules_what_it_brings(self, bench):
        agent = "Salesforce-CLI/1.0"
        bench.pipeline.ingest(poisoned_batch(bench, 1, agent=agent))
        (before,) = bench.list_alerts()
        mend_records(bench, render_lines()[1].decode().replace("Mozilla/5.0", agent))
        (found,) = held(bench)
        bench.pipeline.retry_quarantined(found)

        (after,) = bench.list_alerts()
        assert before.id == after.id
        assert (100, 101) == (before.count, after.count)


def test_segments_of_one_batch_may_be_set_aside_side_by_side(bench, tmp_path):
    made = poisoned_batch(bench)
    indexes = range(len(made.segments))
    for turn in range(20):
        root = tmp_path / f"turn-{turn}"
        with ThreadPoolExecutor(len(indexes)) as pool:
            stored = [
                pool.submit(quarantine.store_segment, root, made, index, "CSV Error")
                for index in indexes
            ]
        assert {None} == {each.result() for each in stored}
        (found,) = quarantine.list_batches(root)
        assert tuple(indexes) == found.indexes
