"""Runs the rules over a batch's new Parquet files and the archive around them."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

import duckdb

from collector.detect import RuleSet
from collector.detect.evaluation_errors import EVALUATION_ERRORS, describe_error
from collector.evaluation.baseline import BaselineEvaluator
from collector.evaluation.correlation import CorrelationEvaluator, PreviousMatches
from collector.evaluation.event_views import EventViews, TimeSpan
from collector.evaluation.first_seen import FirstSeenEvaluator
from collector.evaluation.result import EvaluationResult
from collector.evaluation.rule_matcher import RuleMatcher
from collector.evaluation.rule_selection import ALL_TIME, compute_time_span
from collector.model import ArchiveFile, Correlation, Match
from collector.store.database import Database

MATCHES_PER_COMMIT = 2_000
"""The most matches of single events that are held in memory and committed together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedMatches:
    """Matches that are found while they are read; `failures` has the rules that failed so far."""

    matches: Iterator[Match]
    failures: Mapping[str, str]

    def read_matches(self, count: int) -> list[Match]:
        """The next matches, at most so many; none at the end."""
        return list(itertools.islice(self.matches, count))


class RuleEvaluator:
    """The rules of a set, of every kind."""

    def __init__(self, rules: RuleSet, database: Database) -> None:
        single = [rule for rule in rules.rules if rule.raises_alert and rule.aggregation is None]
        self._rules = rules
        self._logged_rules = replace(rules, rules=tuple(single))
        # A rule about every type looks at each event once: as it was logged, not as derived.
        self._derived_rules = replace(
            rules, rules=tuple(rule for rule in single if rule.event_types)
        )
        self._derived_matcher = RuleMatcher(self._derived_rules)
        self._archive_failures: dict[str, str] = {}
        self._correlations = CorrelationEvaluator(rules)
        self._first_seen = FirstSeenEvaluator(database, rules)
        self._baselines = BaselineEvaluator(database, rules)

    def take_failures(self) -> Mapping[str, str]:
        """Rules that could not be run since the last call, with the reason; the others went on."""
        failures: dict[str, str] = {}
        parts = (
            self._archive_failures,
            self._derived_matcher.failures,
            self._correlations.failures,
            self._first_seen.failures,
            self._baselines.failures,
        )
        for part in parts:
            failures |= part
            part.clear()
        return failures

    @contextmanager
    def match_logged_events(
        self, events: EventViews, files: Sequence[ArchiveFile]
    ) -> Iterator[LoggedMatches]:
        """What rules about single events find in a batch's new files, as they were logged.

        That depends on nothing but the events, so it may be read at any time, in any thread.
        """
        matcher = RuleMatcher(self._logged_rules)
        with closing(self._match_logged(matcher, events, files)) as matches:
            yield LoggedMatches(matches=matches, failures=matcher.failures)

    def evaluate_batch(
        self, events: EventViews, files: Sequence[ArchiveFile], previous_matches: PreviousMatches
    ) -> EvaluationResult:
        """What rules find in a batch's new files together with what is committed.

        That is all but `match_logged_events`: derived records, correlations, first-seen rules and
        baselines. It holds only as long as nothing else is committed.
        """
        if not files:
            return EvaluationResult()
        span = compute_time_span(files)
        result = EvaluationResult(matches=list(self._match_derived(events, span)))
        result = result.merge_with(
            self._correlations.evaluate_batch(events, span, previous_matches)
        )
        result = result.merge_with(self._first_seen.evaluate_batch(events, files))
        return result.merge_with(self._baselines.evaluate_batch(events, files))

    def evaluate_archive(
        self, name: str, events: EventViews, previous_matches: PreviousMatches
    ) -> Iterator[EvaluationResult]:
        """The result of one rule for all that is committed, part by part.

        Rules that compare with the past yield nothing: they evaluate new events only.
        """
        rule = self._rules.by_name[name]
        if not rule.raises_alert:
            return
        if isinstance(rule.aggregation, Correlation):
            yield self._correlations.evaluate_archive(name, events, ALL_TIME, previous_matches)
        elif rule.aggregation is None:
            matcher = RuleMatcher(replace(self._rules, rules=(rule,)))
            try:
                yield from self._match_archive(matcher, rule.event_types, events)
            except EVALUATION_ERRORS as error:
                matcher.failures[name] = describe_error(error)
            self._archive_failures.update(matcher.failures)

    def _match_archive(
        self, matcher: RuleMatcher, event_types: Sequence[str], events: EventViews
    ) -> Iterator[EvaluationResult]:
        for event_type in event_types or events.list_logged_types():
            relation = events.select_events(event_type, ALL_TIME, ())
            if relation is not None:
                matches = self._match_relation(matcher, events, event_type, relation)
                while page := list(itertools.islice(matches, MATCHES_PER_COMMIT)):
                    yield EvaluationResult(matches=page)

    def _match_logged(
        self, matcher: RuleMatcher, events: EventViews, files: Sequence[ArchiveFile]
    ) -> Generator[Match]:
        event_type = events.event_type
        if not files or not self._logged_rules.select_by_type(event_type):
            return
        relation = events.select_batch_events(event_type, compute_time_span(files), ())
        if relation is not None:
            yield from self._match_relation(matcher, events, event_type, relation)

    def _match_derived(self, events: EventViews, span: TimeSpan) -> Iterator[Match]:
        for event_type in events.list_batch_types():
            if event_type == events.event_type or not self._derived_rules.select_by_type(
                event_type
            ):
                continue
            try:
                yield from self._match_derived_type(events, event_type, span)
            except duckdb.Error as error:
                # What a batch brings is stored whatever becomes of the records made of it.
                self._blame_derived_rules(event_type, error)

    def _match_derived_type(
        self, events: EventViews, event_type: str, span: TimeSpan
    ) -> Iterator[Match]:
        relation = events.select_batch_events(event_type, span, ())
        if relation is not None:
            yield from self._match_relation(self._derived_matcher, events, event_type, relation)

    def _blame_derived_rules(self, event_type: str, error: duckdb.Error) -> None:
        """Record the rules about a derived type as failed."""
        reason = f"{event_type} cannot be made: {describe_error(error)}"
        for rule in self._derived_rules.select_by_type(event_type):
            self._derived_matcher.failures[rule.name] = reason

    def _match_relation(
        self, matcher: RuleMatcher, events: EventViews, event_type: str, relation: str
    ) -> Iterator[Match]:
        yield from matcher.find_matches(
            events.connection,
            relation=relation,
            columns=events.list_columns(relation),
            event_type=event_type,
            org=events.org,
        )
