"""Documents of rule files by their kind, and by the names and ids that others call them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from collector.detect.language.document import Document
from collector.detect.names import nearest
from collector.errors import Problem

Kind = Literal["rule", "correlation", "filter"]


def kind_of(document: Document) -> Kind:
    """What a document is, by the key that it has."""
    if "correlation" in document.data:
        return "correlation"
    return "filter" if "filter" in document.data else "rule"


def name_of(document: Document) -> str:
    """Its name; empty where it has none."""
    return str(document.data.get("name") or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """All documents. Those that are `disabled` are not looked at, but known to have been there."""

    documents: tuple[Document, ...]
    disabled: tuple[Document, ...]

    @classmethod
    def of(cls, documents: Sequence[Document], disable: Sequence[str]) -> Library:
        """Documents, without those whose name or id is or fits one of the patterns."""
        disabled = tuple(each for each in documents if _fits(each, disable))
        others = tuple(each for each in documents if not _fits(each, disable))
        return cls(documents=others, disabled=disabled)

    def of_kind(self, kind: Kind) -> tuple[Document, ...]:
        """The documents of a kind."""
        return tuple(each for each in self.documents if kind_of(each) == kind)

    def called(self) -> Mapping[str, Document]:
        """Rules and correlations by everything that they may be called by: name and id."""
        return {
            key: each for each in self.documents if kind_of(each) != "filter" for key in _keys(each)
        }

    def missing(self, reference: str) -> str:
        """Why nothing in `called` goes by that reference."""
        known = {key: each for each in (*self.documents, *self.disabled) for key in _keys(each)}
        found = known.get(normal(reference))
        if any(found is each for each in self.disabled):
            return f"rule {reference!r} is disabled"
        if found is not None:
            return f"{reference!r} is a filter, not a rule"
        names = {name_of(each) for each in self.documents if kind_of(each) != "filter"} - {""}
        return f"unknown rule {reference!r}{nearest(reference, names)}"

    def has_disabled(self, pattern: str) -> bool:
        """Whether a document that is not looked at has, or fits, that name or id."""
        return any(_fits(each, (pattern,)) for each in self.disabled)

    def duplicates(self) -> Iterator[Problem]:
        """Documents that have the name or the id of an earlier one."""
        for key in ("name", "id"):
            first: dict[str, Document] = {}
            for each in self.documents:
                value = str(each.data.get(key, "")).lower()
                other = first.setdefault(value, each)
                if value and other is not each:
                    place = f"{other.path}:{other.line((key,))}"
                    yield each.problem((key,), f"the rule at {place} has the same {key}")


def normal(reference: str) -> str:
    """A name or an id as `Library.called` has it; ids are the same in any case."""
    return reference.lower()


def _keys(each: Document) -> Iterator[str]:
    for key in ("name", "id"):
        if value := each.data.get(key):
            yield normal(str(value))


def _fits(each: Document, patterns: Sequence[str]) -> bool:
    names = [str(each.data.get(key, "")) for key in ("name", "id")]
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
