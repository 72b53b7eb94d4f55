"""Names that one part of the file gives and another uses."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from collector.settings.nodes import Node, name_part, shown
from collector.settings.report import Report

MAX_CANDIDATES = 50
"""Comparing with more would take too long, and nobody reads a longer list."""


def check_names(root: Node, report: Report) -> None:
    """Report org names given twice, and routes to channels or from orgs that there are not.

    Works on the tree, so that these problems are told beside all others.
    """
    names = [org.get("name") for org in root.get("orgs").items]
    given = [node for node in names if isinstance(node.value, str) and not node.spoilt]
    _check_unique(given, report)
    orgs = {str(node.value): node for node in given}
    channels = {name: entry.node for name, entry in root.get("channels").entries.items()}
    for route in root.get("routes").items:
        _check_known("channel", route.get("channels"), channels, report)
        _check_known("org", route.get("orgs"), orgs, report)


def nearest(name: str, known: Iterable[str]) -> str:
    """What to put behind "unknown …": the name that was probably meant, else those there are."""
    names = sorted(candidate for candidate in known if candidate == name_part(candidate))
    if not 0 < len(names) <= MAX_CANDIDATES:
        return ""
    if close := difflib.get_close_matches(name_part(name), names, n=1):
        return f", did you mean {close[0]!r}?"
    return f"; known are {', '.join(names)}"


def _check_unique(names: Iterable[Node], report: Report) -> None:
    firsts: dict[str, Node] = {}
    for node in names:
        first = firsts.setdefault(str(node.value), node)
        if first is not node:
            report.add(node.place, f"this org name already stands on line {first.place.line}")


def _check_known(what: str, names: Node, known: Mapping[str, Node], report: Report) -> None:
    public = [name for name, node in known.items() if not node.referenced]
    for node in names.items:
        name = node.value
        if not isinstance(name, str) or name in known or node.spoilt or _is_glob(name):
            continue
        said = "name" if node.referenced else shown(name)
        report.add(node.place, f"unknown {what} {said}{nearest(name, public)}")


def _is_glob(name: str) -> bool:
    return any(character in name for character in "*?[")
