"""Bulk jobs are seen while they live, and their disappearance is an event."""

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.demo import BulkJob, InjectedFault, OrgLogFile
from collector.demo.faults import build_error_fault
from collector.model import Severity
from fakes.model_samples import NOON
from fakes.pipeline_bench import build_bulk_row, render_elf_csv

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

THEFT = BulkJob(
    id="7505f000008xKLmAAM",
    kind="V2Query",
    operation="query",
    object="Contact",
    created_by="0055f00000HyJSwAAN",
    created=NOON,
    finished=NOON + timedelta(seconds=200),
    records=200_000,
    deleted=NOON + timedelta(seconds=240),
)
LOAD = replace(
    THEFT,
    id="7505f000008xLMnAAM",
    kind="V2Ingest",
    operation="upsert",
    object="Lead",
    records=620,
    deleted=None,
)


@pytest.fixture
def jobs(watch):
    return watch(bulk_jobs={})


def told(watch):
    return watch.list_events("BulkJobInfo", "job_id, status, record_count")


def gone(watch):
    return watch.list_events("BulkJobRemoved", "job_id, operation, entity, record_count, user_id")


def said(watch):
    return [(alert.rule, alert.severity) for alert in watch.list_alerts()]


def test_a_job_that_lives_four_minutes_is_seen_and_its_end_is_told(jobs, clock):
    jobs.store.add_jobs([THEFT])
    clock.advance_by(minutes=2)
    jobs.poll_sources()
    seen = jobs.list_alerts()
    jobs.restart_collector()
    clock.advance_by(minutes=3)
    jobs.poll_sources()

    assert [("bulk-api-job", Severity.CRITICAL)] == [(a.rule, a.severity) for a in seen]
    assert "Bulk API query on Contact (120,000 records)" in seen[0].title
    assert [(THEFT.id, "InProgress", 120_000)] == told(jobs)
    assert [(THEFT.id, "query", "Contact", 120_000, THEFT.created_by)] == gone(jobs)
    assert [("bulk-api-job", Severity.CRITICAL), ("bulk-job-removed", Severity.HIGH)] == said(jobs)


def test_its_end_is_told_once(jobs, clock):
    jobs.store.add_jobs([THEFT])
    for _ in range(4):
        clock.advance_by(minutes=2)
        jobs.poll_sources()

    assert 1 == len(gone(jobs))


def test_what_the_log_file_tells_later_is_the_same_alert(watch, clock):
    """The job resources write ids with 18 characters, log files with 15."""
    both = watch(bulk_jobs={}, event_log_file={"settle": "0s"})
    both.store.add_jobs([THEFT])
    clock.advance_by(minutes=3)
    both.poll_sources()
    (before,) = both.list_alerts()
    rows = [
        build_bulk_row(THEFT.id[:15], n, m, USER_ID=THEFT.created_by[:15])
        for n, m in ((9, 1), (200_000, 4))
    ]
    clock.advance_by(hours=4)
    both.store.add_files(
        [
            OrgLogFile(
                id="0AT000000000001AAA",
                event_type="BulkApi2",
                log_date=NOON,
                created=clock.now - MINUTE,
                sequence=1,
                content=render_elf_csv(rows),
            )
        ]
    )
    both.poll_sources()

    after = next(alert for alert in both.list_alerts() if alert.rule == "bulk-api-job")
    assert (before.id, 1) == (after.id, after.count)
    assert "180,000 records" in before.title
    assert "200,000 records" in after.title
    assert "203.0.113.7" == after.entities["source_ip"]


def test_each_change_of_a_job_is_told_once(jobs, clock):
    jobs.store.add_jobs([LOAD])
    clock.advance_by(seconds=100)
    for _ in range(2):
        jobs.poll_sources()
    clock.advance_by(hours=1)
    for _ in range(3):
        jobs.poll_sources()

    assert [(LOAD.id, "InProgress", 310), (LOAD.id, "JobComplete", 620)] == told(jobs)


def test_a_job_that_has_ended_is_asked_for_once(jobs, clock):
    jobs.store.add_jobs([LOAD])
    clock.advance_by(hours=1)
    for _ in range(3):
        jobs.poll_sources()

    assert 1 == jobs.count_requests(f"/jobs/ingest/{LOAD.id}")


def test_a_job_that_salesforce_itself_deletes_after_a_week_is_no_event(jobs, clock):
    jobs.store.add_jobs([LOAD])
    clock.advance_by(hours=1)
    jobs.poll_sources()
    clock.advance_by(days=7)
    jobs.poll_sources()

    assert [] == gone(jobs)
    assert {} == jobs.collector.pollers[0].context.read_state("bulk_jobs")


