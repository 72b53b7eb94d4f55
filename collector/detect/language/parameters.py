"""Parameters that a rule declares: `%rows%` stands for a value that a configuration may change.

`parameters: {rows: {default: 10000, unit: rows, description: …, min: 1}}` in the `collector:` block
declares one; its default says whether it is a number, a duration (`1h`) or a text.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter, ValidationError, model_validator

from collector.detect.language.block_model import BlockModel
from collector.detect.language.placeholders import PARAMETERS_KEY
from collector.settings.tune_settings import ParameterName, ParameterValue
from collector.settings.values import Duration

_DURATION_ADAPTER: TypeAdapter[timedelta] = TypeAdapter(Duration)


def _check_scalar(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | str | None):
        raise ValueError("must be a number, a duration or a text")  # noqa: TRY004 - pydantic's contract
    return value


_Limit = Annotated[ParameterValue | None, BeforeValidator(_check_scalar)]


class ParameterBlock(BlockModel):
    """A parameter: what it is where nobody changes it, its unit, its meaning and its limits."""

    default: Annotated[ParameterValue, BeforeValidator(_check_scalar)]
    unit: str = ""
    description: str = ""
    min: _Limit = None
    max: _Limit = None

    @model_validator(mode="after")
    def _check_limits(self) -> ParameterBlock:
        for name, limit in (("min", self.min), ("max", self.max)):
            if limit is not None and _classify_value(self.default) == "text":
                raise ValueError(f"is a text, which has no {name!r}")
            if limit is not None and _classify_value(limit) != _classify_value(self.default):
                raise ValueError(f"has a {name!r} that is of another kind than its default")
        if message := find_value_problem(self, self.default):
            raise ValueError(f"has a default that {message}")
        return self


def find_value_problem(parameter: ParameterBlock, value: ParameterValue) -> str | None:
    """Why a parameter cannot have this value, as `must be …`; None where it can."""
    kind = _classify_value(parameter.default)
    if _classify_value(value) != kind:
        return f"must be a {kind}, as its default {parameter.default} is"
    if parameter.min is not None and _measure_value(value) < _measure_value(parameter.min):
        return f"must be at least {parameter.min}"
    if parameter.max is not None and _measure_value(value) > _measure_value(parameter.max):
        return f"must be at most {parameter.max}"
    return None


def _classify_value(value: ParameterValue) -> str:
    if isinstance(value, int | float):
        return "number"
    try:
        _DURATION_ADAPTER.validate_python(value)
    except ValidationError:
        return "text"
    return "duration"


def _measure_value(value: ParameterValue) -> float:
    """A number, or the seconds of a duration."""
    if isinstance(value, int | float):
        return value
    return _DURATION_ADAPTER.validate_python(value).total_seconds()


def read_parameters(data: Mapping[str, Any]) -> dict[str, ParameterBlock]:
    """What a document declares, without declarations in which something is wrong.

    Those are told where the block is parsed.
    """
    block = data.get("collector")
    declared = block.get(PARAMETERS_KEY) if isinstance(block, dict) else None
    found: dict[str, ParameterBlock] = {}
    for name, declaration in declared.items() if isinstance(declared, dict) else ():
        with suppress(ValidationError):
            found |= _DECLARATION_ADAPTER.validate_python({name: declaration})
    return found


_DECLARATION_ADAPTER: TypeAdapter[dict[str, ParameterBlock]] = TypeAdapter(
    dict[ParameterName, ParameterBlock]
)
