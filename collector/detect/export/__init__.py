"""Rules exported for other tools."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedRule:
    """An exported rule; where `text` is empty, the `reason` why it cannot be exported."""

    rule: str
    text: str = ""
    reason: str = ""
