"""What a configuration changes of rules that it does not write: `rules.tune`."""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from collector.settings.settings_model import SettingsModel
from collector.settings.values import Period, SeverityName


def _check_parameter_name(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", text):
        raise ValueError("must begin with a-z and go on with a-z, 0-9 and '_', 40 at most")
    return text


def _check_number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic's contract
    if value <= 0:
        raise ValueError("must be greater than 0")
    return value


def _check_scalar(value: object) -> object:
    is_endless = isinstance(value, float) and not math.isfinite(value)
    if isinstance(value, bool) or not isinstance(value, int | float | str) or is_endless:
        raise ValueError("must be a number, a duration or a text")
    return value


def _wrap_conditions(value: object) -> object:
    """A mapping of fields, or a list of such, as the latter."""
    alternatives = value if isinstance(value, list | tuple) else [value]
    if not alternatives or not all(_is_filled_mapping(each) for each in alternatives):
        raise ValueError("must hold fields with values, such as {user_name: [etl@acme.com]}")
    if any(map(_has_forgotten_value, alternatives)):
        raise ValueError("must have a value for each field (`field|exists: false` stands for none)")
    return tuple(alternatives)


def _check_cases(value: object) -> object:
    cases = value if isinstance(value, list | tuple) else [value]
    if cases is not value or not all(_is_filled_mapping(each) for each in cases):
        raise ValueError(
            "must be a list of cases, such as [{field: record_count, gte: 5000, level: high}]"
        )
    return value


def _is_filled_mapping(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(key, str) for key in value)


def _has_forgotten_value(fields: Mapping[str, object]) -> bool:
    return any(
        value is None or (isinstance(value, list | tuple) and None in value)
        for value in fields.values()
    )


ParameterName = Annotated[str, AfterValidator(_check_parameter_name)]
ParameterValue = int | float | str
"""What a parameter of a rule may be: a number, a duration such as `1h`, or a text."""

Threshold = Annotated[int | float, BeforeValidator(_check_number), Field(allow_inf_nan=False)]
RuleConditions = Annotated[tuple[Mapping[str, Any], ...], BeforeValidator(_wrap_conditions)]
"""Fields with values as in a selection of Sigma, all of which hold; one of several alternatives."""


class TuneSettings(SettingsModel):
    """What is different in the rules of a name or a glob; None is what their files say.

    `notify` is the least severity of which channels are told.
    `exclude` takes events away from the rule, `only` all others. `severity` stands for the rule's
    own cases. How conditions and cases are written is the rule language's affair.
    """

    enabled: bool | None = None
    level: SeverityName | None = None
    notify: SeverityName | None = None
    threshold: Threshold | None = None
    window: Period | None = None
    severity: Annotated[tuple[Mapping[str, Any], ...], BeforeValidator(_check_cases)] | None = None
    exclude: RuleConditions | None = None
    only: RuleConditions | None = None
    parameters: Mapping[
        ParameterName, Annotated[ParameterValue, BeforeValidator(_check_scalar)]
    ] = Field(default_factory=dict)
