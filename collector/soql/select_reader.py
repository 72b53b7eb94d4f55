"""Reads a SELECT of SOQL, also one that is cut off or hostile. Source: SOQL Reference, SELECT."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from collector.soql.outline import (
    MAX_NAME_LENGTH,
    MAX_NAMES,
    SoqlOutline,
    keep_names,
    read_limit,
)
from collector.soql.tokens import list_tokens

_COUNTS = frozenset({"COUNT", "COUNT_DISTINCT"})
_TYPEOF_WORDS = frozenset({"WHEN", "THEN", "ELSE"})
LATER_CLAUSES = frozenset(
    {"USING", "WHERE", "WITH", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR"}
    | {"UPDATE", "ALL", "SET"}
)
"""The words that end what is selected, and what it is selected from."""


def read_select(text: str) -> SoqlOutline:
    """The outline of a text that begins with SELECT. Never raises."""
    tokens = list_tokens(text)
    words = [each[0].upper() for each in tokens]
    return _SelectReader(text=text, tokens=tokens, words=words).read_query()


@dataclass(slots=True, kw_only=True)
class _Query:
    """A query inside the text, as far as it was read.

    Attributes:
        depth: how many parentheses it is in.
        is_selected: whether it stands in the list of what another one selects.
        clause: the word that the present clause begins with.
        awaits_item: whether the next word begins something: a field, an object.
        item_count, count_count: how many things it selects, and how many of them are counts.
        named: what precedes fields and is no relationship: the object and its aliases.
    """

    depth: int
    is_selected: bool
    clause: str = "SELECT"
    awaits_item: bool = True
    item_count: int = 0
    count_count: int = 0
    main_object: str | None = None
    fields: list[str] = field(default_factory=list)
    named: set[str] = field(default_factory=set)

    def name_field(self, path: str) -> str:
        """A path without the object or alias that it begins with."""
        first, _, rest = path.partition(".")
        return rest if rest and first.lower() in self.named else path


@dataclass(slots=True, kw_only=True)
class _SelectReader:
    """Reads the tokens of a SELECT once, with a stack of the queries that it is in.

    `words` are the tokens in capitals; `position` is behind the present one.
    """

    text: str
    tokens: Sequence[re.Match[str]]
    words: Sequence[str]
    stack: list[_Query] = field(default_factory=list)
    others: list[_Query] = field(default_factory=list)
    function: str = ""
    where_paths: list[str] = field(default_factory=list)
    where_start: int | None = None
    where_end: int | None = None
    limit: int | None = None
    position: int = 0
    depth: int = 0

    def read_query(self) -> SoqlOutline:
        """The outline of all tokens."""
        outer = _Query(depth=0, is_selected=False)
        self.stack.append(outer)
        self.position = 1
        while self.position < len(self.tokens):
            self.position += 1
            self._read_token(self.words[self.position - 1], self.stack[-1])
            if not self.stack:
                break
        return self._build_outline(outer)

    def _read_token(self, word: str, query: _Query) -> None:
        if word == "(":
            self._open_parenthesis(query)
        elif word == ")":
            self._close_parenthesis(query)
        elif word == ",":
            query.awaits_item = query.awaits_item or self.depth == query.depth
        elif self._token.lastgroup == "word":
            self._read_word(word, query)
        elif query.clause == "LIMIT" and self.limit is None and len(self.stack) == 1:
            self.limit = read_limit(word)

    @property
    def _token(self) -> re.Match[str]:
        return self.tokens[self.position - 1]

    def _open_parenthesis(self, query: _Query) -> None:
        self.depth += 1
        if self._peek_word() == "SELECT":
            self.position += 1
            inner = _Query(depth=self.depth, is_selected=query.clause == "SELECT")
            if inner.is_selected:
                query.awaits_item = False
                query.item_count += 1
            self.stack.append(inner)
            self.others.append(inner)

    def _close_parenthesis(self, query: _Query) -> None:
        self.depth -= 1
        if self.depth < query.depth:
            if len(self.stack) == 1 and query.clause == "WHERE":
                self.where_end = self._token.start()
            self.stack.pop()

    def _peek_word(self) -> str:
        return self.words[self.position] if self.position < len(self.words) else ""

    def _read_word(self, word: str, query: _Query) -> None:
        if self.depth == query.depth and self._begin_clause(word, query):
            return
        if query.clause == "SELECT":
            self._read_selected(word, query)
        elif query.clause == "FROM":
            if self.depth == query.depth:
                _read_source(self._token[0], query)
        elif query.clause == "WHERE" and len(self.stack) == 1 and "." in word:
            self.where_paths.append(self._token[0])

    def _begin_clause(self, word: str, query: _Query) -> bool:
        """Begin the clause that a word at the depth of its query begins, if it begins one."""
        if not _begins_clause(word, query):
            return False
        if len(self.stack) == 1:
            if query.clause == "WHERE" and self.where_end is None:
                self.where_end = self._token.start()
            if word == "WHERE" and self.where_start is None:
                self.where_start = self._token.end()
        query.clause, query.awaits_item = word, True
        return True

    # ---- what is selected

    def _read_selected(self, word: str, query: _Query) -> None:
        is_function = self._peek_word() == "("
        if self.depth == query.depth:
            if not query.awaits_item:
                return  # an alias
            query.awaits_item = False
            query.item_count += 1
            query.count_count += is_function and word in _COUNTS
        if word == "TYPEOF" and self.depth == query.depth:
            self._read_typeof(query)
        elif is_function:
            self.function = word
        elif self.depth > query.depth and self.function == "FIELDS":
            query.fields.append(f"FIELDS({word})")
        else:
            query.fields.append(self._token[0])

    def _read_typeof(self, query: _Query) -> None:
        """Take `What WHEN Account THEN Phone, Name ELSE Id END`."""
        base = self.tokens[self.position][0] if self._peek_word() else ""
        is_listing = False
        self.position += 1
        while self.position < len(self.words) and self._peek_word() != "FROM":
            self.position += 1
            word = self.words[self.position - 1]
            if word == "END":
                return
            if word in _TYPEOF_WORDS:
                is_listing = word != "WHEN"
            elif is_listing and self._token.lastgroup == "word":
                query.fields.append(f"{base}.{self._token[0]}"[: MAX_NAME_LENGTH + 1])

    # ---- all together

    def _build_outline(self, outer: _Query) -> SoqlOutline:
        names = [each.main_object for each in (outer, *self.others) if each.main_object]
        fields = [outer.name_field(path) for path in outer.fields]
        for each in self.others:
            if each.is_selected:
                fields += _prefix_fields(each)
        paths = [*fields, *map(outer.name_field, self.where_paths)]
        return SoqlOutline(
            main_object=outer.main_object,
            objects=keep_names(names),
            fields=keep_names(fields),
            is_count=0 < outer.item_count == outer.count_count,
            where_span=self._find_where(),
            limit=self.limit,
            has_relationship=any("." in path for path in paths)
            or any(each.is_selected for each in self.others),
        )

    def _find_where(self) -> tuple[int, int] | None:
        if self.where_start is None:
            return None
        end = len(self.text) if self.where_end is None else self.where_end
        condition = self.text[self.where_start : end]
        start = self.where_start + len(condition) - len(condition.lstrip())
        return (start, start + len(condition.strip())) if condition.strip() else None


def _begins_clause(word: str, query: _Query) -> bool:
    if query.clause == "SELECT":
        return word == "FROM"
    if query.clause == "FROM" and query.main_object is None:
        return False  # there are objects that are called Group and Order
    if query.clause == "USING":
        return word in LATER_CLAUSES and word != "ALL"
    return word in LATER_CLAUSES


def _read_source(text: str, query: _Query) -> None:
    """Take a word behind FROM: an object, or the alias of the one before."""
    if query.main_object is None:
        query.main_object = text.rpartition(".")[2][:MAX_NAME_LENGTH]
        query.named.add(query.main_object.lower())
    elif query.awaits_item:
        pass  # `FROM Account a, a.Contacts c`: a relationship of the first
    elif text.upper() != "AS":
        query.named.add(text.lower())
    query.awaits_item = False


def _prefix_fields(query: _Query) -> list[str]:
    prefix = f"{query.main_object}." if query.main_object else ""
    return [f"{prefix}{query.name_field(path)}" for path in query.fields[:MAX_NAMES]]
