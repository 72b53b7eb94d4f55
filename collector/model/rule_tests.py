"""The tests inside rule files: records that come in, and the alerts that are to come of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.model.severity import Severity

DEFAULT_TEST_START = datetime(2026, 3, 2, 12, tzinfo=UTC)
"""A Monday at noon: where the times of a test are counted from if it says nothing else."""

DEFAULT_COPY_DISTANCE = timedelta(seconds=1)

COPY_NUMBER = "{i}"
"""What stands for the number of a copy, from 1 on, in the texts of a record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordTemplate:
    """What a test has of one event, or of several that are alike.

    Attributes:
        values: by native column, with `COPY_NUMBER` where copies differ.
        sample_type: the event type whose usual values the record has besides; None for none.
        offset: when it happened, from the start of the test; None where `values` say it or nothing.
        copies, every: how many records it makes, and how far apart; None for one, whose values are
            taken as they are written.
    """

    values: Mapping[str, Any]
    sample_type: str | None = None
    offset: timedelta | None = None
    copies: int | None = None
    every: timedelta = DEFAULT_COPY_DISTANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertExpectation:
    """What is expected of one alert; None of what is left open."""

    severity: Severity | None = None
    title: str | None = None
    dedup_key: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectorySample:
    """A user, app, report or object of a test's org, as it is from a time on.

    `valid_from` is a moment, or counted from the start of the test.
    """

    kind: str
    id: str
    valid_from: datetime | timedelta
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTest:
    """An example inside a rule file: which alerts the rule raises for these records.

    Attributes:
        records: as Salesforce serves them. All are of `event_type`; None where each says of itself
            what it is (`attributes.type`, `EVENT_TYPE`) or the rule has but one type.
        alert_count: how many alerts there are to be.
        expected: what is expected of every alert.
        expected_alerts: what is expected of each, in any order; empty where nothing is.
        start: what the offsets of records are counted from.
        lists: by name, entries that a value list has in this test instead of its own, as a file
            of a list writes them.
        directory: what the org's directory knows.
    """

    name: str
    records: tuple[RecordTemplate, ...]
    alert_count: int
    expected: AlertExpectation = AlertExpectation()
    expected_alerts: tuple[AlertExpectation, ...] = ()
    event_type: str | None = None
    start: datetime = DEFAULT_TEST_START
    lists: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    directory: tuple[DirectorySample, ...] = ()
    line: int = 0
