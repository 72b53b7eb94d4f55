"""Places in a file, and what is wrong at them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from collector.errors import Problem, ProblemListError


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePosition:
    """A character of a file. Lines and columns count from 1."""

    line: int = 1
    column: int = 1


START_POSITION = SourcePosition()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemReport:
    """The problems of one file, gathered so that all of them can be reported at once.

    Attributes:
        path: the file.
        error_type: the error to raise with the problems, SettingsError or RulesError.
        problems: what was added, in the order in which it was found.
    """

    path: Path
    error_type: type[ProblemListError]
    problems: list[Problem] = field(default_factory=list)

    def add_problem(self, position: SourcePosition, message: str) -> None:
        """Note a problem and go on."""
        self.problems.append(
            Problem(path=self.path, line=position.line, column=position.column, message=message)
        )

    def build_error(self) -> ProblemListError:
        """The error to raise, with all problems so far."""
        return self.error_type(self.problems)

    def build_fatal_error(self, position: SourcePosition, message: str) -> ProblemListError:
        """The error to raise, with all problems so far, where nothing more can be read."""
        self.add_problem(position, message)
        return self.build_error()
