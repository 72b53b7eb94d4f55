"""Names that one part of the file gives and another uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from collector.yaml_source.nodes import YamlNode, extract_name, quote_name
from collector.yaml_source.problem_report import ProblemReport
from collector.yaml_source.suggestions import suggest_name

MAX_CANDIDATES = 50
"""With more, comparing would take too long."""


def check_names(root: YamlNode, report: ProblemReport) -> None:
    """Report org names given twice, and routes to channels or from orgs that there are not.

    Works on the tree, so that these problems are reported beside all others.
    """
    nodes = [org.get_child("name") for org in root.get_child("orgs").items]
    name_nodes = [node for node in nodes if isinstance(node.value, str) and not node.has_problem]
    _check_unique(name_nodes, report)
    orgs = {str(node.value): node for node in name_nodes}
    channels = {name: entry.node for name, entry in root.get_child("channels").entries.items()}
    for entry in root.get_child("channels").entries.values():
        _check_references("channel", entry.node.get_child("fallback"), channels, report)
    for route in root.get_child("routes").items:
        _check_references("channel", route.get_child("channels"), channels, report)
        _check_references("org", route.get_child("orgs"), orgs, report)


def suggest_public_name(name: str, known_names: Iterable[str]) -> str:
    """As `suggest_name`, but with what looks like a name alone, so that no secret is repeated.

    Nothing where there are very many.
    """
    names = [candidate for candidate in known_names if candidate == extract_name(candidate)]
    if len(names) > MAX_CANDIDATES:
        return ""
    return suggest_name(extract_name(name), names, max_listed=MAX_CANDIDATES)


def _check_unique(names: Iterable[YamlNode], report: ProblemReport) -> None:
    first_nodes: dict[str, YamlNode] = {}
    for node in names:
        first = first_nodes.setdefault(str(node.value), node)
        if first is not node:
            report.add_problem(
                node.position, f"this org name already stands on line {first.position.line}"
            )


def _check_references(
    what: str, names: YamlNode, known_nodes: Mapping[str, YamlNode], report: ProblemReport
) -> None:
    public_names = [name for name, node in known_nodes.items() if not node.has_reference]
    for node in names.items:
        name = node.value
        if not isinstance(name, str) or name in known_nodes or node.has_problem or _is_glob(name):
            continue
        shown_name = "name" if node.has_reference else quote_name(name)
        report.add_problem(
            node.position, f"unknown {what} {shown_name}{suggest_public_name(name, public_names)}"
        )


def _is_glob(name: str) -> bool:
    return any(character in name for character in "*?[")
