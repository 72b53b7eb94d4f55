"""What single parts of a configuration stand for: channels, routes, shares of the engine."""

from __future__ import annotations

from collections.abc import Sequence

from collector import engine
from collector.channels.registry import build_channel
from collector.model import Channel, Route
from collector.settings import EngineSettings, Settings


def build_channels(settings: Settings) -> dict[str, Channel]:
    """The channels by their names."""
    return {name: build_channel(name, channel) for name, channel in settings.channels.items()}


def choose_engine_shares(settings: EngineSettings) -> engine.EngineShares:
    """What the engines may take together: as the settings say, else what fits this machine."""
    fitting = engine.choose_resources()
    return engine.share_resources(
        engine.EngineResources(
            threads=settings.threads or fitting.threads,
            memory_bytes=settings.memory or fitting.memory_bytes,
        )
    )


def build_routes(settings: Settings) -> Sequence[Route]:
    """The routes, in their order."""
    return [
        Route(
            channels=route.channels,
            min_severity=route.min_severity,
            rules=route.rules,
            orgs=route.orgs,
            continue_matching=route.proceed,
        )
        for route in settings.routes
    ]
