"""One record for each bulk job, from whatever the logs say of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from collector import normalize
from collector.model.event_columns import CANONICAL_COLUMNS
from fakes.derived_records import read_records

JOB = "7505f000008xKLm"
LONG_JOB = "7505f000008xKLmAAM"
BULK_JOB = normalize.DERIVED_EVENT_TYPES["BulkJob"]


def at(minute):
    return datetime(2026, 3, 1, 10, minute, tzinfo=UTC)


def v2(minute, records, status="inProgress", **more):
    return {
        "EVENT_TYPE": "BulkApi2",
        "TIMESTAMP_DERIVED": at(minute).isoformat(),
        "JOB_ID": JOB,
        "OPERATION_TYPE": "query",
        "RECORDS_PROCESSED": str(records),
        "JOB_STATUS": status,
        **more,
    }


def v1(batch, records, minute=0, operation="query"):
    return {
        "EVENT_TYPE": "BulkApi",
        "TIMESTAMP_DERIVED": at(minute).isoformat(),
        "JOB_ID": JOB,
        "BATCH_ID": batch,
        "OPERATION_TYPE": operation,
        "ROWS_PROCESSED": str(records),
        "SUCCESS": "1",
    }


def info(minute, records, state="InProgress", **more):
    return {
        "id": LONG_JOB,
        "operation": "query",
        "object": "Contact",
        "createdById": "0055f00000HyJSwAAN",
        "createdDate": at(0).isoformat(),
        "systemModstamp": at(minute).isoformat(),
        "state": state,
        "numberRecordsProcessed": str(records),
        **more,
    }


@pytest.fixture
def jobs(normalizer, duck):
    """The bulk jobs of some records, which pass through the archive's format as ever."""

    def run(*lines):
        paths = []
        for event_type in ("BulkApi2", "BulkApi", "BulkJobInfo"):
            records = [
                line for line in lines if line.get("EVENT_TYPE", "BulkJobInfo") == event_type
            ]
            columns = list(dict.fromkeys(name for record in records for name in record))
            rows = [[record.get(name, "") for name in columns] for record in records]
            if rows:
                path = normalizer.write_csv(columns, rows)
                normalizer.normalize_segment(event_type, columns, path)
                paths.append(str(path.with_suffix(".parquet")))
        relation = f"read_parquet({paths}, union_by_name = true)"
        present = {row[0] for row in duck.execute(f"DESCRIBE FROM {relation}").fetchall()}
        missing = [
            f'NULL::VARCHAR AS "{name}"'
            for name in BULK_JOB.required_columns
            if name not in present
        ]
        relation = f"(SELECT {', '.join(['*', *missing])} FROM {relation})"
        return read_records(duck, BULK_JOB, relation)

    return run


def test_a_job_has_processed_what_its_highest_event_says(jobs):
    [job] = jobs(v2(1, 40_000), v2(2, 150_000), v2(3, 150_000, "complete"), v2(4, 0, "deleted"))

    assert job["record_count"] == 150_000


def test_batches_add_up_and_repetitions_do_not(jobs):
    [job] = jobs(v1("751A", 10), v1("751A", 10), v1("751B", 5), v1("751B", 7), v1("751C", -1))

    assert job["record_count"] == 17


def test_bookkeeping_is_no_work(jobs):
    [job] = jobs(v1("751A", 10), v1("751B", 99, operation=""))

    assert job["record_count"] == 10


def test_nothing_known_is_not_nothing(jobs):
    [job] = jobs(v2(1, ""), v2(2, "-1"))

    assert job["record_count"] is None


def test_a_job_begins_with_its_first_event_and_is_where_its_newest_is(jobs):
    [job] = jobs(v2(9, 5, "complete"), v2(3, 0, "created"), v2(5, 1, "inProgress"))

    assert (job["time"], job["status"], job["outcome"]) == (at(3), "complete", "success")


def test_what_only_some_events_say_is_known_and_the_newest_word_holds(jobs):
    [job] = jobs(
        v2(1, 0, CLIENT_IP="192.0.2.1", USER_ID="0055f00000HyJSw", ENTITY_TYPE="Lead"),
        v2(2, 1, CLIENT_IP="Salesforce.com IP", ENTITY_TYPE="Contact"),
        v2(3, 2),
    )

    assert job["source_ip"] == "192.0.2.1"
    assert job["source_ip_key"] == "00000000000000000000ffffc0000201"
    assert (job["user_id"], job["entity"]) == ("0055f00000HyJSwAAN", "Contact")


def test_a_job_is_the_same_event_however_much_of_it_is_known(jobs):
    [early] = jobs(v2(1, 1))
    [late] = jobs(v2(1, 1), v2(2, 2), v2(3, 3))

    assert early["event_uid"] == late["event_uid"] == f"job:acme:{LONG_JOB}"
    assert (early["event_type"], early["job_id"]) == ("BulkJob", LONG_JOB)
    assert (early["org"], early["source"], early["batch"]) == ("acme", "event_log_file", "batch-1")


def test_jobs_are_kept_apart(jobs):
    found = jobs(v2(1, 1), v2(1, 2, JOB_ID="7505f000008xLMn"), v1("751A", 4, minute=1))

    assert [job["record_count"] for job in found] == [4, 2]


@pytest.mark.parametrize(
    "told",
    [
        (info(2, 40_000), info(4, 187_342, "JobComplete")),
        (info(2, 40_000), v2(1, 41_000), v2(5, 187_342, "JobComplete")),
        (v2(1, 187_342), info(4, 5, "JobComplete")),
        (v1("751A", 187_000), v1("751B", 342), info(2, 40_000)),
    ],
    ids=["resource", "log file later", "log file more", "batches"],
)
def test_whoever_tells_of_a_job_it_is_one_and_the_highest_number_holds(jobs, told):
    """The job resource writes the id with 18 characters, log files with 15."""
    [job] = jobs(*told)

    assert (job["event_uid"], job["record_count"]) == (f"job:acme:{LONG_JOB}", 187_342)


def test_a_job_known_from_its_resource_alone_is_whole(jobs):
    [job] = jobs(info(4, 187_342, "JobComplete"))

    assert (job["user_id"], job["operation"], job["entity"]) == (
        *("0055f00000HyJSwAAN", "query", "Contact"),
    )
    assert (job["status"], job["outcome"], job["time"]) == ("JobComplete", "success", at(4))


def test_events_of_no_job_are_none(jobs):
    assert jobs(v2(1, 1, JOB_ID="")) == []


def test_absurd_numbers_are_unknown_and_break_nothing(jobs):
    [job] = jobs(v1("751A", 9 * 10**18), v1("751B", 9 * 10**18))

    assert job["record_count"] is None


def test_the_type_says_what_it_is_made_of():
    assert BULK_JOB.event_type == "BulkJob"
    assert set(BULK_JOB.source_types) == {"BulkApi", "BulkApi2", "BulkJobInfo"}
    assert set(BULK_JOB.required_columns) == {*CANONICAL_COLUMNS, "BATCH_ID"}
    assert normalize.DERIVED_EVENT_TYPES.keys() == {
        name for name in normalize.list_event_types() if normalize.find_family(name) == "derived"
    }
