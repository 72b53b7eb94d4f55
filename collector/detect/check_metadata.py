"""What can be wrong with a rule's title, id, tags and the like, each at its line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sigma import exceptions
from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule
from sigma.rule.base import SigmaRuleBase

from collector.detect.block import KEY
from collector.detect.document import Document
from collector.detect.names import nearest
from collector.errors import Problem

_REQUIRED = ("title", "id", "name", "level", "logsource", "detection")
_OURS = {"logsource", "detection", KEY}
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


def other_kind(document: Document) -> str | None:
    """The key that makes the document something other than a rule over single events."""
    return next((key for key in ("correlation", "filter", "action") if key in document.data), None)


def metadata_problems(document: Document) -> Iterator[Problem]:
    """What is wrong with the keys that every Sigma rule has, except for its detection."""
    data = document.data
    if kind := other_kind(document):
        yield document.problem((kind,), f"{kind}s are not served by this version")
        return
    for key in _REQUIRED:
        if data.get(key) is None:
            yield document.problem((key,), f"missing key {key!r}")
    for key in data.keys() - _KNOWN:
        if (hint := nearest(key, _KNOWN)).startswith(", did you"):  # others are the author's own
            yield document.problem((key,), f"unknown key {key!r}{hint}")
    if "detection" in data and not isinstance(data["detection"], dict):
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


def pysigma_problems(document: Document) -> Iterator[Problem]:
    """What pySigma says of a document in which nothing else was found."""
    try:
        rule = SigmaRule.from_dict(document.data, collect_errors=True)
    except Exception as error:  # noqa: BLE001 - pySigma trusts the types of what it reads
        yield document.problem((), f"pySigma cannot read it: {type(error).__name__}")
        return
    for found in rule.errors:
        key = _KEY_OF_ERROR.get(type(found), "detection")
        yield document.problem((key,), str(found))
