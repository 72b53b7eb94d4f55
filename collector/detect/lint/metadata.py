"""What is odd about a rule's tags, and what a reader of its alerts will miss."""

from __future__ import annotations

import re
from collections.abc import Iterator

from collector.detect.language.block import KEY
from collector.detect.language.document import Document, Place
from collector.detect.lint import attack
from collector.errors import Problem
from collector.model import Rule

_TECHNIQUE = re.compile(r"t\d{4}(\.\d{3})?")
_OTHER_ID = re.compile(r"[gs]\d{4}")

_WANTED = {
    "description": "what does it mean when this fires?",
    "references": "where can one read about it?",
    "falsepositives": "what else does this?",
}
"""Keys that Sigma does without and a person at night does not."""


def metadata_remarks(document: Document, rule: Rule, *, is_used: bool) -> Iterator[Problem]:
    """What is odd about it. `is_used` tells that a correlation looks at the rule."""
    yield from _tag_remarks(document)
    if not rule.alert:
        if not is_used:
            message = "no correlation looks at this rule, and it tells nobody of what it finds"
            yield document.problem((KEY, "alert"), message)
        return
    for key, question in _WANTED.items():
        if not document.data.get(key):
            yield document.problem(("title",), f"no {key}: {question}")
    if not rule.tests:
        yield document.problem(("title",), "no tests: nobody knows whether it can fire")


def _tag_remarks(document: Document) -> Iterator[Problem]:
    tags = dict(_attack_tags(document))
    named = [name for name in tags.values() if _TECHNIQUE.fullmatch(name)]
    known = [found for name in named if (found := attack.technique(name))]
    for place, name in tags.items():
        if _OTHER_ID.fullmatch(name):
            continue
        if _TECHNIQUE.fullmatch(name):
            if attack.technique(name) is None:
                message = f"{name.upper()} is no technique that this version knows"
                yield document.problem(place, message)
        elif (tactic := name.replace("_", "-")) not in attack.tactics():
            yield document.problem(place, f"{name!r} is no tactic that this version knows")
        elif len(known) == len(named) and not attack.serves(known, tactic):
            yield document.problem(place, f"no technique of {tactic} is named beside the tactic")


def _attack_tags(document: Document) -> Iterator[tuple[Place, str]]:
    for position, tag in enumerate(document.data.get("tags") or ()):
        namespace, _, name = str(tag).lower().partition(".")
        if namespace == "attack":
            yield ("tags", position), name
