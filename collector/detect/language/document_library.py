"""Documents of rule files by their kind, and by the names and ids that refer to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from collector.detect.language.yaml_document import YamlDocument
from collector.errors import Problem
from collector.model.rules import strip_copy_mark
from collector.yaml_source.suggestions import suggest_name

DocumentKind = Literal["rule", "correlation", "filter"]


def determine_kind(document: YamlDocument) -> DocumentKind:
    """The kind of a document, by its keys."""
    if "correlation" in document.data:
        return "correlation"
    return "filter" if "filter" in document.data else "rule"


def read_name(document: YamlDocument) -> str:
    """Its name; empty where it has none."""
    return str(document.data.get("name") or "")


def read_service(document: YamlDocument) -> str | None:
    """The event type that its logsource names as the service; None where it names none."""
    logsource = document.data.get("logsource")
    service = logsource.get("service") if isinstance(logsource, dict) else None
    return None if service is None else str(service)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLibrary:
    """All documents; disabled ones are only known by their names and ids."""

    documents: tuple[YamlDocument, ...]
    disabled_documents: tuple[YamlDocument, ...]

    @classmethod
    def from_documents(
        cls, documents: Sequence[YamlDocument], disable_patterns: Sequence[str]
    ) -> DocumentLibrary:
        """Documents, without those whose name or id is or fits one of the patterns."""
        disabled = tuple(each for each in documents if _matches_patterns(each, disable_patterns))
        others = tuple(each for each in documents if not _matches_patterns(each, disable_patterns))
        return cls(documents=others, disabled_documents=disabled)

    def select_names(self, names: AbstractSet[str]) -> DocumentLibrary:
        """The filters, and the rules of these names or of whose copies these are the names."""
        written = {strip_copy_mark(name) for name in names}

        def is_selected(document: YamlDocument) -> bool:
            return determine_kind(document) == "filter" or read_name(document) in written

        others = tuple(each for each in self.documents if not is_selected(each))
        return DocumentLibrary(
            documents=tuple(filter(is_selected, self.documents)),
            disabled_documents=(*self.disabled_documents, *others),
        )

    def select_by_kind(self, kind: DocumentKind) -> tuple[YamlDocument, ...]:
        """The documents of a kind."""
        return tuple(each for each in self.documents if determine_kind(each) == kind)

    def index_by_reference(self) -> Mapping[str, YamlDocument]:
        """Rules and correlations by name and by id, in lower case."""
        return {
            key: each
            for each in self.documents
            if determine_kind(each) != "filter"
            for key in list_references(each)
        }

    def explain_missing(self, reference: str) -> str:
        """The message for a name or id that `index_by_reference` does not have."""
        documents_by_reference = {
            key: each
            for each in (*self.documents, *self.disabled_documents)
            for key in list_references(each)
        }
        document = documents_by_reference.get(normalize_reference(reference))
        if any(document is each for each in self.disabled_documents):
            return f"rule {reference!r} is disabled"
        if document is not None:
            return f"{reference!r} is a filter, not a rule"
        rules = [each for each in self.documents if determine_kind(each) != "filter"]
        names = {read_name(each) for each in rules} - {""}
        return f"unknown rule {reference!r}{suggest_name(reference, names)}"

    def has_disabled(self, pattern: str) -> bool:
        """Whether a disabled document has a name or id that matches the pattern."""
        return any(_matches_patterns(each, (pattern,)) for each in self.disabled_documents)

    def find_duplicates(self) -> Iterator[Problem]:
        """Problems of documents with the name or the id of an earlier one."""
        for key in ("name", "id"):
            first: dict[str, YamlDocument] = {}
            for each in self.documents:
                value = str(each.data.get(key, "")).lower()
                other = first.setdefault(value, each)
                if value and other is not each:
                    place = f"{other.path}:{other.find_line((key,))}"
                    yield each.build_problem((key,), f"the rule at {place} has the same {key}")


def normalize_reference(reference: str) -> str:
    """A name or an id as a key of `index_by_reference`: the same in any case."""
    return reference.lower()


def list_references(document: YamlDocument) -> tuple[str, ...]:
    """The name and the id of a document, as far as it has them, in lower case."""
    values = (document.data.get(key) for key in ("name", "id"))
    return tuple(normalize_reference(str(value)) for value in values if value)


def _matches_patterns(document: YamlDocument, patterns: Sequence[str]) -> bool:
    names = [str(document.data.get(key, "")) for key in ("name", "id")]
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
