"""The `collector:` block of a rule file: its keys, their types and defaults."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from collector.detect.language import shape
from collector.detect.language.document import Document
from collector.detect.language.shape import Part
from collector.model import Severity
from collector.settings.values import Duration, Period, SeverityName

KEY = "collector"
DEFAULT_KEY = ("user_id", "source_ip")
DEFAULT_WINDOW = timedelta(minutes=60)

DAY = timedelta(days=1)

Fields = Annotated[list[str], Field(min_length=1)]
Amount = Annotated[float, Field(ge=0)]


def _a_day_at_least(value: timedelta) -> timedelta:
    if value < DAY:
        raise ValueError("must be at least 1d")
    return value


def _even(value: timedelta) -> timedelta:
    """Windows that begin anew with every day, or with every so many days."""
    if DAY % value and value % DAY:
        raise ValueError("must divide a day (15m, 1h, 6h) or be whole days (1d, 7d)")
    return value


class Comparison(Part):
    """What an event or a window is asked: a condition over selections, a comparison, or both."""

    when: str | None = None
    field: str | None = None
    gte: float | None = None
    gt: float | None = None
    lte: float | None = None
    lt: float | None = None
    eq: str | int | float | bool | None = None

    @property
    def comparisons(self) -> dict[str, Any]:
        """Sigma detection items that say the same as the comparison."""
        bounds = {name: getattr(self, name) for name in ("gte", "gt", "lte", "lt")}
        items = {
            f"{self.field}|{name}": limit for name, limit in bounds.items() if limit is not None
        }
        return items if self.eq is None else {**items, f"{self.field}": self.eq}


class Case(Comparison):
    """A rung of the severity ladder."""

    level: SeverityName


class Step(Comparison):
    """What makes it graver than its case says."""

    add: Annotated[int, Field(ge=1, le=4)] = 1
    most: SeverityName = Field(default=Severity.CRITICAL, alias="max")


class Dedup(Part):
    """What makes matches one episode; `fallback` is the key of events without any of `key`."""

    key: Fields = Field(default=list(DEFAULT_KEY))
    fallback: list[str] = Field(default_factory=list)
    window: Duration = DEFAULT_WINDOW


class FirstSeen(Part):
    """A combination of values that was not there before, instead of a plain match."""

    key: Fields
    learn: Duration = timedelta(days=14)
    forget: Annotated[Duration, AfterValidator(_a_day_at_least)] = timedelta(days=90)


class Baseline(Part):
    """A measure held against its own past, instead of a plain match."""

    metric: Literal["sum", "count", "distinct"]
    field: str | None = None
    group_by: list[str] = Field(default_factory=list)
    window: Annotated[Period, AfterValidator(_even)] = timedelta(hours=1)
    history: Duration = timedelta(days=30)
    deviations: Amount = 3
    floor: Amount = 0
    minimum: Annotated[int, Field(ge=1)] = 20
    cold_start: Amount | None = None


class Expect(Part):
    """What a test says that its events lead to; all but `alerts` is of every alert."""

    alerts: Annotated[int, Field(ge=0)] = 1
    severity: SeverityName | None = None
    title: str | None = None
    dedup: list[str] | None = None


class Example(Part):
    """A test: records as Salesforce serves them, and what is expected of them."""

    name: str
    event_type: str | None = None
    events: Annotated[list[dict[str, Any]], Field(min_length=1)]
    expect: Expect


class Block(Part):
    """All of the block."""

    event_types: list[str] = Field(default_factory=list)
    severity: list[Case] = Field(default_factory=list)
    severity_step: list[Step] = Field(default_factory=list)
    title: str | None = None
    dedup: Dedup = Dedup()
    first_seen: FirstSeen | None = None
    baseline: Baseline | None = None
    triage: str = ""
    tests: list[Example] = Field(default_factory=list)
    alert: bool = True


def parse(document: Document) -> Block:
    """The block of a document, with its defaults. Raises RulesError with all that is wrong."""
    return shape.parse(document, KEY, Block)
