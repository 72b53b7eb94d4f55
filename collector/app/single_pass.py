"""One pass over all sources and channels, for whoever starts the collector from a timer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from collector import clock
from collector.app.absences import settle_absences
from collector.app.due_upkeep import do_due_upkeep, take_due_snapshot
from collector.app.wiring import Collector
from collector.collection.poller import Poller, PollResult
from collector.errors import LoginRefusedError
from collector.ingest.chain_upkeep import log_chain_head
from collector.model import PollState
from collector.salesforce.clock_skew import BLINDING_SKEW, describe_clock_skew
from collector.sources import Lane, select_lane


@dataclass(frozen=True, slots=True, kw_only=True)
class PassSummary:
    """The results of one pass over all sources and channels.

    Attributes:
        problems: what failed, and what was left for want of API calls: where there are none, all
            that there was is stored and delivered.
    """

    poll_results: tuple[PollResult, ...]
    delivery_count: int
    problems: tuple[str, ...]


def run_once(collector: Collector) -> PassSummary:
    """Poll every source until it is drained, urgent ones first, deliver, and do what is due.

    What a daemon does for itself in between is done last, and for a limited time: nobody waits for
    it who waits for an alert, and the next pass goes on with it.
    """
    collector.rule_reloader.begin()
    collector.pipeline.fold_unfolded_matches()
    poll_results: list[PollResult] = []
    problems = [f"rule file refused: {each}" for each in collector.rule_reloader.problems]
    problems += _poll_sources(collector, poll_results)
    collector.pipeline.settle_directory()
    settle_absences(collector)
    problems += _list_poll_problems(collector, poll_results)
    delivery_count = collector.deliverer.drain_channels()
    problems += take_due_snapshot(collector)
    collector.health_monitor.check_health(clock.now())
    delivery_count += collector.deliverer.drain_channels()
    problems += collector.deliverer.list_undelivered()
    problems += do_due_upkeep(collector)
    log_chain_head(collector.database)
    return PassSummary(
        poll_results=tuple(poll_results), delivery_count=delivery_count, problems=tuple(problems)
    )


def _poll_sources(collector: Collector, results: list[PollResult]) -> Iterator[str]:
    """Add the results of all polls to these. Yields why orgs let us in no more."""
    refused_orgs: set[str] = set()
    for lane in Lane:
        for poller in collector.pollers:
            if poller.org in refused_orgs:
                continue
            try:
                _poll_lane(poller, lane, results)
            except LoginRefusedError as error:
                refused_orgs.add(poller.org)
                yield f"{poller.org}: {error}"


def _poll_lane(poller: Poller, lane: Lane, results: list[PollResult]) -> None:
    for source in select_lane(poller.sources, lane):
        results += poller.poll_source(source)


def _list_poll_problems(collector: Collector, results: list[PollResult]) -> list[str]:
    # A pass asks for everything, however seldom: what is paused was not asked for.
    failed = [each for each in results if each.state in {PollState.FAILED, PollState.PAUSED}]
    return [
        *(f"{each.stream}: {each.reason}" for each in failed),
        *_list_clock_problems(collector),
    ]


def _list_clock_problems(collector: Collector) -> list[str]:
    """The orgs whose clock is so far from ours that what is new was not looked for."""
    skews = {poller.org: poller.context.client.clock_skew for poller in collector.pollers}
    return [
        f"{org}: {describe_clock_skew(skew)}"
        for org, skew in skews.items()
        if skew is not None and abs(skew) > BLINDING_SKEW
    ]
