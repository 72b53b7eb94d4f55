"""Mappings of rule files as typed values, and their problems, each at its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from collector.detect.language.yaml_document import YamlDocument
from collector.errors import Problem, RulesError
from collector.yaml_source.nodes import YamlPath
from collector.yaml_source.suggestions import suggest_name


class BlockModel(BaseModel):
    """A mapping with known keys."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
        serialize_by_alias=True,
    )


P = TypeVar("P", bound=BlockModel)


def parse_block(document: YamlDocument, key: str, kind: type[P]) -> P:
    """The value of a top-level key, with its defaults. Raises RulesError with every problem."""
    try:
        return kind.model_validate(document.data.get(key) or {})
    except ValidationError as error:
        raise RulesError(list(_translate_errors(document, key, kind, error))) from None


def _translate_errors(
    document: YamlDocument, key: str, kind: type[BlockModel], error: ValidationError
) -> Iterator[Problem]:
    reported = set()
    for details in error.errors(include_url=False, include_input=False):
        place = _strip_union_members(details["loc"])
        if place not in reported:  # pydantic reports each member of a union
            reported.add(place)
            message = _describe_error((key, *place), kind, details)
            yield document.build_problem((key, *place), message)


def _strip_union_members(place: YamlPath) -> YamlPath:
    """A place without the members of unions, which pydantic has as steps."""
    return tuple(step for step in place if step not in {"str", "int", "float", "bool"})


def _describe_error(place: YamlPath, kind: type[BlockModel], details: ErrorDetails) -> str:
    last = next((step for step in reversed(place) if isinstance(step, str)), place[-1])
    match details["type"]:
        case "extra_forbidden":
            known_keys = _list_keys(_find_model_at(kind, place[1:-1]))
            return f"unknown key {last!r}{suggest_name(str(last), known_keys)}"
        case "missing":
            return f"missing key {last!r}"
        case "model_type":
            return f"{last!r} should be a mapping"
        case "too_short":
            return f"{last!r} must hold one item or more"
        case "value_error":
            return f"{last!r} {details['ctx']['error']}"
    return f"{last!r} {details['msg'].removeprefix('Input ').replace('a valid', 'a')}"


def _list_keys(kind: type[BlockModel]) -> list[str]:
    return [info.alias or name for name, info in kind.model_fields.items()]


def _find_model_at(kind: type[BlockModel], place: YamlPath) -> type[BlockModel]:
    for step in place:
        fields = {info.alias or name: info for name, info in kind.model_fields.items()}
        if isinstance(step, str) and step in fields:
            kind = next(_list_models(fields[step].annotation), kind)
    return kind


def _list_models(annotation: Any) -> Iterator[type[BlockModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BlockModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _list_models(argument)
