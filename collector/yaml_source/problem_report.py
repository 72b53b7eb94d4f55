"""Places in a file, and what is wrong at them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from collector.errors import Problem, SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePosition:
    """A character of a file. Lines and columns count from 1."""

    line: int = 1
    column: int = 1


START_POSITION = SourcePosition()


class ProblemReport:
    """The problems of one file, gathered so that all of them can be told at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[Problem] = []

    def add_problem(self, position: SourcePosition, message: str) -> None:
        """Note a problem and go on."""
        self.problems.append(
            Problem(path=self.path, line=position.line, column=position.column, message=message)
        )

    def build_fatal_error(self, position: SourcePosition, message: str) -> SettingsError:
        """The error to raise, with all problems so far, where nothing more can be read."""
        self.add_problem(position, message)
        return SettingsError(self.problems)
