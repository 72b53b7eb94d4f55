"""Events of a correlation by the members of fields that are lists, as SQL.

An event is in the group of each member, and counts once however many of its values are counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from collector.detect.correlation_sql.frames import VALUE_COLUMN, list_group_columns
from collector.detect.predicates.members import select_members
from collector.detect.selected_events import unnest_column
from collector.escaping import quote_identifier
from collector.model import Correlation
from collector.model.member_columns import SEPARATORS

HEAD_COLUMN = quote_identifier("#head")
"""1 in the one row of an event that stands for it in a group, where it may have several."""


def name_member_column(field: str) -> str:
    """The column with one member of a field that is a list, beside that of the whole."""
    return quote_identifier(f"#member:{field}")


def select_lists(fields: Iterable[str]) -> tuple[str, ...]:
    """Those of the fields that are lists, each once."""
    return tuple(dict.fromkeys(field for field in fields if field in SEPARATORS))


def split_lists(rows: str, lists: Sequence[str], names: Sequence[str]) -> str:
    """The rows of a FROM item, one for each member of the lists; `names` are its columns, quoted.

    Rows without a value there stay one, too.
    """
    if not lists:
        return rows
    members = [
        f"coalesce({select_members(field)}, [CAST(NULL AS VARCHAR)]) AS {name_member_column(field)}"
        for field in lists
    ]
    select = f"SELECT {', '.join([*names, *members])} FROM {rows}"
    columns = [*names, *map(name_member_column, lists)]
    for field in lists:
        select = unnest_column(name_member_column(field), columns, select)
    return f"({select}) AS events"


def has_list_group(correlation: Correlation) -> bool:
    """Whether an event may be in several of its groups, as a group-by field is a list."""
    fields = {*correlation.group_by, *_list_aliased(correlation, correlation.group_by)}
    return not fields.isdisjoint(SEPARATORS)


def counts_members(correlation: Correlation) -> bool:
    """Whether it counts values of which an event may have several."""
    if correlation.type != "value_count" or correlation.field is None:
        return False
    fields = {correlation.field, *_list_aliased(correlation, [correlation.field])}
    return not fields.isdisjoint(SEPARATORS)


def mark_heads(correlation: Correlation, rows: str) -> str:
    """The rows of events with values, in each group one of each event marked as its head."""
    keys = ", ".join(["event_uid", *list_group_columns(correlation)])
    place = f"row_number() OVER (PARTITION BY {keys} ORDER BY {VALUE_COLUMN})"
    return f"SELECT *, CASE WHEN {place} = 1 THEN 1 END AS {HEAD_COLUMN} FROM ({rows}) AS events"


def _list_aliased(correlation: Correlation, names: Sequence[str]) -> list[str]:
    """The fields that these names stand for in any of its rules."""
    return [field for name in names for field in correlation.aliases.get(name, {}).values()]
