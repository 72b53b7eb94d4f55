"""What all models of the configuration have in common."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator


class SettingsModel(BaseModel):
    """What all settings have in common: frozen, strict about names, silent about values."""

    # What is built when it is first used is built once: as a part of the model of all.
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        populate_by_name=True,
        defer_build=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_empty_keys(cls, data: Any, info: ValidationInfo) -> Any:
        """In a file (only then is there a context) `key:` without a value is no key."""
        if info.context is None or not isinstance(data, dict):
            return data
        known_keys = list_model_keys(cls)
        return {
            key: value for key, value in data.items() if value is not None or key not in known_keys
        }


def list_model_keys(model: type[BaseModel]) -> Mapping[str, Any]:
    """The keys that a file may hold for that model, each with the type of its value."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}
