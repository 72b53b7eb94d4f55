"""Databases that say where an address is."""

from pathlib import Path

from collector.settings.settings_model import SettingsModel
from collector.settings.values import FilePath


class GeoIpSettings(SettingsModel):
    """Files in the format of MaxMind DB (`.mmdb`), of MaxMind or IPinfo: countries, and networks.

    One file may have both. What is missing or damaged, `collector check` tells.
    """

    file: FilePath | None = None
    asn_file: FilePath | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that are named."""
        return tuple(path for path in (self.file, self.asn_file) if path is not None)
