"""Warnings about parameters that change nothing, or whose meaning nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from collector.detect.language.collector_block import COLLECTOR_KEY
from collector.detect.language.placeholders import PARAMETERS_KEY, insert_values
from collector.detect.language.yaml_document import YamlDocument
from collector.errors import Problem


def lint_parameters(document: YamlDocument) -> Iterator[Problem]:
    """Warnings about parameters that the rule does not use or that it does not describe."""
    parameters = (document.data.get(COLLECTOR_KEY) or {}).get(PARAMETERS_KEY)
    if not parameters:
        return
    written: dict[str, Any] = document.node.to_plain()
    used = {name for _, name in insert_values(written, dict.fromkeys(parameters, 0)).places}
    for name, parameter in parameters.items():
        place = (COLLECTOR_KEY, PARAMETERS_KEY, name)
        if name not in used:
            yield document.build_problem(place, f"'%{name}%' stands nowhere: it changes nothing")
        if not parameter.get("description"):
            yield document.build_problem(place, "no description: what does it decide?")
