"""The `collector:` block of a rule file: its keys, their types and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from collector.detect.language import block_model
from collector.detect.language.asked_rules import AskedRule
from collector.detect.language.block_model import BlockModel
from collector.detect.language.field_scope import UnknownFields
from collector.detect.language.link_block import LinkBlock
from collector.detect.language.list_conditions import ListCondition
from collector.detect.language.parameters import ParameterBlock
from collector.detect.language.rule_test_block import RuleTestBlock
from collector.detect.language.time_zones import TimeZoneName
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.predicates.field_columns import UTC_ZONE
from collector.model import Severity
from collector.model.rules import MissingValues
from collector.settings.tune_settings import ParameterName
from collector.settings.values import Duration, Period, SeverityName

COLLECTOR_KEY = "collector"
DEFAULT_DEDUP_KEY = ("user_id", "source_ip")
DEFAULT_DEDUP_WINDOW = timedelta(minutes=60)
DEFAULT_DEVIATIONS = 3.0
DEFAULT_WINDOWS = 20
"""So many windows of a group's past a baseline needs."""
DEFAULT_PEERS = 5
"""So many other groups it needs, where it compares with peers."""

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


def _name_condition(value: object) -> str:
    """Which kind of `when` a value is meant to be; what is neither is told of as text."""
    if not isinstance(value, Mapping):
        return type(value).__name__ if isinstance(value, BlockModel) else "str"
    is_list = any(name in value for name in ("list", *ListCondition.model_fields))
    return "ListCondition" if is_list else "AskedRule"


WhenCondition = (
    Annotated[
        Annotated[str, Tag("str")]
        | Annotated[ListCondition, Tag("ListCondition")]
        | Annotated[AskedRule, Tag("AskedRule")],
        Discriminator(_name_condition),
    ]
    | None
)


class SeverityCondition(BlockModel):
    """A condition over selections, list entries or a rule, a comparison of a field, or both."""

    when: WhenCondition = None
    field: str | None = None
    gte: float | str | None = None
    gt: float | str | None = None
    lte: float | str | None = None
    lt: float | str | None = None
    eq: str | int | float | bool | None = None
    members: Literal["any", "all"] | None = None

    @property
    def detection_items(self) -> dict[str, Any]:
        """The comparison as Sigma detection items; a bound that is text is another field."""
        bounds = {name: getattr(self, name) for name in ("gte", "gt", "lte", "lt")}
        items = {
            f"{self.field}{'|fieldref' if isinstance(limit, str) else ''}|{name}": limit
            for name, limit in bounds.items()
            if limit is not None
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
    """The dedup key of episodes; `fallback` is that of events without any field of `key`.

    `across_users` says that the key leaves out on purpose who did it.
    """

    key: FieldNames = Field(default=list(DEFAULT_DEDUP_KEY))
    fallback: list[str] = Field(default_factory=list)
    across_users: bool = False
    window: Duration = DEFAULT_DEDUP_WINDOW


class FirstSeenBlock(BlockModel):
    """Matches a combination of values that was not seen before, instead of every event."""

    key: FieldNames
    learn: Duration = timedelta(days=14)
    forget: Annotated[Duration, AfterValidator(_require_full_day)] = timedelta(days=90)
    missing: MissingValues = "skip"


class BaselineBlock(BlockModel):
    """Matches windows whose metric exceeds their group's past, or peers, instead of every event."""

    metric: Literal["sum", "count", "distinct"]
    field: str | None = None
    group_by: list[str] = Field(default_factory=list)
    window: Annotated[Period, AfterValidator(_require_even_window)] = timedelta(hours=1)
    history: Duration = timedelta(days=30)
    deviations: NonNegativeNumber | None = None
    times_mean: Annotated[float | None, Field(gt=1)] = None
    floor: NonNegativeNumber = 0
    minimum: Annotated[int | None, Field(ge=1)] = None
    cold_start: NonNegativeNumber | None = None
    missing: MissingValues = "skip"
    peers: str | FieldNames = Field(default_factory=list)

    @property
    def peer_fields(self) -> list[str]:
        """What groups have in common that are held against each other; none without peers."""
        return [self.peers] if isinstance(self.peers, str) else self.peers

    @property
    def groups(self) -> list[str]:
        """All fields that tell windows apart."""
        return [*self.group_by, *self.peer_fields]

    @property
    def least_windows(self) -> int:
        """With how many windows one is compared at least."""
        if self.minimum is not None:
            return self.minimum
        return DEFAULT_PEERS if self.peers else DEFAULT_WINDOWS

    @property
    def least_deviations(self) -> float:
        """How many deviations above the mean are asked for; none where `times_mean` decides."""
        if self.deviations is not None:
            return self.deviations
        return DEFAULT_DEVIATIONS if self.times_mean is None else 0.0


class CollectorBlock(BlockModel):
    """The whole block."""

    event_types: list[str] = Field(default_factory=list)
    time_zone: TimeZoneName = UTC_ZONE
    severity: list[SeverityCaseBlock] = Field(default_factory=list)
    severity_step: list[SeverityStepBlock] = Field(default_factory=list)
    title: str | None = None
    dedup: DedupBlock = DedupBlock()
    first_seen: FirstSeenBlock | None = None
    baseline: BaselineBlock | None = None
    triage: str = ""
    defaults: dict[str, dict[str, Any]] = Field(default_factory=dict)
    tests: list[RuleTestBlock] = Field(default_factory=list)
    alert: bool = True
    notify: SeverityName = Severity.INFORMATIONAL
    unknown_fields: UnknownFields = "refuse"
    enabled: bool = True
    link: LinkBlock | None = None
    parameters: dict[ParameterName, ParameterBlock] = Field(default_factory=dict)


def parse_collector_block(document: YamlDocument) -> CollectorBlock:
    """The block of a document, with its defaults. Raises RulesError with every problem."""
    return block_model.parse_block(document, COLLECTOR_KEY, CollectorBlock)
