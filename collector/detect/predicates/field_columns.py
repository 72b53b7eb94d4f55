"""The columns that hold a rule's fields, as SQL expressions, and the lists that it may name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from collector.detect import lists
from collector.detect.lists.value_list import ValueList
from collector.detect.predicates.name_columns import is_name_column
from collector.detect.predicates.salesforce_ids import is_id_column
from collector.detect.predicates.sql_literals import UnsupportedSigmaError
from collector.escaping import quote_identifier
from collector.model.event_columns import ADDRESS_KEYS
from collector.model.member_columns import SEPARATORS
from collector.yaml_source.suggestions import suggest_name

TEXT_TYPE, TIME_TYPE = "VARCHAR", "TIMESTAMPTZ"
UTC_ZONE = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldColumns:
    """Columns by the names of fields.

    Attributes:
        column_types: the DuckDB types of columns; others are text.
        resolve_column: the column that holds a field.
        lists: the value lists that there are.
        accessed_columns, accessed_lists: the names of the columns and lists used so far.
        whole_texts: fields that are compared as one text, even where they are lists.
        time_zone: the zone in which hours, days and the like are read from times.
        outliving_lists: the value lists whose entries count even after they have expired.
    """

    column_types: Mapping[str, str]
    resolve_column: Callable[[str], str]
    lists: lists.ValueLists = lists.NO_LISTS
    accessed_columns: set[str] = field(default_factory=set)
    accessed_lists: set[str] = field(default_factory=set)
    whole_texts: frozenset[str] = frozenset()
    time_zone: str = UTC_ZONE
    outliving_lists: frozenset[str] = frozenset()

    def refuse_expired(self) -> FieldColumns:
        """The same columns, where no entry of a list counts after it has expired."""
        return replace(self, outliving_lists=frozenset()) if self.outliving_lists else self

    def quote_column(self, name: str) -> str:
        """The column as it is."""
        column = self.resolve_column(name)
        self.accessed_columns.add(column)
        return quote_identifier(column)

    def cast_to_text(self, name: str) -> str:
        """The column as text."""
        raw = self.quote_column(name)
        return raw if self.find_type(name) == TEXT_TYPE else f"CAST({raw} AS VARCHAR)"

    def fold_case(self, name: str) -> str:
        """The column as text without regard to case."""
        return f"lower({self.cast_to_text(name)})"

    def cast_to_number(self, name: str) -> str:
        """The column as a number; text that is none, `inf` and `nan` too, is NULL."""
        kind = "DECIMAL(38, 9)" if self.find_type(name) == TEXT_TYPE else "DOUBLE"
        return f"TRY_CAST({self.quote_column(name)} AS {kind})"

    def find_type(self, name: str) -> str:
        """The DuckDB type of the column."""
        return self.column_types.get(self.resolve_column(name), TEXT_TYPE)

    def holds_ids(self, name: str) -> bool:
        """Whether the column holds ids of Salesforce's, which mind case."""
        return is_id_column(self.resolve_column(name))

    def holds_names(self, name: str) -> bool:
        """Whether the column holds the plain form of names, which theirs is compared with."""
        return is_name_column(self.resolve_column(name))

    def holds_list(self, name: str) -> bool:
        """Whether the column's text is a list, of which each member is compared."""
        return name not in self.whole_texts and self.resolve_column(name) in SEPARATORS

    def find_address_key(self, name: str) -> str | None:
        """The name of the column with the keys of the field's addresses, if it has one."""
        key = ADDRESS_KEYS.get(self.resolve_column(name))
        return key if key in self.column_types else None

    def find_list(self, name: str) -> ValueList:
        """A value list. Raises SigmaError where there is none of that name."""
        if name not in self.lists:
            raise UnsupportedSigmaError(
                f"unknown list {name!r}{suggest_name(name, self.lists.names)}"
            )
        found = self.lists[name]
        self.accessed_lists.add(found.name)
        return found