def test_at_the_first_look_old_jobs_are_no_news_but_their_end_is(jobs, clock):
    old = replace(THEFT, deleted=NOON + 2 * DAY)
    jobs.store.add_jobs([old])
    clock.advance_by(days=1, minutes=1)
    jobs.poll_sources()
    first = (told(jobs), jobs.count_requests("/jobs/query/"))
    clock.advance_by(days=1)
    jobs.poll_sources()

    assert ([], 0) == first
    assert [THEFT.id] == [row[0] for row in gone(jobs)]
    assert [("bulk-job-removed", Severity.MEDIUM)] == said(jobs)


@pytest.mark.slow
def test_every_page_of_the_list_is_read(jobs, clock):
    many = [
        replace(THEFT, id=f"7505f00000{number:05}AAA", deleted=None, created=NOON - 3 * DAY)
        for number in range(1_100)
    ]
    jobs.store.add_jobs([*many, replace(THEFT, deleted=None)])
    clock.advance_by(hours=1)
    jobs.poll_sources()
    jobs.poll_sources()

    assert [(THEFT.id, "JobComplete", 200_000)] == told(jobs)
    assert [] == gone(jobs)
    assert 1_101 == len(jobs.collector.pollers[0].context.read_state("bulk_jobs"))


@pytest.mark.slow
def test_more_jobs_than_one_poll_asks_for_are_told_in_the_next(jobs, clock):
    many = [replace(LOAD, id=f"7505f00000{number:05}AAA") for number in range(250)]
    jobs.store.add_jobs(many)
    clock.advance_by(hours=1)
    jobs.poll_sources()
    first = len(told(jobs))
    jobs.poll_sources()

    assert (200, 250) == (first, len(told(jobs)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        {"done": True},
        {"done": False, "records": [], "nextRecordsUrl": None},
        {"done": False, "records": [], "nextRecordsUrl": "https://evil.example/jobs/query"},
        {"done": True, "records": [{"id": "../../limits"}], "nextRecordsUrl": None},
        {"done": True, "records": ["7505f000008xKLmAAM"], "nextRecordsUrl": None},
    ],
    ids=["no records", "no end", "elsewhere", "no id", "no object"],
)
def test_nothing_is_concluded_from_a_list_that_is_none(jobs, clock, body):
    jobs.store.add_jobs([replace(THEFT, deleted=None)])
    clock.advance_by(hours=1)
    jobs.poll_sources()
    jobs.org.inject_faults(InjectedFault(address_pattern=r"jobs/query\?", status=200, body=body))

    assert "acme: " in jobs.poll_for_problems()
    assert [] == gone(jobs)
    jobs.poll_sources()
    assert 1 == len(told(jobs))


def test_a_job_that_the_list_skips_is_not_gone_while_it_answers(jobs, clock):
    """The order of the list is undefined: between two pages a job may slip through."""
    jobs.store.add_jobs([replace(THEFT, deleted=None)])
    clock.advance_by(hours=1)
    jobs.poll_sources()
    empty = {"done": True, "records": [], "nextRecordsUrl": None}
    jobs.org.inject_faults(InjectedFault(address_pattern=r"jobs/query\?", status=200, body=empty))
    jobs.poll_sources()

    assert [] == gone(jobs)
    assert 1 == len(told(jobs))


def test_a_job_that_does_not_answer_for_itself_is_told_as_the_list_has_it(jobs, clock):
    """A Classic job may be listed by Bulk API 2.0 and unknown to it."""
    jobs.store.add_jobs([replace(THEFT, kind="Classic", deleted=None)])
    clock.advance_by(hours=1)
    jobs.org.inject_faults(
        build_error_fault("INVALIDJOB", "No such job", status=400, path="jobs/query/", times=None)
    )
    for _ in range(2):
        jobs.poll_sources()

    assert [(THEFT.id, "JobComplete", None)] == told(jobs)
    assert [("bulk-api-job", Severity.MEDIUM)] == said(jobs)


def test_what_was_seen_and_what_is_told_of_it_are_one_transaction(jobs, clock):
    """A poll that fails between two jobs has remembered neither; the next tells both."""
    jobs.store.add_jobs([LOAD, replace(LOAD, id="7505f000008xMNoAAM")])
    clock.advance_by(hours=1)
    jobs.org.inject_faults(
        InjectedFault(address_pattern=f"jobs/ingest/{LOAD.id}", status=200, body={"id": "x"}),
    )

    assert jobs.poll_for_problems()
    assert [] == told(jobs)
    jobs.poll_sources()
    assert 2 == len(told(jobs))
