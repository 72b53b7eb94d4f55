"""Reads a FIND of SOSL, also one that is cut off or hostile. Source: SOSL Reference, FIND."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from collector.soql.outline import (
    MAX_NAME_LENGTH,
    MAX_NAMES,
    SoqlOutline,
    keep_names,
    read_limit,
)
from collector.soql.select_reader import LATER_CLAUSES
from collector.soql.tokens import list_tokens

_FIND_TEXT = re.compile(
    r"\s*FIND\s*(?:\{(?:[^}\\]|\\.)*\}|'(?:[^'\\]|\\.)*'|:\w+)",
    re.IGNORECASE | re.DOTALL | re.ASCII,
)


def read_search(text: str) -> SoqlOutline | None:
    """The outline of `FIND {text} IN … RETURNING Account(Id, Name WHERE …), Contact LIMIT 5`.

    None for what does not begin so. Never raises.
    """
    found = _FIND_TEXT.match(text)
    if found is None:
        return None
    reader = _SearchReader()
    for token in list_tokens(text, found.end()):
        if token.lastgroup == "word":
            reader.read_word(token[0])
        else:
            reader.read_sign(token[0])
    return reader.build_outline()


@dataclass(slots=True, kw_only=True)
class _SearchReader:
    """Reads the tokens behind the text that is looked for, once.

    Attributes:
        clause: the word that the present clause begins with, at any depth.
        awaits_object: whether the next word outside parentheses is an object.
        lists_fields: whether words inside of them are fields.
    """

    depth: int = 0
    clause: str = ""
    awaits_object: bool = False
    lists_fields: bool = False
    limit: int | None = None
    objects: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)

    def read_sign(self, text: str) -> None:
        """Take a token that is no word."""
        if text in {"(", ")"}:
            self.depth += 1 if text == "(" else -1
            self.lists_fields = self.depth == 1 and text == "("
        elif text == "," and self.depth == 0:
            self.awaits_object = self.clause == "RETURNING"
        elif self.clause == "LIMIT" and self.depth == 0 and self.limit is None:
            self.limit = read_limit(text)

    def read_word(self, text: str) -> None:
        """Take a name or a word of the language."""
        word = text.upper()
        if self.depth == 0 and self.awaits_object:
            self.objects.append(text)
            self.awaits_object = False
        elif self.depth == 0 and (word == "RETURNING" or word in LATER_CLAUSES):
            self.clause, self.awaits_object = word, word == "RETURNING"
        elif word in LATER_CLAUSES:
            self.lists_fields = False
        elif self.lists_fields and self.objects and len(self.fields) < MAX_NAMES:
            self.fields.append(f"{self.objects[-1]}.{text}"[: MAX_NAME_LENGTH + 1])

    def build_outline(self) -> SoqlOutline:
        """What was read."""
        return SoqlOutline(
            main_object=None,
            objects=keep_names(self.objects),
            fields=keep_names(self.fields),
            is_count=False,
            where_span=None,
            limit=self.limit,
            has_relationship=False,
        )
