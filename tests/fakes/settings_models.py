"""Every model that a configuration may hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from collector.app.configuration import SETTINGS_MODELS


def list_models() -> list[type[BaseModel]]:
    """The root and all models below it, each once."""
    return list(dict.fromkeys(_walk_models(SETTINGS_MODELS.root)))


def _walk_models(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
        for field in kind.model_fields.values():
            yield from _walk_models(field.annotation)
    for inner in get_args(kind):
        yield from _walk_models(inner)
