"""An org that serves pages for ever: what that costs, and that nothing is lost or doubled."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector import clock
from collector.collection.api_budget_policy import BudgetDecision, Pace
from collector.collection.page_budget import PAGE_ROUND, PageBudget
from collector.errors import BudgetExhaustedError, TurnOverError
from collector.model import Stream
from collector.salesforce.endless_answers import FREE_ATTEMPTS
from collector.salesforce.record_pages import MAX_PAGES
from collector.sources.bulk_jobs import MAX_LIST_PAGES
from fakes.endless_org import EndlessOrg
from fakes.polling_bench import HOUR, MINUTE, SECOND, open_polling_bench
from fakes.salesforce import build_json_reply

SOURCES = {"stored_events": {"objects": ["ApiEvent"], "lookback": "6h"}}


@pytest.fixture
def org():
    with EndlessOrg() as endless:
        now = clock.now().replace(microsecond=0)
        for number in range(20):
            endless.add_event(number, now - 15 * number * MINUTE - MINUTE)
        yield endless


def list_event_ids(org):
    return sorted(row["EventIdentifier"] for row in org.rows.values())


def test_pages_without_an_end_cost_our_share_of_calls_at_most_and_no_record(org, tmp_path):
    org.limit_info = "api-usage=1/1000"
    with open_polling_bench(tmp_path, org, SOURCES) as bench:
        first = bench.poll_sources()["ApiEvent"]
        asked = len(org.list_requests("/services/data/v"))
        assert ("paused", 0) == (first.state, first.rows)
        assert "of the 100 API calls that api_budget_percent: 10 allows us" in first.reason
        assert asked <= 100 + PAGE_ROUND
        assert bench.poll_sources()["stored_events/*"].state == "paused"
        assert len(org.list_requests("/services/data/v")) == asked

    org.is_endless, org.limit_info = False, "api-usage=200/1000000"
    with open_polling_bench(tmp_path / "later", org, SOURCES) as bench:
        second = bench.poll_sources()["ApiEvent"]
        assert ("ok", 20) == (second.state, second.rows)
        assert list_event_ids(org) == bench.list_stored_values()


@pytest.mark.slow
def test_an_object_whose_answers_have_no_end_is_asked_for_narrower_windows_and_then_left_alone(
    org, tmp_path
):
    org.limit_info = "api-usage=1/1000000"
    with open_polling_bench(tmp_path, org, SOURCES) as bench:
        first = bench.poll_sources()["ApiEvent"]
        assert ("failed", 0) == (first.state, first.rows)
        assert f"the answer goes on after {MAX_PAGES} pages" in first.reason
        widths = org.list_windows()
        assert [6 * HOUR, timedelta(minutes=22.5)] == widths[:2]
        assert SECOND == widths[-1]
        assert FREE_ATTEMPTS + 1 == len(widths)
        assert org.page_count <= (FREE_ATTEMPTS + 1) * MAX_PAGES

        asked, second = org.page_count, bench.poll_sources()["ApiEvent"]
        assert second.state == "failed"
        assert "ApiEvent: 5 answers in a row had no end; it is asked for again" in second.reason
        # With others, five objects in one call, it may still be asked for the first page.
        assert org.page_count <= asked + 1
        assert bench.list_stored_values() == []

        org.is_endless = False
        bench.client.endless_answers.record_end("ApiEvent")
        third = bench.poll_sources()["ApiEvent"]
        assert ("ok", 20, 0) == (third.state, third.rows, third.duplicates)
        assert list_event_ids(org) == bench.list_stored_values()


@pytest.mark.slow
def test_who_is_cut_off_by_the_end_of_a_turn_begins_with_a_shorter_stretch(org, tmp_path):
    org.limit_info = "api-usage=1/1000000"
    with open_polling_bench(tmp_path, org, SOURCES) as bench:
        (source,) = bench.poller.sources
        bench.poller.stream_seconds = 0.05
        (first,) = bench.poller.poll_source(source, turn_seconds=0.05)
        assert ("failed", 0) == (first.state, first.rows)
        assert "others have their turn: a shorter stretch of time is asked for next" in first.reason

        org.is_endless = False
        (second,) = bench.poller.poll_source(source)
        assert [6 * HOUR, timedelta(minutes=22.5)] == org.list_windows()[:2]
        assert ("ok", 20, 0) == (second.state, second.rows, second.duplicates)
        assert list_event_ids(org) == bench.list_stored_values()


def test_a_stream_gives_way_only_once_it_is_past_what_it_has_read_before(org, tmp_path):
    """Else one whose windows are short would read its overlap again in every turn."""
    org.is_endless, org.limit_info = False, "api-usage=1/1000000"
    with open_polling_bench(tmp_path, org, SOURCES) as bench:
        (source,) = bench.poller.sources
        start = clock.now() - 2 * HOUR
        bench.set_cursor("stored_events", "ApiEvent", start)
        stream = Stream(org="acme", source="stored_events", name="ApiEvent")
        bench.poller.context.window_widths.narrow(stream, MINUTE)
        bench.poller.poll_source(source, turn_seconds=-1)

        # Of ten minutes' overlap; each window is twice as long as the last.
        assert [n * MINUTE for n in (1, 2, 4, 8)] == org.list_windows()
        assert start + 5 * MINUTE == bench.read_cursor("stored_events", "ApiEvent").time


class EndlessJobsOrg(EndlessOrg):
    """An org whose list of bulk jobs has no end."""

    def _answer_resource(self, request, path):
        if not path.endswith("/jobs/query"):
            return super()._answer_resource(request, path)
        link = f"/services/data/v67.0/jobs/query?queryLocator={len(self.request_log)}"
        return build_json_reply({"done": False, "records": [], "nextRecordsUrl": link})


@pytest.mark.slow
def test_a_list_of_jobs_without_an_end_is_left_alone_too(tmp_path):
    with (
        EndlessJobsOrg() as org,
        open_polling_bench(tmp_path, org, {"bulk_jobs": {}}) as bench,
    ):
        org.limit_info = "api-usage=1/1000000"
        for _ in range(FREE_ATTEMPTS + 1):
            polled = bench.poll_sources()["query"]
            assert "failed" == polled.state
            assert f"the list goes on after {MAX_LIST_PAGES} pages" in polled.reason
        asked = len(org.list_requests("/services/data/v67.0/jobs/query?"))
        assert asked <= (FREE_ATTEMPTS + 1) * MAX_LIST_PAGES

        assert "5 answers in a row had no end" in bench.poll_sources()["query"].reason
        assert asked == len(org.list_requests("/services/data/v67.0/jobs/query?queryLocator"))


class TestPageBudget:
    def test_it_asks_once_for_each_round_of_pages(self):
        asked = []

        def decide():
            asked.append(1)
            return BudgetDecision(pace=Pace.GO)

        budget = PageBudget(decide)
        for _ in range(2 * PAGE_ROUND):
            budget.check_next_page()
        assert len(asked) == 2

    def test_it_ends_with_the_calls(self):
        decision = BudgetDecision(pace=Pace.PAUSE, reason="all calls are used")
        budget = PageBudget(lambda: decision)
        for _ in range(PAGE_ROUND - 1):
            budget.check_next_page()
        with pytest.raises(BudgetExhaustedError, match="all calls are used"):
            budget.check_next_page()

    def test_it_ends_with_its_time(self):
        budget = PageBudget(lambda: BudgetDecision(pace=Pace.GO), deadline=clock.monotonic() - 1)
        with pytest.raises(TurnOverError, match="others have their turn"):
            budget.check_next_page()
