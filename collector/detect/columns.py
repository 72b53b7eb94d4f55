"""The columns that hold a rule's fields, as SQL expressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from collector.text import sql_identifier

TEXT, TIME = "VARCHAR", "TIMESTAMPTZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Columns by the names of fields; `read` remembers which were asked for."""

    types: Mapping[str, str]
    physical: Callable[[str], str]
    read: set[str] = field(default_factory=set)

    def raw(self, name: str) -> str:
        """The column as it is."""
        column = self.physical(name)
        self.read.add(column)
        return sql_identifier(column)

    def text(self, name: str) -> str:
        """The column as text."""
        raw = self.raw(name)
        return raw if self.type(name) == TEXT else f"CAST({raw} AS VARCHAR)"

    def folded(self, name: str) -> str:
        """The column as text without regard to case."""
        return f"lower({self.text(name)})"

    def number(self, name: str) -> str:
        """The column as a number; text that is none, `inf` and `nan` too, is NULL."""
        kind = "DECIMAL(38, 9)" if self.type(name) == TEXT else "DOUBLE"
        return f"TRY_CAST({self.raw(name)} AS {kind})"

    def type(self, name: str) -> str:
        """The DuckDB type of the column."""
        return self.types.get(self.physical(name), TEXT)
