"""A file that a person wrote as text: bounded in size, and UTF-8."""

from __future__ import annotations

from collector.named_files import read_small_file
from collector.yaml_source.problem_report import START_POSITION, ProblemReport, SourcePosition

MAX_BYTES = 1_000_000


def read_text(report: ProblemReport, *, max_bytes: int = MAX_BYTES) -> str:
    """The text of the file of `report`, without a byte order mark.

    Raises the error of `report` where the file cannot be read, is larger than `max_bytes` or is
    not UTF-8.
    """
    data = _read_bytes(report, max_bytes)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        valid_text = data[: error.start].decode("utf-8-sig", "replace")
    raise report.build_fatal_error(locate_character(valid_text, len(valid_text)), "not UTF-8 text")


def locate_character(text: str, index: int) -> SourcePosition:
    """The line and column of the character at `index`, which may be the end of the text."""
    line_start = text.rfind("\n", 0, index) + 1
    return SourcePosition(line=text.count("\n", 0, index) + 1, column=index - line_start + 1)


def _read_bytes(report: ProblemReport, max_bytes: int) -> bytes:
    try:
        data = read_small_file(report.path, limit=max_bytes + 1)
    except OSError as error:
        reason = str(error.strerror)
    except ValueError:
        reason = "its name holds a NUL character"
    else:
        if len(data) <= max_bytes:
            return data
        raise report.build_fatal_error(START_POSITION, f"larger than {max_bytes:,} bytes")
    raise report.build_fatal_error(START_POSITION, f"cannot be read: {reason}")
