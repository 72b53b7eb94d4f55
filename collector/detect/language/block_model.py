"""Mappings of rule files as typed values, and their problems, each at its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from collector.detect.language.placeholders import explain_placeholder
from collector.detect.language.yaml_document import YamlDocument
from collector.errors import Problem, RulesError
from collector.settings.error_sentences import build_error_sentence
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
    found = error.errors(include_url=False, include_input=False)
    places = [_strip_union_members(details["loc"]) for details in found]
    for place, details in zip(places, found, strict=True):
        is_explained = any(each[: len(place)] == place != each for each in places)
        if place not in reported and not is_explained:  # pydantic reports each member of a union
            reported.add(place)
            message = explain_placeholder(
                _find_value(document.data, (key, *place)), document.data
            ) or _describe_error((key, *place), kind, details)
            yield document.build_problem((key, *place), message)


def _find_value(data: Any, place: YamlPath) -> object:
    """What stands at a place; None where nothing does."""
    for step in place:
        try:
            data = data[step]
        except (LookupError, TypeError):
            return None
    return data


def _strip_union_members(place: YamlPath) -> YamlPath:
    """A place without the members of unions, which pydantic has as steps."""
    return tuple(step for step in place if not _is_union_member(step))


def _is_union_member(step: str | int) -> bool:
    if not isinstance(step, str):
        return False
    members = {"str", "int", "float", "bool", "constrained-int"}
    models = {model.__name__ for model in BlockModel.__subclasses__()}
    return step in members | models or step.startswith("list[")


def _describe_error(place: YamlPath, kind: type[BlockModel], details: ErrorDetails) -> str:
    names = (step for step in reversed(place) if isinstance(step, str) and step != "[key]")
    last = next(names, place[-1])
    match details["type"]:
        case "extra_forbidden":
            known_keys = [
                key for each in _find_models_at(kind, place[1:-1]) for key in _list_keys(each)
            ]
            return f"unknown key {last!r}{suggest_name(str(last), known_keys)}"
        case "missing":
            return f"missing key {last!r}"
    return f"{last!r} {build_error_sentence(details['type'], details.get('ctx', {}))}"


def _list_keys(kind: type[BlockModel]) -> list[str]:
    return [info.alias or name for name, info in kind.model_fields.items()]


def _find_models_at(kind: type[BlockModel], place: YamlPath) -> list[type[BlockModel]]:
    """What may stand at a place: several models where it is a union of them."""
    kinds = [kind]
    for step in place:
        fields = {
            info.alias or name: info for each in kinds for name, info in each.model_fields.items()
        }
        if isinstance(step, str) and step in fields:
            kinds = list(_list_models(fields[step].annotation)) or kinds
    return kinds


def _list_models(annotation: Any) -> Iterator[type[BlockModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BlockModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _list_models(argument)
