"""Rules in the words of other tools: what each of them comes out as."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedRule:
    """A rule in other words; or, where `text` is empty, the `reason` why there are none."""

    rule: str
    text: str = ""
    reason: str = ""
