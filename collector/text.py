"""Every escape, one function per output: text from an org is hostile until it has passed one."""

from __future__ import annotations

import re


def sql_literal(value: str) -> str:
    """A string as a SQL literal (DuckDB, Spark and the standard agree on doubled quotes)."""
    return "'" + value.replace("'", "''").replace("\0", "") + "'"


def sql_identifier(name: str) -> str:
    """A column or view name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""').replace("\0", "") + '"'


_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")


def is_file_name(name: str) -> bool:
    """Whether a name from outside may become a part of a path as it is."""
    return _FILE_NAME.fullmatch(name) is not None
