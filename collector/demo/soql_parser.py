"""SOQL as a tree: the nodes, and the parser that makes them of a text.

A subset without sub-queries; as in Salesforce, AND and OR mix only with parentheses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from collector.demo.api_errors import ApiError, build_malformed_query
from collector.demo.soql_tokens import SoqlLiteral, SoqlToken, parse_literal, split_tokens

MAX_LENGTH = 100_000
MAX_DEPTH = 40
MAX_OFFSET = 2000
_OPERATORS = ("=", "!=", "<>", "<", "<=", ">", ">=", "LIKE")
Item = TypeVar("Item")

_FUNCTIONS = ("COUNT", "COUNT_DISTINCT", "MIN", "MAX", "SUM", "AVG")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldPath:
    """A field, or a field of a related record: `Id`, `CreatedBy.Username`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AllFields:
    """`FIELDS(ALL)`, `FIELDS(STANDARD)` or `FIELDS(CUSTOM)`."""

    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateCall:
    """`COUNT()`, `MAX(CreatedDate) newest`, … A path of None is that of `COUNT()`."""

    function: str
    path: str | None
    alias: str | None


SelectItem = FieldPath | AllFields | AggregateCall


@dataclass(frozen=True, slots=True, kw_only=True)
class SoqlComparison:
    """`path operator value`; the value of IN and NOT IN is a tuple."""

    path: str
    operator: str
    value: SoqlLiteral | tuple[SoqlLiteral, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Junction:
    """Conditions joined by AND, or joined by OR."""

    word: str
    parts: tuple[SoqlCondition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Negation:
    """NOT part."""

    part: SoqlCondition


SoqlCondition = SoqlComparison | Junction | Negation


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderKey:
    """One key of ORDER BY. `nulls` is FIRST, LAST or empty where it was not said."""

    path: str
    descending: bool
    nulls: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SoqlQuery:
    """A SELECT statement."""

    selection: tuple[SelectItem, ...]
    sobject: str
    where: SoqlCondition | None
    group_by: tuple[str, ...]
    order_by: tuple[OrderKey, ...]
    limit: int | None
    offset: int

    @property
    def is_count_only(self) -> bool:
        """Whether it is `SELECT COUNT() …`."""
        first = self.selection[0]
        return isinstance(first, AggregateCall) and first.path is None

    @property
    def is_aggregate(self) -> bool:
        """Whether its records are groups instead of records."""
        return bool(self.group_by) or any(isinstance(s, AggregateCall) for s in self.selection)


def parse_query(text: str) -> SoqlQuery:
    """The query of a text. Raises ApiError (MALFORMED_QUERY or the like) for other text."""
    if len(text) > MAX_LENGTH:
        raise ApiError("QUERY_TOO_COMPLICATED", f"SOQL statements cannot exceed {MAX_LENGTH}.")
    return _SoqlParser(split_tokens(text)).parse_query()


def list_comparisons(condition: SoqlCondition | None) -> list[SoqlComparison]:
    """Every comparison inside a condition, from left to right."""
    match condition:
        case SoqlComparison():
            return [condition]
        case Negation(part=part):
            return list_comparisons(part)
        case Junction(parts=parts):
            return [comparison for part in parts for comparison in list_comparisons(part)]
        case None:
            return []


class _SoqlParser:
    def __init__(self, stream: list[SoqlToken]) -> None:
        self._tokens = stream
        self._position = 0

    # ---- the stream

    def _peek_word(self) -> str:
        """The next word or symbol in capitals; empty for anything else and at the end."""
        if self._position == len(self._tokens):
            return ""
        token = self._tokens[self._position]
        return token.text.upper() if token.kind in ("word", "symbol") else ""

    def _take_token(self, *kinds: str) -> SoqlToken:
        if self._position == len(self._tokens):
            raise build_malformed_query("unexpected token: <EOF>")
        token = self._tokens[self._position]
        if kinds and token.kind not in kinds:
            raise build_malformed_query(f"unexpected token: '{token.text}'")
        self._position += 1
        return token

    def _accept_words(self, *words: str) -> bool:
        """Take these words if they come next; else take nothing."""
        start = self._position
        for word in words:
            if self._peek_word() != word:
                self._position = start
                return False
            self._position += 1
        return True

    def _expect_words(self, *words: str) -> None:
        for word in words:
            if not self._accept_words(word):
                self._reject_token()

    def _reject_token(self) -> None:
        token = self._take_token()
        raise build_malformed_query(f"unexpected token: '{token.text}'")

    def _parse_list(self, parse_item: Callable[[], Item]) -> tuple[Item, ...]:
        items = [parse_item()]
        while self._accept_words(","):
            items.append(parse_item())
        return tuple(items)

    # ---- the clauses

    def parse_query(self) -> SoqlQuery:
        self._expect_words("SELECT")
        selection = self._parse_list(self._parse_select_item)
        if len(selection) > 1 and any(
            isinstance(item, AggregateCall) and item.path is None for item in selection
        ):
            raise build_malformed_query("COUNT() must be the only element in the SELECT list")
        self._expect_words("FROM")
        sobject = self._take_token("word").text
        where = self._parse_condition(0) if self._accept_words("WHERE") else None
        group_by = self._parse_list(self._parse_path) if self._accept_words("GROUP", "BY") else ()
        order_by = (
            self._parse_list(self._parse_order_key) if self._accept_words("ORDER", "BY") else ()
        )
        limit = self._parse_natural() if self._accept_words("LIMIT") else None
        offset = self._parse_natural() if self._accept_words("OFFSET") else 0
        self._accept_words("ALL", "ROWS")
        if self._position < len(self._tokens):
            self._reject_token()
        if offset > MAX_OFFSET:
            raise ApiError(
                "NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}"
            )
        return SoqlQuery(
            selection=selection,
            sobject=sobject,
            where=where,
            group_by=group_by,
            order_by=order_by,
            limit=limit,
            offset=offset,
        )

    def _parse_path(self) -> str:
        return self._take_token("word").text

    def _parse_natural(self) -> int:
        text = self._take_token("number").text
        if not text.isdigit():
            raise build_malformed_query(f"unexpected token: '{text}'")
        return int(text[:10])

    def _parse_select_item(self) -> SelectItem:
        name = self._parse_path()
        if not self._accept_words("("):
            return FieldPath(name=name)
        if name.upper() == "FIELDS":
            kind = self._parse_path().upper()
            self._expect_words(")")
            if kind not in ("ALL", "STANDARD", "CUSTOM"):
                raise build_malformed_query(f"unexpected token: '{kind}'")
            return AllFields(kind=kind)
        return self._parse_aggregate(name.upper())

    def _parse_aggregate(self, function: str) -> AggregateCall:
        if function not in _FUNCTIONS:
            raise build_malformed_query(f"unexpected token: '{function}'")
        if function == "COUNT" and self._accept_words(")"):
            return AggregateCall(function=function, path=None, alias=None)
        path = self._parse_path()
        self._expect_words(")")
        has_alias = self._peek_word() not in ("", ",", "FROM", "(", ")")
        return AggregateCall(
            function=function, path=path, alias=self._parse_path() if has_alias else None
        )

    def _parse_order_key(self) -> OrderKey:
        path = self._parse_path()
        descending = self._accept_words("DESC")
        if not descending:
            self._accept_words("ASC")
        nulls = ""
        if self._accept_words("NULLS"):
            nulls = self._parse_path().upper()
            if nulls not in ("FIRST", "LAST"):
                raise build_malformed_query(f"unexpected token: '{nulls}'")
        return OrderKey(path=path, descending=descending, nulls=nulls)

    # ---- conditions

    def _parse_condition(self, depth: int) -> SoqlCondition:
        if depth > MAX_DEPTH:
            raise ApiError("QUERY_TOO_COMPLICATED", "Query is nested too deeply")
        parts = [self._parse_term(depth)]
        word = self._peek_word()
        if word not in ("AND", "OR"):
            return parts[0]
        while self._accept_words(word):
            parts.append(self._parse_term(depth))
        if self._peek_word() in ("AND", "OR"):
            self._reject_token()
        return Junction(word=word, parts=tuple(parts))

    def _parse_term(self, depth: int) -> SoqlCondition:
        if self._accept_words("NOT"):
            if depth > MAX_DEPTH:
                raise ApiError("QUERY_TOO_COMPLICATED", "Query is nested too deeply")
            return Negation(part=self._parse_term(depth + 1))
        if self._accept_words("("):
            condition = self._parse_condition(depth + 1)
            self._expect_words(")")
            return condition
        return self._parse_comparison()

    def _parse_comparison(self) -> SoqlComparison:
        path = self._parse_path()
        if self._accept_words("NOT", "IN"):
            return SoqlComparison(path=path, operator="NOT IN", value=self._parse_values())
        if self._accept_words("IN"):
            return SoqlComparison(path=path, operator="IN", value=self._parse_values())
        operator = self._peek_word()
        if operator not in _OPERATORS:
            self._reject_token()
        self._position += 1
        operator = "!=" if operator == "<>" else operator
        return SoqlComparison(path=path, operator=operator, value=parse_literal(self._take_token()))

    def _parse_values(self) -> tuple[SoqlLiteral, ...]:
        self._expect_words("(")
        values = self._parse_list(lambda: parse_literal(self._take_token()))
        self._expect_words(")")
        return values
