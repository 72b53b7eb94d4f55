"""A correlation is left out of a batch only where it cannot fire."""

from datetime import timedelta

import pytest

from collector.evaluation.correlation.event_shortage import lacks_events
from collector.model import Correlation
from fakes.model_samples import build_rule


def correlate(name, rules, **changes):
    made = Correlation(rules=rules, group_by=(), timespan=timedelta(minutes=10), **changes)
    return build_rule(name=name, aggregation=made)


BURST = correlate("burst", ("a", "b"), type="event_count", operator="gte", limit=5)
RULES = {rule.name: rule for rule in (build_rule(name="a"), build_rule(name="b"), BURST)}


@pytest.mark.parametrize(
    ("changes", "counts", "expected"),
    [
        ({"type": "event_count", "operator": "gte", "limit": 5}, (2, 2), True),
        ({"type": "event_count", "operator": "gte", "limit": 5}, (2, 3), False),
        ({"type": "event_count", "operator": "gt", "limit": 5}, (2, 3), True),
        # Few events are what these ask for.
        ({"type": "event_count", "operator": "lt", "limit": 5}, (1, 0), False),
        ({"type": "event_count", "operator": "eq", "limit": 5}, (1, 0), False),
        # One event may have any value.
        ({"type": "value_sum", "operator": "gte", "limit": 5, "field": "n"}, (1, 0), False),
        ({"type": "value_count", "operator": "gte", "limit": 5, "field": "n"}, (1, 0), False),
        ({"type": "temporal"}, (3, 0), True),
        ({"type": "temporal_ordered"}, (1, 1), False),
    ],
)
def test_too_few_events_are_known_by_their_number(changes, counts, expected):
    rule = correlate("many", ("a", "b"), **changes)

    assert lacks_events(rule, RULES, dict(zip(("a", "b"), counts, strict=True))) == expected


@pytest.mark.parametrize(("counts", "expected"), [((0, 1), False), ((0, 0), True)])
def test_a_correlation_of_correlations_has_the_events_of_those_below(counts, expected):
    rule = correlate("many", ("burst", "b"), type="event_count", operator="gte", limit=2)

    assert lacks_events(rule, RULES, dict(zip(("a", "b"), counts, strict=True))) == expected
