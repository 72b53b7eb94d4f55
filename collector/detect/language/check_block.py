"""What can be wrong with the `collector:` block beyond its shape, each at its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from collector.detect import title
from collector.detect.language.block import KEY, Block, Comparison, Example
from collector.detect.language.check_detection import item_problem, when_problem
from collector.detect.language.document import Document, Place
from collector.detect.language.naming import Naming
from collector.detect.language.scope import Scope
from collector.detect.names import nearest
from collector.errors import Problem


def event_types_of(document: Document, block: Block) -> tuple[str, ...]:
    """The types that the rule is about; none where it sees every event."""
    service = _service(document)
    return tuple(block.event_types) if service is None else (service,)


def _service(document: Document) -> str | None:
    logsource = document.data.get("logsource")
    service = logsource.get("service") if isinstance(logsource, dict) else None
    return None if service is None else str(service)


def block_problems(
    document: Document, block: Block, scope: Scope, naming: Naming
) -> Iterator[Problem]:
    """What is wrong with the block beyond its shape, for a rule over events of a scope."""
    yield from _type_problems(document, block, scope)
    for name in ("severity", "severity_step"):
        for position, each in enumerate(getattr(block, name)):
            yield from _comparison_problems(document, each, (KEY, name, position), naming)
    if block.title is not None:
        yield from _title_problems(document, block.title, naming.title)
    for key in sorted(block.dedup.model_fields_set & {"key", "fallback"}):
        yield from _key_problems(document, block, key, naming.key)
    for position, example in enumerate(block.tests):
        yield from _example_problems(document, example, (KEY, "tests", position), scope)


def _type_problems(document: Document, block: Block, scope: Scope) -> Iterator[Problem]:
    known = scope.schema.event_types()
    places: dict[Place, str] = {
        (KEY, "event_types", position): name for position, name in enumerate(block.event_types)
    }
    service = _service(document)
    if service is not None and block.event_types:
        yield document.problem((KEY, "event_types"), "event_types and a service: name one of them")
    elif service is not None:
        places[("logsource", "service")] = service
    for place, name in places.items():
        if name not in known:
            yield document.problem(place, f"unknown event type {name!r}{nearest(name, known)}")


def _comparison_problems(
    document: Document, each: Comparison, place: Place, naming: Naming
) -> Iterator[Problem]:
    comparisons = each.comparisons
    if each.when is None and each.field is None:
        yield document.problem(place, "a case needs 'when', or 'field' with a comparison")
    elif (each.field is None) != (not comparisons):
        yield document.problem(place, "'field' and a comparison (gte, gt, lte, lt, eq) go together")
    elif each.field is not None:
        found = (item_problem(key, value, naming.cases) for key, value in comparisons.items())
        yield from (document.problem((*place, "field"), said) for said in found if said)
    if each.when is not None and (message := _when_problem(document, each.when, naming)):
        yield document.problem((*place, "when"), message)


def _when_problem(document: Document, when: str, naming: Naming) -> str | None:
    if naming.selections:
        return when_problem(document, when)
    return "'when' is about an event, and this rule tells of windows: compare a 'field'"


def _title_problems(document: Document, text: str, scope: Scope) -> Iterator[Problem]:
    try:
        template = title.parse(text, scope.knows)
    except ValueError as error:
        yield document.problem((KEY, "title"), str(error))
        return
    for part in template.parts:
        fallback = part.fallback if isinstance(part, title.Slot) else None
        if fallback and _is_misspelt(fallback, scope):
            message = f"{fallback!r} is no field; write it in words if it is meant as text"
            yield document.problem((KEY, "title"), message)


def _is_misspelt(fallback: str, scope: Scope) -> bool:
    if not re.fullmatch(r"\w+", fallback):
        return False
    return nearest(fallback, scope.schema.canonical).startswith(", did you")


def _key_problems(document: Document, block: Block, key: str, scope: Scope) -> Iterator[Problem]:
    for position, field in enumerate(getattr(block.dedup, key)):
        if not scope.knows(field):
            yield document.problem((KEY, "dedup", key, position), scope.unknown(field))


def _example_problems(
    document: Document, example: Example, place: Place, scope: Scope
) -> Iterator[Problem]:
    known = scope.schema.event_types()
    if example.event_type is not None and example.event_type not in known:
        message = f"unknown event type {example.event_type!r}{nearest(example.event_type, known)}"
        yield document.problem((*place, "event_type"), message)
    if example.event_type is None and len(scope.event_types) != 1:
        yield from _untyped(document, example.events, (*place, "events"))


def _untyped(document: Document, events: Iterable[Any], place: Place) -> Iterator[Problem]:
    for position, event in enumerate(events):
        attributes = event.get("attributes")
        typed = isinstance(attributes, dict) and "type" in attributes
        if not typed and "EVENT_TYPE" not in event:
            message = "of which type? Give the test an 'event_type', or the event its EVENT_TYPE"
            yield document.problem((*place, position), message)
