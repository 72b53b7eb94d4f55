"""The output of every command: sentences, JSON lines and tables, safe for a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from collector import escaping
from collector.api.json_values import JsonObject, JsonValue, to_json_value
from collector.logs import configure_logging
from collector.model import Severity

SEVERITY_COLORS = {
    Severity.INFORMATIONAL: "dim",
    Severity.LOW: "cyan",
    Severity.MEDIUM: "yellow",
    Severity.HIGH: "dark_orange",
    Severity.CRITICAL: "bold red",
}

_MAX_LENGTH = 2_000


def quiet_logs() -> None:
    """Log errors only, for commands that talk to a person."""
    configure_logging(level="error")


# ---- sentences


def to_safe_text(value: object) -> str:
    """A value as text of one line, with all of it visible and harmless."""
    return escaping.escape_terminal(str(value), _MAX_LENGTH)


def print_line(sentence: str) -> None:
    """Print a line of the command's own output."""
    click.echo(to_safe_text(sentence))


def print_stderr(sentence: str) -> None:
    """Print a line to stderr, beside the data."""
    click.echo(to_safe_text(sentence), err=True)


def format_count(count: int, noun: str) -> str:
    """`1 alert`, `1,234 alerts`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def group_by_message(messages: Iterable[tuple[str, str]]) -> list[tuple[list[str], str]]:
    """The names of which the same sentence is said, and the sentence; it calls several `them`.

    `messages` are pairs of a name and a sentence, in which that name may stand.
    """
    groups: dict[str, list[str]] = {}
    for name, sentence in messages:
        groups.setdefault(sentence.replace(name, "\0"), []).append(name)
    return [
        (names, sentence.replace("\0", names[0] if len(names) == 1 else "them"))
        for sentence, names in groups.items()
    ]


def format_duration(value: timedelta) -> str:
    """A length of time: `40 s`, `12 min`, `5 h 20 min`, `3 d`."""
    minutes, seconds = divmod(max(int(value.total_seconds()), 0), 60)
    if not minutes:
        return f"{seconds} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // (24 * 60)} d"


# ---- JSON


def print_json(values: JsonObject) -> None:
    """Print a JSON object on one line of printable ASCII."""
    click.echo(json.dumps(values).replace("\x7f", "\\u007f"))


def print_json_lines(lines: Iterable[JsonObject]) -> None:
    """Print JSON objects, one on each line."""
    for values in lines:
        print_json(values)


# ---- tables


def print_paragraph(sentence: str) -> None:
    """Print a long sentence, wrapped to the width of the terminal, and a blank line."""
    Console(highlight=False).print(Text(to_safe_text(sentence)), end="\n\n")


def print_table(table: Table) -> None:
    """Print a table as wide as the terminal, and a blank line."""
    console = Console()
    console.print(table)
    console.print()


def print_pairs(title: str, pairs: Iterable[tuple[str, object]]) -> None:
    """Print a table of names and values without a header."""
    rows = build_table(build_fixed_column(""), "", title=title)
    rows.show_header = False
    for name, value in pairs:
        add_row(rows, name, format_value(value))
    print_table(rows)


def build_table(*columns: str | Column, title: str = "") -> Table:
    """An empty table in the house style. A cell that is too long goes on below."""
    return Table(
        *(
            column if isinstance(column, Column) else build_wrapping_column(column)
            for column in columns
        ),
        title=Text(to_safe_text(title), style="bold") if title else None,
        title_justify="left",
        box=SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )


def build_wrapping_column(name: str) -> Column:
    """A column whose cells go on below where they are too long."""
    return Column(Text(to_safe_text(name)), overflow="fold")


def build_fixed_column(name: str) -> Column:
    """A column whose cells stay on one line."""
    return Column(Text(to_safe_text(name)), no_wrap=True)


def build_number_column(name: str) -> Column:
    """A column of numbers."""
    return Column(Text(to_safe_text(name)), no_wrap=True, justify="right")


def add_row(rows: Table, *values: object) -> None:
    """Add a row of values to a table: text, never markup."""
    rows.add_row(*to_cells(values))


def to_cells(values: Iterable[object]) -> list[Text]:
    """Values as table cells: text, never markup."""
    return [value if isinstance(value, Text) else Text(to_safe_text(value)) for value in values]


def color_severity(severity: Severity) -> Text:
    """A severity in its color."""
    return Text(str(severity), style=SEVERITY_COLORS[severity])


def format_setting(value: object) -> str:
    """A value of the configuration as text, numbers with their thousands apart."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:,}" if is_number else format_value(value)


def format_value(value: object) -> str:
    """A value of an event as text; whole numbers are without a point."""
    plain = to_json_value(value)
    if isinstance(plain, float) and plain.is_integer():
        plain = int(plain)
    return format_plain_value(plain)


def format_plain_value(value: JsonValue) -> str:
    """Text as it is, nothing for null, all else as JSON writes it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
