"""The `collector:` block of a rule file: its keys, their types and defaults."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from collector.detect.language import block_model
from collector.detect.language.block_model import BlockModel
from collector.detect.language.yaml_document import YamlDocument
from collector.model import Severity
from collector.settings.values import Duration, Period, SeverityName

COLLECTOR_KEY = "collector"
DEFAULT_DEDUP_KEY = ("user_id", "source_ip")
DEFAULT_DEDUP_WINDOW = timedelta(minutes=60)

ONE_DAY = timedelta(days=1)

FieldNames = Annotated[list[str], Field(min_length=1)]
NonNegativeNumber = Annotated[float, Field(ge=0)]


def _require_full_day(value: timedelta) -> timedelta:
    if value < ONE_DAY:
        raise ValueError("must be at least 1d")
    return value


def _require_even_window(value: timedelta) -> timedelta:
    """A window that divides a day or is whole days."""
    if ONE_DAY % value and value % ONE_DAY:
        raise ValueError("must divide a day (15m, 1h, 6h) or be whole days (1d, 7d)")
    return value


class SeverityCondition(BlockModel):
    """A condition over selections, a comparison of a field, or both."""

    when: str | None = None
    field: str | None = None
    gte: float | None = None
    gt: float | None = None
    lte: float | None = None
    lt: float | None = None
    eq: str | int | float | bool | None = None

    @property
    def detection_items(self) -> dict[str, Any]:
        """The comparison as Sigma detection items."""
        bounds = {name: getattr(self, name) for name in ("gte", "gt", "lte", "lt")}
        items = {
            f"{self.field}|{name}": limit for name, limit in bounds.items() if limit is not None
        }
        return items if self.eq is None else {**items, f"{self.field}": self.eq}


class SeverityCaseBlock(SeverityCondition):
    """A rung of the severity ladder."""

    level: SeverityName


class SeverityStepBlock(SeverityCondition):
    """A condition that raises the severity."""

    add: Annotated[int, Field(ge=1, le=4)] = 1
    max_level: SeverityName = Field(default=Severity.CRITICAL, alias="max")


class DedupBlock(BlockModel):
    """The dedup key of episodes; `fallback` is that of events without any field of `key`."""

    key: FieldNames = Field(default=list(DEFAULT_DEDUP_KEY))
    fallback: list[str] = Field(default_factory=list)
    window: Duration = DEFAULT_DEDUP_WINDOW


class FirstSeenBlock(BlockModel):
    """Matches a combination of values that was not seen before, instead of every event."""

    key: FieldNames
    learn: Duration = timedelta(days=14)
    forget: Annotated[Duration, AfterValidator(_require_full_day)] = timedelta(days=90)


class BaselineBlock(BlockModel):
    """Matches windows whose metric exceeds their group's past, instead of every event."""

    metric: Literal["sum", "count", "distinct"]
    field: str | None = None
    group_by: list[str] = Field(default_factory=list)
    window: Annotated[Period, AfterValidator(_require_even_window)] = timedelta(hours=1)
    history: Duration = timedelta(days=30)
    deviations: NonNegativeNumber = 3
    floor: NonNegativeNumber = 0
    minimum: Annotated[int, Field(ge=1)] = 20
    cold_start: NonNegativeNumber | None = None


class ExpectationBlock(BlockModel):
    """The expected alerts of a test; all but `alerts` is expected of every alert."""

    alerts: Annotated[int, Field(ge=0)] = 1
    severity: SeverityName | None = None
    title: str | None = None
    dedup: list[str] | None = None


class RuleTestBlock(BlockModel):
    """A test: records as Salesforce serves them, and what is expected of them."""

    name: str
    event_type: str | None = None
    events: Annotated[list[dict[str, Any]], Field(min_length=1)]
    expect: ExpectationBlock


class CollectorBlock(BlockModel):
    """The whole block."""

    event_types: list[str] = Field(default_factory=list)
    severity: list[SeverityCaseBlock] = Field(default_factory=list)
    severity_step: list[SeverityStepBlock] = Field(default_factory=list)
    title: str | None = None
    dedup: DedupBlock = DedupBlock()
    first_seen: FirstSeenBlock | None = None
    baseline: BaselineBlock | None = None
    triage: str = ""
    tests: list[RuleTestBlock] = Field(default_factory=list)
    alert: bool = True


def parse_collector_block(document: YamlDocument) -> CollectorBlock:
    """The block of a document, with its defaults. Raises RulesError with every problem."""
    return block_model.parse_block(document, COLLECTOR_KEY, CollectorBlock)
