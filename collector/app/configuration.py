"""The configuration of this program, with the settings of its sources and channels."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from collector.channels.registry import CHANNELS
from collector.settings import LoadedSettings, compose_settings, read_settings
from collector.sources import SOURCES

SETTINGS_MODELS = compose_settings(sources=SOURCES, channels=[spec.settings for spec in CHANNELS])


def read_configuration(path: Path, environ: Mapping[str, str]) -> LoadedSettings:
    """The settings of a YAML (or JSON) file; `environ` is what `${env:NAME}` in it refers to.

    Raises SettingsError with every problem of the file, also when it cannot be read at all.
    """
    return read_settings(
        path, environ, model=SETTINGS_MODELS.root, list_event_types=_list_event_types
    )


def _list_event_types() -> Collection[str]:
    # Only where the file names some: most commands do without them.
    from collector import normalize  # noqa: PLC0415

    return normalize.list_event_types()
