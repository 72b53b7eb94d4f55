"""Conditions about the events of a window, any of them or all, as SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from collector.escaping import quote_identifier
from collector.model import Correlation, MemberCondition
from collector.model.event_columns import HEADER_COLUMNS

_TEXT_PREFIX = "#text:"
"""Before the name of a field, that of the column with its text beside the typed one."""


def name_condition_column(place: int) -> str:
    """The column that is 1 for an event that the condition holds for, NULL for no concern of it."""
    return quote_identifier(f"#holds{place}")


def name_text_column(field: str) -> str:
    """The column with the text of a field."""
    return quote_identifier(f"{_TEXT_PREFIX}{field}")


def type_fields(
    correlation: Correlation,
    fields: Sequence[str],
    column: Callable[[str], str],
    rows: str,
    *,
    also: Sequence[str] = (),
) -> str:
    """A FROM item with the header columns and the texts of fields, and what conditions compare.

    The latter have the types and names that conditions ask for.

    Args:
        correlation: whose conditions they are.
        fields: the fields whose texts are read.
        column: SQL of a field.
        rows: a FROM item, with a WHERE clause.
        also: further columns of it, as they are.
    """
    columns = {
        name: kind for each in correlation.member_conditions for name, kind in each.columns.items()
    }
    selected = [f"CAST({column(name)} AS VARCHAR) AS {name_text_column(name)}" for name in fields]
    selected += [
        f"TRY_CAST({column(name)} AS {kind}) AS {quote_identifier(name)}"
        for name, kind in columns.items()
        if name not in HEADER_COLUMNS
    ]
    return f"(SELECT {', '.join([*HEADER_COLUMNS, *also, *selected])} FROM {rows}) AS events"


def list_condition_flags(correlation: Correlation, rule: str) -> Iterator[str]:
    """The columns of the conditions for events of one of the rules."""
    for place, condition in enumerate(correlation.member_conditions):
        flag = f"CASE WHEN {condition.predicate} THEN 1 ELSE 0 END"
        is_about_members = condition.rule is None and rule not in correlation.optional
        is_asked = condition.rule == rule or is_about_members
        value = flag if is_asked else "CAST(NULL AS INTEGER)"
        yield f"{value} AS {name_condition_column(place)}"


def list_condition_columns(correlation: Correlation) -> list[str]:
    """The names of all of them."""
    return [name_condition_column(place) for place in range(len(correlation.member_conditions))]


def list_window_answers(correlation: Correlation, window: str) -> Iterator[str]:
    """Of each condition, whether it holds in a window, 1 or 0, by the name that cases read."""
    for place, condition in enumerate(correlation.member_conditions):
        function = "min" if condition.is_about_all else "max"
        answer = f"COALESCE({function}({name_condition_column(place)}) {window}, 0)"
        yield f"{answer} AS {quote_identifier(condition.name_answer(place))}"


def list_answer_columns(correlation: Correlation) -> list[str]:
    """The columns of the answers."""
    return [
        quote_identifier(MemberCondition.name_answer(place))
        for place in range(len(correlation.member_conditions))
    ]
