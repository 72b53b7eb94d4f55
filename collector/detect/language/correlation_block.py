"""The `correlation:` mapping of Sigma: its keys and their types."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from sigma.correlations import SigmaCorrelationTimespan
from sigma.exceptions import SigmaTimespanError

from collector.detect.language import block_model
from collector.detect.language.block_model import BlockModel
from collector.detect.language.yaml_document import YamlDocument

CORRELATION_KEY = "correlation"
MAX_TIMESPAN = timedelta(days=90)

OPERATORS = ("gt", "gte", "lt", "lte", "eq", "neq")

CorrelationType = Literal[
    "event_count",
    "value_count",
    "value_sum",
    "value_avg",
    "value_percentile",
    "value_median",
    "temporal",
    "temporal_ordered",
]


def _wrap_in_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _parse_timespan(value: object) -> object:
    try:
        seconds = SigmaCorrelationTimespan(value).seconds  # type: ignore[arg-type]
        span = timedelta(seconds=min(seconds, 10**9))
    except SigmaTimespanError:
        raise ValueError("must be a time span such as 10m, 1h or 7d") from None
    if span > MAX_TIMESPAN:
        raise ValueError(f"must be at most {MAX_TIMESPAN.days}d")
    return span


def _require_one_field(value: object) -> object:
    if isinstance(value, list) and len(value) > 1:
        raise ValueError("names several fields, which is not served; name one")
    return value[0] if isinstance(value, list) and value else value


class CorrelationCondition(BlockModel):
    """An operator with its limit, and the operands of the metric."""

    gt: float | None = None
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None
    eq: float | None = None
    neq: float | None = None
    field: Annotated[str | None, BeforeValidator(_require_one_field)] = None
    percentile: Annotated[float | None, Field(ge=0, le=100)] = None

    @property
    def limits(self) -> dict[str, float]:
        """The limits by their operators; a valid condition has one."""
        found = {name: getattr(self, name) for name in OPERATORS}
        return {name: limit for name, limit in found.items() if limit is not None}


class RuleCondition(CorrelationCondition):
    """A condition over the names of rules, `a and not b`, in place of a limit."""

    text: str


def _read_text(value: object) -> object:
    return RuleCondition(text=value) if isinstance(value, str) else value


class CorrelationBlock(BlockModel):
    """The whole mapping."""

    type: CorrelationType
    rules: Annotated[list[str], BeforeValidator(_wrap_in_list), Field(min_length=1)]
    group_by: Annotated[list[str], BeforeValidator(_wrap_in_list)] = Field(
        default=[], alias="group-by"
    )
    timespan: Annotated[timedelta, BeforeValidator(_parse_timespan)]
    aliases: dict[str, dict[str, str]] = Field(default_factory=dict)
    condition: Annotated[CorrelationCondition | None, BeforeValidator(_read_text)] = None
    generate: bool = False

    @property
    def is_temporal(self) -> bool:
        """Whether it asks for every rule rather than for a number."""
        return self.type.startswith("temporal")


def parse_correlation(document: YamlDocument) -> CorrelationBlock:
    """The mapping of a document. Raises RulesError with every problem of its shape."""
    return block_model.parse_block(document, CORRELATION_KEY, CorrelationBlock)
