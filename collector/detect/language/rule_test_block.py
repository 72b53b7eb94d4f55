"""The `tests` and `defaults` of the `collector:` block: their keys and types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from collector.detect.language.block_model import BlockModel
from collector.model.rule_tests import DEFAULT_COPY_DISTANCE, DEFAULT_TEST_START
from collector.settings.values import Duration, SeverityName

LIKE_KEY, AT_KEY, REPEAT_KEY = "like", "at", "repeat"
RECORD_KEYS = frozenset({LIKE_KEY, AT_KEY, REPEAT_KEY})
"""Keys of a record that are ours; no column of Salesforce's is called so."""

EVERY_RECORD = "every"
"""The name of the default that records are like which name no other."""

MAX_COPIES = 10_000
MAX_OFFSET = timedelta(days=3650)
FIRST_YEAR, LAST_YEAR = 1990, 2200

_OFFSET_PATTERN = re.compile(r"([+-])((?:\d{1,6}[dhms])+)", re.ASCII)
_OFFSET_PARTS = re.compile(r"(\d+)([dhms])", re.ASCII)
_OFFSET_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def parse_offset(value: object) -> timedelta:
    """A time from the start of a test: `+10s`, `-20d`, `+1h30m`. Raises ValueError for others."""
    match = _OFFSET_PATTERN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("must be a time from the start of the test, such as +10s, +1h30m or -20d")
    found = _OFFSET_PARTS.findall(match[2])
    offset = sum((timedelta(**{_OFFSET_UNITS[unit]: int(n)}) for n, unit in found), timedelta())
    if offset > MAX_OFFSET:
        raise ValueError(f"must be within {MAX_OFFSET.days}d")
    return offset if match[1] == "+" else -offset


def parse_moment(value: object) -> datetime:
    """A moment such as `2026-03-01T10:00:00Z`, in UTC where it names no zone.

    Raises ValueError for anything else.
    """
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError("must be a moment such as 2026-03-01T10:00:00Z") from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"must lie between {FIRST_YEAR} and {LAST_YEAR}")
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def parse_offset_or_moment(value: object) -> timedelta | datetime:
    """Either of both. Raises ValueError for anything else."""
    is_offset = isinstance(value, str) and value[:1] in {"+", "-"}
    return parse_offset(value) if is_offset else parse_moment(value)


Offset = Annotated[timedelta, BeforeValidator(parse_offset)]
Moment = Annotated[datetime, BeforeValidator(parse_moment)]


class AlertExpectationBlock(BlockModel):
    """What is expected of an alert."""

    severity: SeverityName | None = None
    title: str | None = None
    dedup: list[str] | None = None


class ExpectationBlock(AlertExpectationBlock):
    """The expected alerts of a test: so many, all with these values, or each by itself."""

    alerts: Annotated[int, Field(ge=0)] | list[AlertExpectationBlock] = 1


class RepeatBlock(BlockModel):
    """How many records there are, and how far apart."""

    count: Annotated[int, Field(ge=1, le=MAX_COPIES)]
    every: Duration = DEFAULT_COPY_DISTANCE

    @model_validator(mode="after")
    def _check_span(self) -> RepeatBlock:
        if self.count * self.every > MAX_OFFSET:
            raise ValueError(f"reaches over more than {MAX_OFFSET.days}d")
        return self


class RecordBlock(BlockModel):
    """The keys of a record that are ours."""

    like: str | None = None
    at: Offset | None = None
    repeat: RepeatBlock | None = None


class RuleTestBlock(BlockModel):
    """A test: records as Salesforce serves them, and what is expected of them."""

    name: str
    event_type: str | None = None
    start: Moment = DEFAULT_TEST_START
    events: Annotated[list[dict[str, Any]], Field(min_length=1)]
    lists: dict[str, list[Any]] = Field(default_factory=dict)
    directory: dict[str, list[dict[str, Any]]] = Field(default_factory=dict)
    expect: ExpectationBlock


def split_record(record: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The keys of a record that are ours, and its columns."""
    own = {key: value for key, value in record.items() if key in RECORD_KEYS}
    return own, {key: value for key, value in record.items() if key not in RECORD_KEYS}
