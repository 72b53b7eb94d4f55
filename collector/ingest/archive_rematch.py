"""Matches all that is committed with one rule again, for what its lists have gained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from collector import normalize
from collector.evaluation.result import EvaluationResult
from collector.ingest.ingest_context import ActiveRules, IngestContext
from collector.model import Alert, Rule
from collector.sources.spec import Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRematch:
    """The alerts that one rule has enqueued, and by name the rule if it failed, with why."""

    notified_alerts: tuple[Alert, ...]
    failures: Mapping[str, str]


def rematch_rule(context: IngestContext, org: str, name: str) -> RuleRematch:
    """Match the committed events of an org with a rule; known matches stay as they are.

    Batches may come in between two results. A rule that fails is recorded.

    Raises:
        StoppedError: we were asked to end; what is found again later changes nothing.
    """
    context.raise_if_stopped()
    notified: list[Alert] = []
    active_rules = context.active_rules
    _, failures = context.guard.evaluate(
        lambda: notified.extend(_match_archive(context, active_rules, org, name)),
        lambda: _take_failures(context, active_rules),
    )
    context.record_failures(org, failures)
    return RuleRematch(notified_alerts=tuple(notified), failures=failures)


def _match_archive(
    context: IngestContext, active_rules: ActiveRules, org: str, name: str
) -> Iterator[Alert]:
    """The alerts that are enqueued, as they are committed."""
    turns = context.state_turns
    with context.cursors.open_cursor() as cursor:
        events = context.committed.build_event_views(org, cursor)
        previous = context.committed.build_match_lookup(org)
        results = active_rules.evaluator.evaluate_archive(name, events, previous)
        if _depends_on_events_alone(active_rules.rules.by_name[name]):
            for result in results:
                context.raise_if_stopped()
                with turns.take_turn(Lane.BULK):
                    is_current = context.directories.is_current(org, events.directory)
                    if is_current:
                        yield from _commit_result(context, active_rules, result)
                if not is_current:
                    yield from _match_archive(context, active_rules, org, name)
                    return
        else:
            with turns.take_turn(Lane.BULK):
                for result in results:
                    yield from _commit_result(context, active_rules, result)


def _take_failures(context: IngestContext, active_rules: ActiveRules) -> Mapping[str, str]:
    with context.state_turns.take_turn(Lane.BULK):
        return context.take_failures(active_rules)


def _commit_result(
    context: IngestContext, active_rules: ActiveRules, result: EvaluationResult
) -> list[Alert]:
    with context.database.begin() as connection:
        return context.commit_result(connection, result, active_rules.rules)


def _depends_on_events_alone(rule: Rule) -> bool:
    """Whether what it finds in an event is the same whatever else is committed meanwhile."""
    return rule.aggregation is None and normalize.DERIVED_EVENT_TYPES.keys().isdisjoint(
        rule.event_types
    )
