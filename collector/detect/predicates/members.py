"""Columns whose text is a list, as SQL: a comparison holds where it does for any of the members."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from collector.detect.predicates.field_columns import FieldColumns
from collector.escaping import quote_identifier, quote_literal
from collector.model.member_columns import SEPARATORS, build_separator_pattern

_MEMBER, OTHER_MEMBER = "member", "other_member"
MEMBER_NAMES = frozenset({_MEMBER, OTHER_MEMBER})
"""What members are called within the SQL of a comparison, where these are no columns."""


def match_any_member(
    name: str,
    columns: FieldColumns,
    compile_comparison: Callable[[FieldColumns], str],
    *,
    called: str = _MEMBER,
) -> str:
    """SQL: the comparison of a field holds or, where the field is a list, that of a member of it.

    Args:
        name: the field.
        columns: the columns of fields.
        compile_comparison: is given columns in which the field is what is to be compared.
        called: what a member is called within the SQL; of lists in lists each has another name.
    """
    if not columns.holds_list(name):
        return compile_comparison(columns)
    whole, column = columns.quote_column(name), columns.resolve_column(name)

    def resolve_member(field: str) -> str:
        return called if field == name else columns.resolve_column(field)

    comparison = compile_comparison(replace(columns, resolve_column=resolve_member))
    columns.accessed_columns.discard(called)
    members = f"list_filter({_split_text(column, whole)}, lambda {called}: {comparison})"
    # Nearly every text is a single member, for which a list need not be made.
    return (
        f"CASE WHEN {_has_separator(column, whole)} THEN array_length({members}) > 0"
        f" ELSE {compile_comparison(_read_whole_text(name, columns))} END"
    )


def match_any_text(name: str, columns: FieldColumns, subject: str, texts: str, single: str) -> str:
    """SQL: a member is one of a list of texts.

    Args:
        name: the field.
        columns: the columns of fields.
        subject: the field's text as it is compared, as SQL.
        texts: the texts, as SQL of a list.
        single: the comparison for a text that is no list, as SQL.
    """
    whole, column = columns.quote_column(name), columns.resolve_column(name)
    return (
        f"CASE WHEN {_has_separator(column, whole)}"
        f" THEN list_has_any({_split_text(column, subject)}, {texts}) ELSE {single} END"
    )


def select_members(column: str) -> str:
    """SQL: the list of the members of a column of lists, each once; NULL where it has no value."""
    text = quote_identifier(column)
    filled = f"list_filter({_split_text(column, text)}, lambda {_MEMBER}: {_MEMBER} <> '')"
    return (
        f"CASE WHEN {_has_separator(column, text)} THEN list_distinct({filled})"
        f" WHEN {text} IS NOT NULL THEN [{text}] END"
    )


def list_tests() -> Iterator[tuple[str, str]]:
    """By column, the SQL that says whether its text is a list of several members."""
    for column in SEPARATORS:
        yield column, _has_separator(column, quote_identifier(column))


def _read_whole_text(name: str, columns: FieldColumns) -> FieldColumns:
    """Columns in which a list is one text."""
    return replace(columns, whole_texts=columns.whole_texts | {name})


def _split_text(column: str, text: str) -> str:
    return (
        f"string_split_regex({text}, {quote_literal(build_separator_pattern(SEPARATORS[column]))})"
    )


def _has_separator(column: str, text: str) -> str:
    tests = [f"{text} LIKE {quote_literal(f'%{each}%')}" for each in SEPARATORS[column]]
    return f"({' OR '.join(tests)})" if len(tests) > 1 else tests[0]
