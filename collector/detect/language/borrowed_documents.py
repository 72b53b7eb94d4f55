"""Documents of other files that named ones need: what their correlations and filters look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import chain
from typing import Any

from collector.detect.language.asked_rules import list_asked_rules
from collector.detect.language.document_library import (
    determine_kind,
    list_references,
    normalize_reference,
)
from collector.detect.language.rule_filters import ANY_RULE, FILTER_KEY
from collector.detect.language.yaml_document import YamlDocument


def borrow_documents(
    documents: Sequence[YamlDocument], others: Sequence[YamlDocument]
) -> list[YamlDocument]:
    """Those of the others that the documents refer to, directly or by one of them, in their order.

    A document with the name or the id of one of the others stands for it.
    """
    own_references = {each for document in documents for each in list_references(document)}
    candidates = [
        other
        for other in others
        if determine_kind(other) != "filter" and own_references.isdisjoint(list_references(other))
    ]
    borrowed: set[int] = set()
    pending = list(documents)
    while pending:
        document = pending.pop()
        for position, other in enumerate(candidates):
            if position not in borrowed and refers_to(document, other):
                borrowed.add(position)
                pending.append(other)
    return [other for position, other in enumerate(candidates) if position in borrowed]


def refers_to(document: YamlDocument, other: YamlDocument) -> bool:
    """Whether a correlation or a filter looks at another document."""
    names = list_references(other)
    kind = determine_kind(document)
    if kind == "filter":
        patterns = list(_read_references(document.data.get(FILTER_KEY)))
        is_rule = determine_kind(other) == "rule"
        is_any = not patterns or patterns == [ANY_RULE]
        matches = (fnmatchcase(name, pattern) for name in names for pattern in patterns)
        return (is_any and is_rule) or any(matches)
    references = _read_references(document.data.get("correlation"))
    asked = (normalize_reference(each) for _, each in list_asked_rules(document))
    return kind == "correlation" and any(each in names for each in chain(references, asked))


def _read_references(mapping: Any) -> Iterator[str]:
    """The names, ids and globs under `rules`, in lower case; none where something else is there."""
    rules = mapping.get("rules") if isinstance(mapping, dict) else None
    for each in [rules] if isinstance(rules, str) else rules if isinstance(rules, list) else []:
        if isinstance(each, str):
            yield normalize_reference(each)
