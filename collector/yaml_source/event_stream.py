"""Text to the events of a YAML parser, whose errors become problems in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from collector.yaml_source.dialect import YamlLoader
from collector.yaml_source.problem_report import START_POSITION, ProblemReport, SourcePosition
from collector.yaml_source.source_text import locate_character

if TYPE_CHECKING:
    from yaml._yaml import Mark as LibraryMark


class YamlEventStream:
    """The events of a text, one by one.

    They come from PyYAML's own parser, unless a dialect has another loader: libyaml has limits that
    depend on its version, and takes a little that is no YAML.
    """

    def __init__(
        self, text: str, report: ProblemReport, *, syntax_message: str, loader: YamlLoader
    ) -> None:
        """In `syntax_message`, `{}` stands for what is wrong, where that can be explained."""
        self._text = text
        self._report = report
        self._syntax_message = syntax_message
        self._events = yaml.parse(text, Loader=loader)
        self._last_mark: yaml.Mark | LibraryMark | None = None

    def next_event(self) -> yaml.Event:
        """The next event. Raises the error of the report for what is no YAML."""
        try:
            event: yaml.Event = next(self._events)
        except yaml.MarkedYAMLError as error:
            position = to_position(error.problem_mark)
            message = self._explain_error(error)
        except yaml.reader.ReaderError as error:
            position = locate_character(self._text, error.position)
            character = ord(self._text[error.position])
            message = f"the character U+{character:04X} may not stand in YAML"
        except (ValueError, OverflowError):  # PyYAML hands "\UFFFFFFFF" to chr() as it is
            position = to_position(self._last_mark)
            message = "beyond this, a number is out of range"
        else:
            self._last_mark = event.start_mark
            return event
        raise self._report.build_fatal_error(position, message)

    def _explain_error(self, error: yaml.MarkedYAMLError) -> str:
        problem = error.problem or "syntax error"
        for beginning, explanation in _ERROR_EXPLANATIONS.items():
            if problem.startswith(beginning):
                return self._syntax_message.format(explanation)
        return f"not YAML: {problem}"


def to_position(mark: yaml.Mark | LibraryMark | None) -> SourcePosition:
    """The place of a mark, which counts from 0; without one, the start of the file."""
    return SourcePosition(line=mark.line + 1, column=mark.column + 1) if mark else START_POSITION


_ERROR_EXPLANATIONS = {
    "found character '\\t'": "a tab: indent with spaces",
    "mapping values are not allowed": "a ':' cannot stand here: check the indentation, "
    "or put the value in quotes",
    "could not find expected ':'": "expected 'key: value'",
    "expected <block end>": "the indentation does not fit the lines above",
    "found unexpected end of stream": "a quote is not closed",
    "expected ',' or": "expected ',' or a closing bracket",
    "found unknown escape character": "unknown escape after a backslash: use single quotes "
    "where a backslash is meant",
}
