"""How grave something is."""

from __future__ import annotations

from enum import IntEnum


class Severity(IntEnum):
    """Sigma's levels, in order."""

    INFORMATIONAL = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    def __str__(self) -> str:
        return self.name.lower()

    def raise_by(self, increment: int, *, maximum: Severity) -> Severity:
        """So many levels graver, but not above `maximum`; never less grave than it was."""
        return max(self, Severity(min(self + increment, maximum)))

    def lower_by_one(self) -> Severity:
        """One level less grave, if there is one."""
        return Severity(max(self - 1, Severity.INFORMATIONAL))

    @classmethod
    def parse(cls, text: str) -> Severity:
        """The level of that name. Raises ValueError for any other text."""
        try:
            return cls[text.upper()]
        except KeyError:
            raise ValueError(f"{text!r} is none of {', '.join(map(str, cls))}") from None
