"""SQL over stored entries: their versions as typed columns, with the time for which each holds."""

from __future__ import annotations

from collector.directory.fields import ENTRY_FIELDS, EntryField, EntryKind
from collector.directory.user_claims import NO_CLAIMS, UserClaims
from collector.escaping import quote_identifier, quote_literal

ENTRY_COLUMNS = ("org", "kind", "id", "valid_from", "noticed", "values")
"""What a relation of entries has: three texts, two TIMESTAMPTZ, and the values as JSON text."""

VERSION_COLUMNS = ("org", "id", "valid_from", "valid_until", "holds_from", "noticed")
"""What stands before the fields of a kind.

`valid_until` is NULL for the version that holds now. `holds_from` is `valid_from`, and NULL for the
first version of an entry, which stands for all time before it.
"""


def build_versions_select(kind: EntryKind, entries: str, *, claims: UserClaims = NO_CLAIMS) -> str:
    """A SELECT of all versions of entries of a kind: VERSION_COLUMNS, then a column for each field.

    The latter are called as in rules: what is `user.active` there is `active`.

    Args:
        kind: what the entries are.
        entries: the relation of entries, as SQL, with ENTRY_COLUMNS.
        claims: what the configuration says of users whatever their org says.
    """
    fields = ", ".join(
        f"{_build_value(field, claims)} AS {quote_identifier(field.rule_name)}"
        for field in ENTRY_FIELDS[kind]
    )
    order = "OVER (PARTITION BY org, id ORDER BY valid_from)"
    return (
        "SELECT org, id, valid_from,"
        f" lead(valid_from) {order} AS valid_until,"
        f" CASE WHEN row_number() {order} > 1 THEN valid_from END AS holds_from,"
        f' noticed, {fields} FROM (SELECT org, id, valid_from, noticed, "values" AS entry'
        f" FROM {entries} WHERE kind = {quote_literal(kind)})"
    )


def build_current_select(kind: EntryKind, entries: str, *, claims: UserClaims = NO_CLAIMS) -> str:
    """A SELECT of what holds now of each entry that is not deleted, with the same columns."""
    versions = build_versions_select(kind, entries, claims=claims)
    condition = "valid_until IS NULL"
    if any(field.key == "is_deleted" for field in ENTRY_FIELDS[kind]):
        condition += " AND is_deleted IS NOT TRUE"
    return f"SELECT * FROM ({versions}) WHERE {condition}"


def _build_value(field: EntryField, claims: UserClaims) -> str:
    path = quote_literal(f"$.{field.key}")
    text = f"json_extract_string(entry, {path})"
    if field.separator is not None:
        members = f"json_extract_string(entry, {quote_literal(f'$.{field.key}[*]')})"
        # Of what is unknown there are no members, either: that is no empty list.
        return (
            f"CASE WHEN {text} IS NOT NULL"
            f" THEN array_to_string({members}, {quote_literal(field.separator)}) END"
        )
    if field.sql_type == "VARCHAR":
        return text
    value = f"TRY_CAST({text} AS {field.sql_type})"
    return claims.build_override(field.key, value)
