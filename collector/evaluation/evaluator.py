"""Runs the rules over a batch's new Parquet files and the archive around them."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

from collector.detect import RuleSet
from collector.detect.evaluation_errors import EVALUATION_ERRORS, describe_error
from collector.evaluation.awaited_absences import AwaitedAbsences, begin_judging
from collector.evaluation.baseline import BaselineEvaluator
from collector.evaluation.batch_scan import BatchScanner
from collector.evaluation.correlation import CorrelationEvaluator, PreviousMatches
from collector.evaluation.derived_records import DerivedRecordEvaluator
from collector.evaluation.event_views import EventViews, TimeSpan
from collector.evaluation.first_seen import FirstSeenEvaluator
from collector.evaluation.rejudging import SingleEventRejudging
from collector.evaluation.remembered_matches import RememberedMatches, index_changes
from collector.evaluation.result import MATCHES_PER_COMMIT, EvaluationResult
from collector.evaluation.rule_matcher import RuleMatcher
from collector.evaluation.rule_selection import ALL_TIME, compute_time_span
from collector.evaluation.temp_tables import open_temp_tables
from collector.model import ArchiveFile, Correlation, Match
from collector.store.awaited_absences import AbsenceHorizon
from collector.store.database import Database


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
        self._database = database
        self._logged_rules = replace(rules, rules=tuple(single))
        self._derived_records = DerivedRecordEvaluator(self._logged_rules)
        self._archive_failures: dict[str, str] = {}
        self._scanner = BatchScanner(rules)
        self._correlations = CorrelationEvaluator(rules)
        self._first_seen = FirstSeenEvaluator(database, rules)
        self._absences = AwaitedAbsences(database=database, rules=rules)
        self._baselines = BaselineEvaluator(database, rules)

    def take_failures(self) -> Mapping[str, str]:
        """Rules that could not be run since the last call, with the reason; the others went on."""
        failures: dict[str, str] = {}
        parts = (
            self._archive_failures,
            self._derived_records.failures,
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
        events = events.remember_files()
        span = compute_time_span(files)
        result = self._derived_records.evaluate_batch(events, span, previous_matches)
        with open_temp_tables(events.connection) as tables:
            scan = self._scanner.scan_batch(events, span, tables)
            result = result.merge_with(self._first_seen.evaluate_batch(events, files, scan))
            result = result.merge_with(self._baselines.evaluate_batch(events, files, scan))
            remembered = self._remember_matches(events, span, result)
            result = result.merge_with(begin_judging(events.org, remembered.horizons))
            return result.merge_with(
                self._correlations.evaluate_batch(scan, remembered, previous_matches)
            )

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
            remembered = self._remember_committed(events)
            yield self._correlations.evaluate_archive(name, ALL_TIME, remembered, previous_matches)
        elif rule.aggregation is None:
            matcher = RuleMatcher(replace(self._rules, rules=(rule,)))
            try:
                yield from self._match_archive(matcher, rule.event_types, events)
            except EVALUATION_ERRORS as error:
                matcher.failures[name] = describe_error(error)
            self._archive_failures.update(matcher.failures)

    def judge_absence(
        self,
        name: str,
        horizon: AbsenceHorizon,
        events: EventViews,
        previous_matches: PreviousMatches,
    ) -> EvaluationResult:
        """What a rule that waits for something finds in windows that are past with a horizon.

        Those that were past before are not looked at. It holds only as long as nothing else is
        committed.
        """
        remembered = self._remember_committed(events)
        following = replace(remembered, horizons={**remembered.horizons, name: horizon})
        since = remembered.horizons[name].until
        return self._correlations.judge_past_windows(name, since, following, previous_matches)

    def rejudge_events(
        self, events: EventViews, names: Collection[str], previous_matches: PreviousMatches
    ) -> Iterator[EvaluationResult]:
        """What these rules find in events that another directory changes (`events.rejudged`).

        Part by part; what does not hold any more comes with the last. It holds only as long as
        nothing else is committed.
        """
        rejudged = events.rejudged
        if rejudged is None:
            return
        events = events.remember_files()
        single = [rule for rule in self._logged_rules.rules if rule.name in names]
        rejudging = SingleEventRejudging(
            rules=self._rules, single_rules=single, failures=self._archive_failures
        )
        yield from rejudging.find_matches(events, rejudged)
        result = EvaluationResult(
            withdrawals=list(rejudging.find_withdrawals(events, rejudged, previous_matches))
        )
        span = rejudged.span
        with open_temp_tables(events.connection) as tables:
            scan = self._scanner.scan_batch(events, span, tables, names)
            result = result.merge_with(self._first_seen.rejudge_events(events, span, scan, names))
            result = result.merge_with(self._baselines.rejudge_events(events, span, scan, names))
            remembered = self._remember_matches(events, span, result)
            result = result.merge_with(
                self._correlations.evaluate_batch(scan, remembered, previous_matches, names)
            )
        yield result

    def _remember_matches(
        self, events: EventViews, span: TimeSpan, result: EvaluationResult
    ) -> RememberedMatches:
        """What rules that compare with the past match, given their result for a batch."""
        return RememberedMatches(
            database=self._database,
            rules=self._rules,
            events=events,
            span=span,
            changes=index_changes(result.state_changes),
            failures={**self._first_seen.failures, **self._baselines.failures},
            horizons=self._absences.read_horizons(events.org),
        )

    def _remember_committed(self, events: EventViews) -> RememberedMatches:
        """What rules that compare with the past match in what is committed."""
        return RememberedMatches(
            database=self._database,
            rules=self._rules,
            events=events,
            horizons=self._absences.read_horizons(events.org),
        )

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

    def _match_relation(
        self, matcher: RuleMatcher, events: EventViews, event_type: str, relation: str
    ) -> Iterator[Match]:
        yield from matcher.find_matches(
            events.connection,
            relation=relation,
            columns=events.list_columns(relation),
            event_type=event_type,
            org=events.org,
            directory=events.directory,
        )
