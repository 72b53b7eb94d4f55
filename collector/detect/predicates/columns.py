"""The columns that hold a rule's fields, as SQL expressions, and the lists that it may name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from collector.detect import lists
from collector.detect.lists.entries import ValueList
from collector.detect.names import nearest
from collector.detect.predicates.ids import is_id
from collector.detect.predicates.literals import Unsupported
from collector.text import sql_identifier

TEXT, TIME = "VARCHAR", "TIMESTAMPTZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Columns by the names of fields.

    `read` remembers which columns were asked for, `used` which lists, by name.
    """

    types: Mapping[str, str]
    physical: Callable[[str], str]
    lists: lists.Lists = lists.NONE
    read: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)

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

    def is_id(self, name: str) -> bool:
        """Whether the column holds ids of Salesforce's, which mind case."""
        return is_id(self.physical(name))

    def address_key(self, name: str) -> str | None:
        """The name of the column with the address of the field as 32 hex digits, if it has one."""
        key = f"{self.physical(name)}_key"
        return key if key in self.types else None

    def list_named(self, name: str) -> ValueList:
        """A value list. Raises SigmaError where there is none of that name."""
        if name not in self.lists:
            raise Unsupported(f"unknown list {name!r}{nearest(name, self.lists.names)}")
        self.used.add(name)
        return self.lists[name]
