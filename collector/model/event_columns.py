"""The columns of the event table: one line for each, from which every list of columns is derived.

A new column is one line here, and one in the mapping of the native columns that fill it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

ColumnType: TypeAlias = Literal["VARCHAR", "TIMESTAMPTZ", "BIGINT", "DOUBLE"]
"""A type of DuckDB's."""

ColumnKind: TypeAlias = Literal["plain", "record_id", "other_id", "address", "name"]
"""How the values of a column are compared.

`record_id`: as Salesforce's ids, and stored with 18 characters. `other_id`: as those, of what is no
record, stored as they came. `address`: as IP addresses, by the column of that name and `_key`.
`name`: as names, stored in the plain form of `collector.plain_names`.
"""

EntityLabel: TypeAlias = Literal[
    "Who", "To whom", "From where", "With", "App", "Package", "Object", "Job", "Session"
]
"""What stands before an alert's entities in a message, in the order of reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventColumn:
    """A column that the events of every type have.

    Ranks count from 1, the lowest first; of equal ones the column that comes first in the table.

    Attributes:
        never_null: whether every event has a value in it.
        entity_rank: its place among an alert's entities, which say who, from where and on what;
            None for what is no entity. Entities have a `label`, and only they.
        detail_rank: its place in a message's line about one event; None where it is left out.
        keyword_rank: its place among the columns in which Sigma's keywords are looked for.
        in_evidence: whether an alert keeps it of the events that it shows.
        links_events: whether events that have the same value in it belong together.
        separator: the characters that part the members of its text, where that is a list.
    """

    name: str
    sql_type: ColumnType = "VARCHAR"
    kind: ColumnKind = "plain"
    never_null: bool = False
    entity_rank: int | None = None
    label: EntityLabel | None = None
    detail_rank: int | None = None
    keyword_rank: int | None = None
    in_evidence: bool = True
    links_events: bool = False
    separator: str = ""


EVENT_COLUMNS = (
    EventColumn(name="event_uid", never_null=True),
    EventColumn(name="org", never_null=True),
    EventColumn(name="source", never_null=True, in_evidence=False),
    EventColumn(name="event_type", never_null=True),
    EventColumn(name="time", sql_type="TIMESTAMPTZ", never_null=True),
    EventColumn(name="received", sql_type="TIMESTAMPTZ", never_null=True),
    EventColumn(name="batch", never_null=True, in_evidence=False),
    EventColumn(name="user_id", kind="record_id", entity_rank=1, label="Who"),
    EventColumn(
        name="user_name",
        kind="name",
        entity_rank=2,
        label="Who",
        detail_rank=7,
        keyword_rank=8,
    ),
    EventColumn(name="user_type"),
    EventColumn(
        name="source_ip",
        kind="address",
        entity_rank=3,
        label="From where",
        detail_rank=8,
        keyword_rank=9,
    ),
    EventColumn(name="source_ip_key", in_evidence=False),
    EventColumn(name="country", entity_rank=4, label="From where", detail_rank=9),
    EventColumn(
        name="user_agent",
        kind="name",
        entity_rank=7,
        label="With",
        detail_rank=18,
        keyword_rank=4,
    ),
    EventColumn(
        name="client_name",
        kind="name",
        entity_rank=8,
        label="With",
        detail_rank=11,
        keyword_rank=5,
    ),
    EventColumn(name="app_id", kind="record_id", entity_rank=9, label="App"),
    EventColumn(
        name="app_name",
        kind="name",
        entity_rank=10,
        label="App",
        detail_rank=10,
        keyword_rank=10,
    ),
    EventColumn(name="session_key", entity_rank=5, label="Session", links_events=True),
    EventColumn(name="login_key", entity_rank=6, label="Session", links_events=True),
    EventColumn(name="login_type"),
    EventColumn(name="login_sub_type"),
    EventColumn(name="request_id", kind="other_id", links_events=True),
    EventColumn(name="operation", detail_rank=1, keyword_rank=6),
    EventColumn(
        name="entity",
        entity_rank=13,
        label="Object",
        detail_rank=2,
        keyword_rank=7,
        separator=',;[]"',
    ),
    EventColumn(name="record_count", sql_type="BIGINT", detail_rank=3),
    EventColumn(name="outcome", detail_rank=4),
    EventColumn(name="status", detail_rank=5, keyword_rank=11),
    EventColumn(name="uri", detail_rank=17, keyword_rank=2),
    EventColumn(name="query", detail_rank=15, keyword_rank=1),
    EventColumn(name="job_id", kind="record_id", entity_rank=14, label="Job", detail_rank=14),
    EventColumn(
        name="package_name",
        kind="name",
        entity_rank=11,
        label="Package",
        detail_rank=12,
        keyword_rank=12,
    ),
    EventColumn(name="target_user", entity_rank=12, label="To whom", detail_rank=13),
    EventColumn(name="detail", detail_rank=16, keyword_rank=3),
    EventColumn(name="score", sql_type="DOUBLE", detail_rank=6),
    # `target_user` is the first of these two that has a value.
    EventColumn(name="target_user_id", kind="record_id"),
    EventColumn(
        name="target_user_name", kind="name", entity_rank=17, label="To whom", keyword_rank=13
    ),
    EventColumn(name="permission", keyword_rank=14),
    EventColumn(name="old_value", keyword_rank=15),
    EventColumn(name="new_value", keyword_rank=16),
    EventColumn(name="range_size", sql_type="DOUBLE"),
    # What `query` asks for; lists are joined by commas.
    EventColumn(name="soql_objects", separator=","),
    EventColumn(name="soql_fields", separator=","),
    EventColumn(name="soql_is_count"),
    EventColumn(name="soql_has_relationship"),
    EventColumn(name="soql_limit", sql_type="BIGINT"),
    EventColumn(name="soql_where"),
    EventColumn(name="network"),
    EventColumn(name="asn", sql_type="BIGINT"),
    EventColumn(name="as_org"),
    EventColumn(name="agent_family"),
    EventColumn(name="uri_pattern"),
    # What came as the time and is none, where `time` is for that reason the batch's; else NULL.
    EventColumn(name="time_defect"),
)
"""Every column that each event has, in the order of the table."""


def _order_columns(read_rank: Callable[[EventColumn], int | None]) -> tuple[str, ...]:
    """The names of the columns that have a rank, the lowest first."""
    ranks = {column.name: rank for column in EVENT_COLUMNS if (rank := read_rank(column))}
    return tuple(sorted(ranks, key=ranks.__getitem__))


def _select_labelled(label: EntityLabel) -> tuple[str, ...]:
    """The names of the entities under a label, first those with a `detail_rank`."""
    ordered = sorted(EVENT_COLUMNS, key=lambda column: column.detail_rank or sys.maxsize)
    return tuple(column.name for column in ordered if column.label == label)


CANONICAL_COLUMNS: Mapping[str, ColumnType] = MappingProxyType(
    {column.name: column.sql_type for column in EVENT_COLUMNS}
)
"""Every column that each event has, in order, with its DuckDB type."""

NON_NULL_COLUMNS = frozenset(column.name for column in EVENT_COLUMNS if column.never_null)
"""The columns that every event has a value in, whatever its type."""

COMMON_COLUMNS = NON_NULL_COLUMNS | {"time_defect"}
"""The columns that an event of every type may have a value in."""

HEADER_COLUMNS = ("event_uid", "event_type", "time", "received")
"""What is read of every event that a rule may be about, whatever the rule names."""

ENTITY_COLUMNS = _order_columns(lambda column: column.entity_rank)
"""Columns that say who, from where and on what; an alert shows those that have a value."""

LABELLED_COLUMNS: Mapping[EntityLabel, tuple[str, ...]] = MappingProxyType(
    {label: _select_labelled(label) for label in get_args(EntityLabel)}
)
"""The entities under each label, in the order of reading."""

DETAIL_COLUMNS = _order_columns(lambda column: column.detail_rank)
"""What a message says of one event, in the order of reading."""

KEYWORD_COLUMNS = _order_columns(lambda column: column.keyword_rank)
"""Where values without a field are looked for: all that an event says in words, names and
addresses, without ids and without what is derived from the rest."""

HIDDEN_COLUMNS = frozenset(column.name for column in EVENT_COLUMNS if not column.in_evidence)
"""What says nothing to a person, and is left out of an alert's evidence."""

LINK_COLUMNS = tuple(column.name for column in EVENT_COLUMNS if column.links_events)
"""Columns in which equal values tie events together."""

RECORD_ID_COLUMNS = tuple(column.name for column in EVENT_COLUMNS if column.kind == "record_id")
"""Ids of records, stored with 18 characters."""

ID_COLUMNS = frozenset(
    column.name for column in EVENT_COLUMNS if column.kind in {"record_id", "other_id"}
)
"""Columns whose values are compared as Salesforce's ids."""

ADDRESS_KEYS: Mapping[str, str] = MappingProxyType(
    {column.name: f"{column.name}_key" for column in EVENT_COLUMNS if column.kind == "address"}
)
"""By the name of a column with IP addresses, that of the one with their keys: of 32 hex digits for
each address, with blanks between, first the address in the column."""

NAME_COLUMNS = tuple(column.name for column in EVENT_COLUMNS if column.kind == "name")
"""Names, in their plain form."""
