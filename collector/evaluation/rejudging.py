"""Rules about single events over those that the directory says something else of by now."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from collector import normalize
from collector.detect import RuleSet
from collector.evaluation.correlation import PreviousMatches
from collector.evaluation.event_views import EventViews
from collector.evaluation.rejudged_events import RejudgedEvents
from collector.evaluation.result import MATCHES_PER_COMMIT, EvaluationResult
from collector.evaluation.rule_matcher import RuleMatcher
from collector.model import Match, Rule, Withdrawal


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleEventRejudging:
    """The matches of single events that are judged again, and those that are matches no more.

    Attributes:
        rules: the rule set that the rules are of.
        single_rules: rules about single events.
        failures: where rules that cannot be run are noted, with the reason.
    """

    rules: RuleSet
    single_rules: Sequence[Rule]
    failures: dict[str, str]
    _matched_uids: dict[str, set[str]] = field(default_factory=dict)

    def find_matches(
        self, events: EventViews, rejudged: RejudgedEvents
    ) -> Iterator[EvaluationResult]:
        """What the rules find in the events by now, part by part."""
        for event_type in rejudged.event_types:
            rules = self._select_rules(event_type)
            relation = events.select_batch_events(event_type, rejudged.span, ()) if rules else None
            if relation is None:
                continue
            matcher = RuleMatcher(replace(self.rules, rules=rules))
            matches = matcher.find_matches(
                events.connection,
                relation=relation,
                columns=events.list_columns(relation),
                event_type=event_type,
                org=events.org,
                directory=events.directory,
            )
            yield from self._split_pages(matches)
            self.failures.update(matcher.failures)

    def find_withdrawals(
        self, events: EventViews, rejudged: RejudgedEvents, previous_matches: PreviousMatches
    ) -> Iterator[Withdrawal]:
        """The stored matches of these events that were not found again."""
        for rule in self.single_rules:
            if rule.name in self.failures:
                continue
            stored = previous_matches(rule.name, rejudged.span).keys()
            doubtful = stored - self._matched_uids.get(rule.name, set())
            if doubtful:
                types = [name for name in rejudged.event_types if self._looks_at(rule, name)]
                lost = sorted(self._find_events(events, rejudged, types, doubtful))
                if lost:
                    yield Withdrawal(org=events.org, rule=rule.name, event_uids=tuple(lost))

    def _split_pages(self, matches: Iterator[Match]) -> Iterator[EvaluationResult]:
        while page := list(itertools.islice(matches, MATCHES_PER_COMMIT)):
            for match in page:
                self._matched_uids.setdefault(match.rule, set()).add(match.event_uid)
            yield EvaluationResult(matches=page)

    def _find_events(
        self,
        events: EventViews,
        rejudged: RejudgedEvents,
        event_types: Iterable[str],
        uids: Iterable[str],
    ) -> Iterator[str]:
        """Those of the uids that are of events which are judged again."""
        wanted = sorted(uids)
        for event_type in event_types:
            relation = events.select_batch_events(event_type, rejudged.span, ())
            if relation is not None:
                found = events.connection.execute(
                    f"SELECT event_uid FROM {relation}"
                    " WHERE event_uid IN (SELECT unnest($uids::VARCHAR[]))",
                    {"uids": wanted},
                )
                yield from (uid for (uid,) in found.fetchall())

    def _select_rules(self, event_type: str) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.single_rules if self._looks_at(rule, event_type))

    def _looks_at(self, rule: Rule, event_type: str) -> bool:
        if rule.event_types:
            return event_type in rule.event_types
        # A rule about every type looks at logged events, not at derived ones.
        return event_type not in normalize.DERIVED_EVENT_TYPES
