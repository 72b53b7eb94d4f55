"""Mappings of rule files as typed values, and what is wrong with them, each at its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from collector.detect.language.document import Document, Place
from collector.detect.names import nearest
from collector.errors import Problem, RulesError


class Part(BaseModel):
    """A mapping with known keys."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
        serialize_by_alias=True,
    )


P = TypeVar("P", bound=Part)


def parse(document: Document, key: str, kind: type[P]) -> P:
    """The value of a top-level key, with its defaults. Raises RulesError with all that is wrong."""
    try:
        return kind.model_validate(document.data.get(key) or {})
    except ValidationError as error:
        raise RulesError(list(_problems(document, key, kind, error))) from None


def _problems(
    document: Document, key: str, kind: type[Part], error: ValidationError
) -> Iterator[Problem]:
    told = set()
    for details in error.errors(include_url=False, include_input=False):
        place = _in_file(details["loc"])
        if place not in told:  # pydantic says of a union that it is none of its members, one by one
            told.add(place)
            yield document.problem((key, *place), _sentence((key, *place), kind, details))


def _in_file(place: Place) -> Place:
    """Without the members of unions, which pydantic writes as steps of the way."""
    return tuple(step for step in place if step not in {"str", "int", "float", "bool"})


def _sentence(place: Place, kind: type[Part], details: ErrorDetails) -> str:
    last = next((step for step in reversed(place) if isinstance(step, str)), place[-1])
    match details["type"]:
        case "extra_forbidden":
            return f"unknown key {last!r}{nearest(str(last), _keys(_part_at(kind, place[1:-1])))}"
        case "missing":
            return f"missing key {last!r}"
        case "model_type":
            return f"{last!r} should be a mapping"
        case "too_short":
            return f"{last!r} must hold one item or more"
        case "value_error":
            return f"{last!r} {details['ctx']['error']}"
    return f"{last!r} {details['msg'].removeprefix('Input ').replace('a valid', 'a')}"


def _keys(kind: type[Part]) -> list[str]:
    return [info.alias or name for name, info in kind.model_fields.items()]


def _part_at(kind: type[Part], place: Place) -> type[Part]:
    for step in place:
        fields = {info.alias or name: info for name, info in kind.model_fields.items()}
        if isinstance(step, str) and step in fields:
            kind = next(_parts_in(fields[step].annotation), kind)
    return kind


def _parts_in(annotation: Any) -> Iterator[type[Part]]:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
    for argument in get_args(annotation):
        yield from _parts_in(argument)
