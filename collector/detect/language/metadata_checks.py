"""Problems of a rule's title, id, tags and the like, each at its line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import TypeVar

from sigma import exceptions
from sigma.exceptions import SigmaError
from sigma.rule.attributes import SigmaRelatedType
from sigma.rule.base import SigmaRuleBase

from collector.detect.language.collector_block import COLLECTOR_KEY
from collector.detect.language.document_library import DocumentKind, determine_kind
from collector.detect.language.yaml_document import YamlDocument
from collector.errors import Problem, RulesError
from collector.yaml_source.suggestions import find_nearest_name, suggest_name

_REQUIRED_KEYS: Mapping[DocumentKind, tuple[str, ...]] = {
    "rule": ("title", "id", "name", "logsource", "detection"),
    "correlation": ("title", "id", "name"),
    "filter": ("title", "logsource"),
}
_FOREIGN_KEYS: Mapping[DocumentKind, Mapping[str, str]] = {
    "rule": {},
    "correlation": {
        "detection": "a correlation selects no events itself; write a rule for them",
        "logsource": "a correlation has no logsource; the rules that it looks at have",
    },
    "filter": {
        "detection": "the selections of a filter stand below 'filter'",
        COLLECTOR_KEY: f"a filter has no {COLLECTOR_KEY!r} block",
    },
}
_COLLECTOR_KEYS = {"logsource", "detection", "correlation", "filter", COLLECTOR_KEY}
_INTERNAL_FIELDS = {"errors", "source", "custom_attributes", "policy"}
_KNOWN_KEYS = {
    name
    for name in {*SigmaRuleBase.__dataclass_fields__, *_COLLECTOR_KEYS} - _INTERNAL_FIELDS
    if not name.startswith("_")
}
_RELATIONS = frozenset(each.name.lower() for each in SigmaRelatedType)
_NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
_MISSPELT = 0.85
"""How similar to a known key one of the author's own is that means that key."""

_KEY_OF_ERROR: Mapping[type[SigmaError], str] = {
    exceptions.SigmaTitleError: "title",
    exceptions.SigmaIdentifierError: "id",
    exceptions.SigmaNameError: "name",
    exceptions.SigmaLevelError: "level",
    exceptions.SigmaStatusError: "status",
    exceptions.SigmaDescriptionError: "description",
    exceptions.SigmaReferencesError: "references",
    exceptions.SigmaAuthorError: "author",
    exceptions.SigmaDateError: "date",
    exceptions.SigmaModifiedError: "modified",
    exceptions.SigmaTagError: "tags",
    exceptions.SigmaValueError: "tags",
    exceptions.SigmaFieldsError: "fields",
    exceptions.SigmaFalsePositivesError: "falsepositives",
    exceptions.SigmaRelatedError: "related",
    exceptions.SigmaLicenseError: "license",
    exceptions.SigmaScopeError: "scope",
    exceptions.SigmaTaxonomyError: "taxonomy",
    exceptions.SigmaLogsourceError: "logsource",
}


def find_metadata_problems(document: YamlDocument) -> Iterator[Problem]:
    """The problems of the keys that every Sigma document has, and of unknown ones."""
    data, kind = document.data, determine_kind(document)
    if "action" in data:
        message = "action (global, reset, repeat) is not served; write every rule out"
        yield document.build_problem(("action",), message)
        return
    for key in _REQUIRED_KEYS[kind]:
        if data.get(key) is None:
            yield document.build_problem((key,), f"missing key {key!r}")
    for key in data.keys() & _FOREIGN_KEYS[kind].keys():
        yield document.build_problem((key,), _FOREIGN_KEYS[kind][key])
    missing_keys = {*_REQUIRED_KEYS[kind], COLLECTOR_KEY} - data.keys()
    for key in data.keys() - _KNOWN_KEYS:  # others are the author's own
        if nearest := find_nearest_name(key, sorted(missing_keys)):
            message = f"unknown key {key!r}, did you mean {nearest!r}?"
            yield document.build_problem((key,), message)
    if kind == "rule" and "detection" in data and not isinstance(data["detection"], dict):
        yield document.build_problem(("detection",), "a detection is a mapping of selections")
    yield from _find_text_problems(document)
    yield from _find_logsource_problems(document)


def _find_text_problems(document: YamlDocument) -> Iterator[Problem]:
    name, identifier = document.data.get("name"), document.data.get("id")
    if name is not None and not (isinstance(name, str) and _NAME_PATTERN.fullmatch(name)):
        yield document.build_problem(
            ("name",), "a rule's name is a slug of a-z, 0-9, '-' and '_', such as new-package"
        )
    if identifier is not None and not isinstance(identifier, str):
        yield document.build_problem(("id",), "a rule's id is a UUID")
    references = document.data.get("references")
    yield from _find_related_problems(document)
    for position, reference in enumerate(references if isinstance(references, list) else ()):
        if not isinstance(reference, str):
            yield document.build_problem(("references", position), "a reference is text")


def _find_related_problems(document: YamlDocument) -> Iterator[Problem]:
    related = document.data.get("related")
    for position, relation in enumerate(related if isinstance(related, list) else ()):
        kind = relation.get("type") if isinstance(relation, Mapping) else None
        if isinstance(kind, str) and kind.lower() not in _RELATIONS:
            message = f"{kind!r} is no relation of rules{suggest_name(kind, _RELATIONS)}"
            yield document.build_problem(("related", position, "type"), message)


def find_misspelt_keys(document: YamlDocument) -> Iterator[Problem]:
    """Keys of the author's own that look like keys of Sigma's that the document does not have."""
    absent_keys = _KNOWN_KEYS - document.data.keys()
    for key in document.data.keys() - _KNOWN_KEYS:
        for nearest in difflib.get_close_matches(key, absent_keys, n=1, cutoff=_MISSPELT):
            message = f"unknown key {key!r}, did you mean {nearest!r}?"
            yield document.build_problem((key,), message)


def _find_logsource_problems(document: YamlDocument) -> Iterator[Problem]:
    logsource = document.data.get("logsource")
    if not isinstance(logsource, dict):
        return
    if logsource.get("product") != "salesforce":
        yield document.build_problem(("logsource", "product"), "the product must be salesforce")
    if "category" in logsource:
        message = "a category says nothing here; name an event type as the service"
        yield document.build_problem(("logsource", "category"), message)


R = TypeVar("R", bound=SigmaRuleBase)


def parse_sigma_rule(document: YamlDocument, kind: type[R]) -> R:
    """The document as pySigma parses it, once it has no other problem.

    Raises RulesError with every error of pySigma.
    """
    try:
        rule = kind.from_dict(document.data, collect_errors=True)
    except Exception as error:  # noqa: BLE001 - pySigma trusts the types of what it reads
        message = f"pySigma cannot read it: {type(error).__name__}"
        raise RulesError([document.build_problem((), message)]) from None
    if rule.errors:
        raise RulesError([_to_problem(document, each) for each in rule.errors])
    return rule


def _to_problem(document: YamlDocument, error: SigmaError) -> Problem:
    key = _KEY_OF_ERROR.get(type(error), determine_kind(document).replace("rule", "detection"))
    return document.build_problem((key,), str(error))
