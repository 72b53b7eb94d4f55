"""MITRE ATT&CK: the tactics, and the techniques that matter to software as a service, by id.

The facts are those of ATT&CK 18 and, where it has renamed something, of 19 as well; both are known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

_EVASION_TACTICS = frozenset({"defense-evasion", "stealth", "defense-impairment"})
"""One tactic in ATT&CK 18 that is two in ATT&CK 19: any of the three stands for the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Technique:
    """A technique or, with a dot in its id, one of its sub-techniques. Tactics are slugs."""

    id: str
    name: str
    tactics: frozenset[str]

    @property
    def url(self) -> str:
        """Where ATT&CK describes it."""
        return f"https://attack.mitre.org/techniques/{self.id.replace('.', '/')}/"


def find_technique(identifier: str) -> Technique | None:
    """The technique of that id, such as `T1078.004`; None where this version knows none."""
    return _load_techniques().get(identifier.upper())


def render_technique_title(identifier: str) -> str:
    """The name of a technique, a sub-technique's after that of its technique; else the id."""
    found, parent = find_technique(identifier), find_technique(identifier.partition(".")[0])
    if found is None:
        return identifier
    return found.name if parent in (None, found) else f"{parent.name}: {found.name}"


def list_tactics() -> frozenset[str]:
    """Every tactic, as tags write it: `initial-access`."""
    return frozenset(_load_attack_data()["tactics"])


def has_tactic(techniques: Iterable[Technique], tactic: str) -> bool:
    """Whether any of the techniques is one of that tactic's."""
    accepted_tactics = _EVASION_TACTICS if tactic in _EVASION_TACTICS else frozenset({tactic})
    return any(each.tactics & accepted_tactics for each in techniques)


@cache
def _load_techniques() -> Mapping[str, Technique]:
    return {
        identifier: Technique(id=identifier, name=name, tactics=frozenset(tactics))
        for identifier, (name, *tactics) in _load_attack_data()["techniques"].items()
    }


@cache
def _load_attack_data() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(
        files("collector.detect.lint").joinpath("attack.json").read_text("utf-8")
    )
    return found
