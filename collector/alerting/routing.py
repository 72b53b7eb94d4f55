"""Which channels an alert is sent to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from collector.model import Alert, Route, Severity


def select_channels(
    alert: Alert,
    routes: Sequence[Route],
    every_channel: Iterable[str],
    *,
    least: Severity = Severity.INFORMATIONAL,
) -> tuple[str, ...]:
    """The channels of the first route that fits, and of further ones where it says to proceed.

    Without any route these are all channels. A channel is named once. None is told of what is below
    the `least` severity of which the rule lets channels be told.
    """
    if alert.severity < least:
        return ()
    if not routes:
        return tuple(every_channel)
    chosen: dict[str, None] = {}
    for route in routes:
        if not _matches_route(route, alert):
            continue
        chosen.update(dict.fromkeys(route.channels))
        if not route.continue_matching:
            break
    return tuple(chosen)


def select_org_channels(
    org: str, routes: Sequence[Route], every_channel: Iterable[str]
) -> tuple[str, ...]:
    """The channels to which any alert of an org may be sent, each once."""
    if not routes:
        return tuple(every_channel)
    names = (name for route in routes if _matches_globs(org, route.orgs) for name in route.channels)
    return tuple(dict.fromkeys(names))


def _matches_route(route: Route, alert: Alert) -> bool:
    return (
        alert.severity >= route.min_severity
        and _matches_globs(alert.rule, route.rules)
        and _matches_globs(alert.org, route.orgs)
    )


def _matches_globs(name: str, globs: Sequence[str]) -> bool:
    return not globs or any(fnmatchcase(name, glob) for glob in globs)
