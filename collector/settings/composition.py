"""Composes the configuration's models with the settings of the sources and channels there are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from types import GenericAlias
from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator, Field, create_model

from collector.settings.models import (
    ChannelSettings,
    OrgSettings,
    Settings,
    SourceSettings,
    SourcesSettings,
)
from collector.settings.values import ChannelName


class SourceDeclaration(Protocol):
    """What the configuration has to know of a kind of source."""

    @property
    def kind(self) -> str:
        """The key of its settings."""

    @property
    def settings(self) -> type[SourceSettings]:
        """Their model, in which every key has a default."""

    @property
    def on_by_default(self) -> bool:
        """Whether it is polled where the configuration does not mention it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsModels:
    """The composed models: of the whole file, of one org in it, and of an org's sources."""

    root: type[Settings]
    org: type[OrgSettings]
    sources: type[SourcesSettings]


def compose_settings(
    *, sources: Iterable[SourceDeclaration], channels: Iterable[type[ChannelSettings]]
) -> SettingsModels:
    """The models of a configuration in which these sources and channels can be set up."""
    source_fields: dict[str, Any] = {
        source.kind: _define_source_field(source) for source in sources
    }
    sources_model = create_model(
        "SourcesSettings",
        __base__=SourcesSettings,
        __doc__="What is polled. None is a source that is turned off.",
        **source_fields,
    )
    org_model = create_model(
        "OrgSettings",
        __base__=OrgSettings,
        __doc__=OrgSettings.__doc__,
        sources=(sources_model, sources_model()),
    )
    root_model = create_model(
        "Settings",
        __base__=Settings,
        __doc__="The whole file. All paths are absolute when it was loaded from one.",
        orgs=_define_orgs_field(org_model),
        channels=_define_channels_field(channels),
    )
    return SettingsModels(root=root_model, org=org_model, sources=sources_model)


def _define_source_field(source: SourceDeclaration) -> tuple[Any, SourceSettings | None]:
    """`false` turns a source off, `true` leaves it at its defaults."""
    default = source.settings.model_validate({}) if source.on_by_default else None
    return Annotated[source.settings | None, BeforeValidator(_parse_switch)], default


def _parse_switch(value: object) -> object:
    if value is False:
        return None
    return {} if value is True else value


def _define_orgs_field(model: type[OrgSettings]) -> tuple[Any, Any]:
    return GenericAlias(tuple, (model, ...)), Field(min_length=1)


def _define_channels_field(channels: Iterable[type[ChannelSettings]]) -> tuple[Any, Any]:
    union: Any = reduce(or_, channels)
    channel = Annotated[union, Field(discriminator="type")]
    return GenericAlias(Mapping, (ChannelName, channel)), Field(default_factory=dict)
