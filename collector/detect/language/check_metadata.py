"""What can be wrong with a rule's title, id, tags and the like, each at its line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeVar

from sigma import exceptions
from sigma.exceptions import SigmaError
from sigma.rule.base import SigmaRuleBase

from collector.detect.language.block import KEY
from collector.detect.language.document import Document
from collector.detect.language.library import Kind, kind_of
from collector.detect.names import nearest
from collector.errors import Problem, RulesError

_REQUIRED: Mapping[Kind, tuple[str, ...]] = {
    "rule": ("title", "id", "name", "level", "logsource", "detection"),
    "correlation": ("title", "id", "name", "level"),
    "filter": ("title", "logsource"),
}
_FOREIGN: Mapping[Kind, Mapping[str, str]] = {
    "rule": {},
    "correlation": {
        "detection": "a correlation selects no events itself; write a rule for them",
        "logsource": "a correlation has no logsource; the rules that it looks at have",
    },
    "filter": {
        "detection": "the selections of a filter stand below 'filter'",
        KEY: f"a filter has no {KEY!r} block",
    },
}
_OURS = {"logsource", "detection", "correlation", "filter", KEY}
_INTERNAL = {"errors", "source", "custom_attributes", "policy"}
_KNOWN = {
    name
    for name in {*SigmaRuleBase.__dataclass_fields__, *_OURS} - _INTERNAL
    if not name.startswith("_")
}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
_ATTACK = re.compile(r"t\d{4}(\.\d{3})?|[gs]\d{4}|[a-z]+([-_][a-z]+)*")

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


def metadata_problems(document: Document) -> Iterator[Problem]:
    """What is wrong with the keys that every Sigma document has, and with which it has."""
    data, kind = document.data, kind_of(document)
    if "action" in data:
        message = "action (global, reset, repeat) is not served; write every rule out"
        yield document.problem(("action",), message)
        return
    for key in _REQUIRED[kind]:
        if data.get(key) is None:
            yield document.problem((key,), f"missing key {key!r}")
    for key in data.keys() & _FOREIGN[kind].keys():
        yield document.problem((key,), _FOREIGN[kind][key])
    for key in data.keys() - _KNOWN:
        if (hint := nearest(key, _KNOWN)).startswith(", did you"):  # others are the author's own
            yield document.problem((key,), f"unknown key {key!r}{hint}")
    if kind == "rule" and "detection" in data and not isinstance(data["detection"], dict):
        yield document.problem(("detection",), "a detection is a mapping of selections")
    yield from _text_problems(document)
    yield from _tag_problems(document)
    yield from _logsource_problems(document)


def _text_problems(document: Document) -> Iterator[Problem]:
    name, identifier = document.data.get("name"), document.data.get("id")
    if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
        yield document.problem(
            ("name",), "a rule's name is a slug of a-z, 0-9, '-' and '_', such as new-package"
        )
    if identifier is not None and not isinstance(identifier, str):
        yield document.problem(("id",), "a rule's id is a UUID")
    references = document.data.get("references")
    for position, reference in enumerate(references if isinstance(references, list) else ()):
        if not isinstance(reference, str):
            yield document.problem(("references", position), "a reference is text")


def _tag_problems(document: Document) -> Iterator[Problem]:
    tags = document.data.get("tags")
    for position, tag in enumerate(tags if isinstance(tags, list) else ()):
        namespace, _, name = str(tag).partition(".")
        if namespace == "attack" and not _ATTACK.fullmatch(name):
            message = f"no ATT&CK tag: {tag!r}; write attack.t1078, attack.t1078.004 or a tactic"
            yield document.problem(("tags", position), message)


def _logsource_problems(document: Document) -> Iterator[Problem]:
    logsource = document.data.get("logsource")
    if not isinstance(logsource, dict):
        return
    if logsource.get("product") != "salesforce":
        yield document.problem(("logsource", "product"), "the product must be salesforce")
    if "category" in logsource:
        message = "a category says nothing here; name an event type as the service"
        yield document.problem(("logsource", "category"), message)


R = TypeVar("R", bound=SigmaRuleBase)


def parsed(document: Document, kind: type[R]) -> R:
    """The document as pySigma reads it, once nothing else was found in it.

    Raises RulesError with all that pySigma says.
    """
    try:
        rule = kind.from_dict(document.data, collect_errors=True)
    except Exception as error:  # noqa: BLE001 - pySigma trusts the types of what it reads
        message = f"pySigma cannot read it: {type(error).__name__}"
        raise RulesError([document.problem((), message)]) from None
    if rule.errors:
        raise RulesError([_told(document, each) for each in rule.errors])
    return rule


def _told(document: Document, error: SigmaError) -> Problem:
    key = _KEY_OF_ERROR.get(type(error), kind_of(document).replace("rule", "detection"))
    return document.problem((key,), str(error))
