"""What the configuration has made of one rule."""

from __future__ import annotations

from dataclasses import dataclass

from collector.detect.language.yaml_document import ForeignPlace
from collector.settings.tune_settings import ParameterValue


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningChange:
    """One key of an entry that changed a rule; of `parameters`, `key` is `parameters.NAME`.

    `parameter` is the name of the parameter that it sets, which is empty for other keys.
    """

    key: str
    value: object
    pattern: str
    place: ForeignPlace
    parameter: str = ""

    @property
    def is_parameter(self) -> bool:
        """Whether it is the value of a parameter."""
        return bool(self.parameter)

    def __str__(self) -> str:
        return f"rules.tune.{self.pattern}.{self.key} at {self.place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetParameter:
    """A parameter that a rule declares, with the value that it has here."""

    name: str
    value: ParameterValue
    default: ParameterValue
    unit: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleAdjustment:
    """What is different in a rule from its file, and what may be set in it.

    `off_reason` says why it is off: no alert of its own, and evaluated only for correlations that
    are on. Empty where it is on.
    """

    off_reason: str = ""
    changes: tuple[TuningChange, ...] = ()
    parameters: tuple[SetParameter, ...] = ()

    @property
    def is_on(self) -> bool:
        """Whether the rule is at work by itself."""
        return not self.off_reason

    def find_change(self, key: str) -> TuningChange | None:
        """The change that decides about a key; None where the rule's file does."""
        return next((each for each in reversed(self.changes) if each.key == key), None)

    def find_parameter_change(self, name: str) -> TuningChange | None:
        """The change that gave a parameter its value; None where that is its default."""
        return next((each for each in self.changes if each.parameter == name), None)


AS_WRITTEN = RuleAdjustment()
