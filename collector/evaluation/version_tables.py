"""Tables of the engine with the versions of a directory, each with the times of which it holds.

Their columns: `entry_key`, by which an event finds it; `entry_id`; `since` and `until`, in
microseconds since 1970, the latter excluded; of users `username_key`, `name_key` and what is shown
of them; and one for each key of the values, of which text is in the plain form of names, as in
events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any

import duckdb

from collector.clock import to_micros
from collector.directory.display_names import DISPLAY_KEY, render_user
from collector.directory.fields import ENTRY_FIELDS, EntryField, EntryKind
from collector.directory.user_claims import NO_CLAIMS, UserClaims
from collector.escaping import quote_identifier
from collector.plain_names import simplify_name
from collector.store.chunks import split_chunks
from collector.store.settled_directory import DirectoryVersion

ALWAYS, NEVER = -(1 << 62), 1 << 62
"""Microseconds before and after every event."""

_INSERT_SIZE = 5_000
_SHORT_ID_LENGTH = 15
_KEY_COLUMNS = {"entry_key": "VARCHAR", "entry_id": "VARCHAR", "since": "BIGINT", "until": "BIGINT"}
_USER_COLUMNS = {"username_key": "VARCHAR", "name_key": "VARCHAR", DISPLAY_KEY: "VARCHAR"}


def render_entry_key(kind: EntryKind, subject: str) -> str:
    """SQL: the key of an entry, given its id, of either length, or the API name of an object."""
    return f"lower({subject})" if kind == "object" else f"left({subject}, {_SHORT_ID_LENGTH})"


def build_entry_key(kind: str, entry_id: str) -> str:
    """The same of a known id."""
    return entry_id.lower() if kind == "object" else entry_id[:_SHORT_ID_LENGTH]


def create_version_table(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    kind: EntryKind,
    versions: Iterable[DirectoryVersion],
    *,
    claims: UserClaims,
    former: str = "",
) -> None:
    """Create a table of the versions of a kind, which come by id, each in the order of time.

    Args:
        connection: of the engine.
        name: the table's, quoted.
        kind: what the entries are.
        versions: all of each entry.
        claims: what the configuration says of users.
        former: another such table, whose other entries are in the new one, too.
    """
    columns = {**_KEY_COLUMNS, **(_USER_COLUMNS if kind == "user" else {})}
    columns |= {field.key: field.sql_type for field in ENTRY_FIELDS[kind]}
    definitions = ", ".join(f"{quote_identifier(name)} {of}" for name, of in columns.items())
    connection.execute(f"CREATE TABLE {name} ({definitions})")
    selected = ", ".join(
        f"TRY_CAST(unnest(${place}::VARCHAR[]) AS {of})"
        for place, of in enumerate(columns.values(), start=1)
    )
    for rows in split_chunks(_build_rows(kind, versions), _INSERT_SIZE):
        lists = [list(values) for values in zip(*rows, strict=True)]
        connection.execute(f"INSERT INTO {name} SELECT {selected}", lists)
    if kind == "user" and claims != NO_CLAIMS:
        connection.execute(f"CREATE OR REPLACE TABLE {name} AS {_select_claimed(name, claims)}")
    if former:
        connection.execute(
            f"INSERT INTO {name} SELECT * FROM {former}"
            f" WHERE entry_key NOT IN (SELECT entry_key FROM {name})"
        )


def _select_claimed(name: str, claims: UserClaims) -> str:
    """The versions of users, with what is claimed of them."""
    claimed = ", ".join(
        f"{claims.build_override(field.key, field.key)} AS {field.key}"
        for field in ENTRY_FIELDS["user"]
        if claims.build_override(field.key, field.key) != field.key
    )
    users = f"SELECT *, entry_id AS id, json_object('username', username) AS entry FROM {name}"
    return f"SELECT * EXCLUDE (id, entry) REPLACE ({claimed}) FROM ({users})"


def list_spans(starts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """From when to when each of the versions of an entry that begin then holds, in their order."""
    for place, start in enumerate(starts):
        until = starts[place + 1] if place + 1 < len(starts) else NEVER
        yield start if place else ALWAYS, until


def _build_rows(
    kind: EntryKind, versions: Iterable[DirectoryVersion]
) -> Iterator[list[str | None]]:
    for entry_id, group in groupby(versions, key=lambda version: version.id):
        of_entry = list(group)
        spans = list_spans([to_micros(version.valid_from) for version in of_entry])
        for version, (since, until) in zip(of_entry, spans, strict=True):
            key = build_entry_key(kind, entry_id)
            yield [key, entry_id, str(since), str(until), *_list_values(kind, version.values)]


def _list_values(kind: EntryKind, values: Mapping[str, Any]) -> Iterator[str | None]:
    texts = {field.key: render_value(field, values.get(field.key)) for field in ENTRY_FIELDS[kind]}
    if kind == "user":
        username, name = texts["username"], texts["name"]
        yield username and username.lower()
        yield name and name.lower()
        yield render_user(name, username)
    yield from texts.values()


def render_value(field: EntryField, value: Any) -> str | None:
    """A value as text of the column of its key; None where it is not known."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return (field.separator or ",").join(_simplify_text(str(each)) for each in value)
    return _simplify_text(str(value)) or None


@lru_cache(maxsize=10_000)  # profiles, licences and permissions are few
def _simplify_text(text: str) -> str:
    return simplify_name(text)
