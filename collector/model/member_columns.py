"""Columns whose text is a list: which characters part the members, and the members of a text.

The archive keeps the text as it came; rules compare each of its members.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from collector.model.event_columns import EVENT_COLUMNS

_NATIVE_SEPARATORS = {
    # Objects that were touched: "String/Set" of API, ApexRestApi, RestApi and ApiTotalUsage, a
    # comma list of ApiEvent, ApiAnomalyEventStore, ListViewEvent, ReportEvent and the Uri events.
    # No name of an object holds any of these characters.
    **dict.fromkeys(("ENTITY_NAME", "QueriedEntities", "RequestedEntities"), ",;"),
    "DisplayedFieldEntities": ",;",
    # ReportEvent and ListViewEvent: bracketed or bare lists of columns.
    **dict.fromkeys(("ColumnHeaders", "GroupedColumnHeaders"), ",[]"),
    # PermissionSetEventStore: JSON texts.
    **dict.fromkeys(("ImpactedUserIds", "ParentIdList"), ',[]"'),
    "ParentNameList": '[]"',
    # The anomaly stores: a JSON array of objects, each of which is a feature.
    "SecurityEventData": "[]{}",
    # AuraRequest: name1=ms;name2=ms. Search: key prefixes with blanks between.
    "ACTION_MESSAGE": ";",
    "PREFIXES_SEARCHED": " ",
}

# What the directory knows of users (`directory/fields.py`).
_JOINED_SEPARATORS = {
    f"{role}.{field}": ","
    for role in ("user", "target_user")
    for field in ("permission_sets", "high_risk_permissions")
}

_CANONICAL_SEPARATORS = {
    column.name: column.separator for column in EVENT_COLUMNS if column.separator
}

SEPARATORS: Mapping[str, str] = MappingProxyType(
    {
        **_CANONICAL_SEPARATORS,
        # As rules name them: a column `a_b` may be their field `a.b`.
        **{name.replace("_", ".", 1): each for name, each in _CANONICAL_SEPARATORS.items()},
        **_NATIVE_SEPARATORS,
        **_JOINED_SEPARATORS,
    }
)
"""By the name of each column or field that holds lists, the characters that part their members."""


@cache
def build_separator_pattern(separators: str) -> str:
    """A pattern (of Python's, RE2's and Java's) of what stands between two members.

    Blanks and commas beside a separator belong to it.
    """
    escaped = "".join(f"\\{each}" if each in "[]{}" else each for each in separators)
    return rf"[{escaped},\s]*[{escaped}][{escaped},\s]*"


def split_members(column: str, text: str) -> list[str]:
    """The members of a column's text, each once, in order; the text itself where it is no list."""
    separators = SEPARATORS.get(column)
    if separators is None:
        return [text]
    members = re.split(build_separator_pattern(separators), text, flags=re.ASCII)
    return list(dict.fromkeys(each for each in members if each))
