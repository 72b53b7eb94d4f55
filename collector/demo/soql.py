"""SOQL as a tree: the nodes, and the parser that makes them of a text.

A subset without sub-queries; as in Salesforce, AND and OR mix only with parentheses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from collector.demo.refusal import ApiError, malformed
from collector.demo.soql_tokens import Literal, Token, literal, tokens

MAX_LENGTH = 100_000
MAX_DEPTH = 40
MAX_OFFSET = 2000
_OPERATORS = ("=", "!=", "<>", "<", "<=", ">", ">=", "LIKE")
Item = TypeVar("Item")

_FUNCTIONS = ("COUNT", "COUNT_DISTINCT", "MIN", "MAX", "SUM", "AVG")


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A field, or a field of a related record: `Id`, `CreatedBy.Username`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AllFields:
    """`FIELDS(ALL)`, `FIELDS(STANDARD)` or `FIELDS(CUSTOM)`."""

    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """`COUNT()`, `MAX(CreatedDate) newest`, … A path of None is that of `COUNT()`."""

    function: str
    path: str | None
    alias: str | None


Selection = Path | AllFields | Aggregate


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`path operator value`; the value of IN and NOT IN is a tuple."""

    path: str
    operator: str
    value: Literal | tuple[Literal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Junction:
    """Conditions joined by AND, or joined by OR."""

    word: str
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Negation:
    """NOT part."""

    part: Condition


Condition = Comparison | Junction | Negation


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderKey:
    """One key of ORDER BY. `nulls` is FIRST, LAST or empty where it was not said."""

    path: str
    descending: bool
    nulls: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A SELECT statement."""

    selection: tuple[Selection, ...]
    sobject: str
    where: Condition | None
    group_by: tuple[str, ...]
    order_by: tuple[OrderKey, ...]
    limit: int | None
    offset: int

    @property
    def only_counts(self) -> bool:
        """Whether it is `SELECT COUNT() …`."""
        first = self.selection[0]
        return isinstance(first, Aggregate) and first.path is None

    @property
    def aggregates(self) -> bool:
        """Whether its records are groups instead of records."""
        return bool(self.group_by) or any(isinstance(s, Aggregate) for s in self.selection)


def parse(text: str) -> Query:
    """The query that the text is. Raises ApiError (MALFORMED_QUERY and its kin) for any other."""
    if len(text) > MAX_LENGTH:
        raise ApiError("QUERY_TOO_COMPLICATED", f"SOQL statements cannot exceed {MAX_LENGTH}.")
    return _Parser(tokens(text)).query()


def comparisons(condition: Condition | None) -> list[Comparison]:
    """Every comparison inside a condition, from left to right."""
    match condition:
        case Comparison():
            return [condition]
        case Negation(part=part):
            return comparisons(part)
        case Junction(parts=parts):
            return [one for part in parts for one in comparisons(part)]
        case None:
            return []


class _Parser:
    def __init__(self, stream: list[Token]) -> None:
        self._stream = stream
        self._at = 0

    # ---- the stream

    def _peek(self) -> str:
        """The next word or symbol in capitals; empty for anything else and at the end."""
        if self._at == len(self._stream):
            return ""
        token = self._stream[self._at]
        return token.text.upper() if token.kind in ("word", "symbol") else ""

    def _take(self, *kinds: str) -> Token:
        if self._at == len(self._stream):
            raise malformed("unexpected token: <EOF>")
        token = self._stream[self._at]
        if kinds and token.kind not in kinds:
            raise malformed(f"unexpected token: '{token.text}'")
        self._at += 1
        return token

    def _accept(self, *words: str) -> bool:
        """Take these words if they come next; else take nothing."""
        start = self._at
        for word in words:
            if self._peek() != word:
                self._at = start
                return False
            self._at += 1
        return True

    def _expect(self, *words: str) -> None:
        for word in words:
            if not self._accept(word):
                self._fail()

    def _fail(self) -> None:
        token = self._take()
        raise malformed(f"unexpected token: '{token.text}'")

    def _list(self, item: Callable[[], Item]) -> tuple[Item, ...]:
        found = [item()]
        while self._accept(","):
            found.append(item())
        return tuple(found)

    # ---- the clauses

    def query(self) -> Query:
        self._expect("SELECT")
        selection = self._list(self._selected)
        if len(selection) > 1 and any(
            isinstance(one, Aggregate) and one.path is None for one in selection
        ):
            raise malformed("COUNT() must be the only element in the SELECT list")
        self._expect("FROM")
        sobject = self._take("word").text
        where = self._condition(0) if self._accept("WHERE") else None
        group_by = self._list(self._path) if self._accept("GROUP", "BY") else ()
        order_by = self._list(self._order_key) if self._accept("ORDER", "BY") else ()
        limit = self._natural() if self._accept("LIMIT") else None
        offset = self._natural() if self._accept("OFFSET") else 0
        self._accept("ALL", "ROWS")
        if self._at < len(self._stream):
            self._fail()
        if offset > MAX_OFFSET:
            raise ApiError(
                "NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}"
            )
        return Query(
            selection=selection,
            sobject=sobject,
            where=where,
            group_by=group_by,
            order_by=order_by,
            limit=limit,
            offset=offset,
        )

    def _path(self) -> str:
        return self._take("word").text

    def _natural(self) -> int:
        text = self._take("number").text
        if not text.isdigit():
            raise malformed(f"unexpected token: '{text}'")
        return int(text[:10])

    def _selected(self) -> Selection:
        name = self._path()
        if not self._accept("("):
            return Path(name=name)
        if name.upper() == "FIELDS":
            kind = self._path().upper()
            self._expect(")")
            if kind not in ("ALL", "STANDARD", "CUSTOM"):
                raise malformed(f"unexpected token: '{kind}'")
            return AllFields(kind=kind)
        return self._aggregate(name.upper())

    def _aggregate(self, function: str) -> Aggregate:
        if function not in _FUNCTIONS:
            raise malformed(f"unexpected token: '{function}'")
        if function == "COUNT" and self._accept(")"):
            return Aggregate(function=function, path=None, alias=None)
        path = self._path()
        self._expect(")")
        named = self._peek() not in ("", ",", "FROM", "(", ")")
        return Aggregate(function=function, path=path, alias=self._path() if named else None)

    def _order_key(self) -> OrderKey:
        path = self._path()
        descending = self._accept("DESC")
        if not descending:
            self._accept("ASC")
        nulls = ""
        if self._accept("NULLS"):
            nulls = self._path().upper()
            if nulls not in ("FIRST", "LAST"):
                raise malformed(f"unexpected token: '{nulls}'")
        return OrderKey(path=path, descending=descending, nulls=nulls)

    # ---- conditions

    def _condition(self, depth: int) -> Condition:
        if depth > MAX_DEPTH:
            raise ApiError("QUERY_TOO_COMPLICATED", "Query is nested too deeply")
        parts = [self._term(depth)]
        word = self._peek()
        if word not in ("AND", "OR"):
            return parts[0]
        while self._accept(word):
            parts.append(self._term(depth))
        if self._peek() in ("AND", "OR"):
            self._fail()
        return Junction(word=word, parts=tuple(parts))

    def _term(self, depth: int) -> Condition:
        if self._accept("NOT"):
            if depth > MAX_DEPTH:
                raise ApiError("QUERY_TOO_COMPLICATED", "Query is nested too deeply")
            return Negation(part=self._term(depth + 1))
        if self._accept("("):
            inside = self._condition(depth + 1)
            self._expect(")")
            return inside
        return self._comparison()

    def _comparison(self) -> Comparison:
        path = self._path()
        if self._accept("NOT", "IN"):
            return Comparison(path=path, operator="NOT IN", value=self._values())
        if self._accept("IN"):
            return Comparison(path=path, operator="IN", value=self._values())
        operator = self._peek()
        if operator not in _OPERATORS:
            self._fail()
        self._at += 1
        operator = "!=" if operator == "<>" else operator
        return Comparison(path=path, operator=operator, value=literal(self._take()))

    def _values(self) -> tuple[Literal, ...]:
        self._expect("(")
        values = self._list(lambda: literal(self._take()))
        self._expect(")")
        return values
