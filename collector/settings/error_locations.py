"""From a path of pydantic's to a place in the file: the schema tells which parts are keys."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag

from collector.settings.settings_model import list_model_keys
from collector.yaml_source.nodes import YamlNode, YamlPath, quote_name
from collector.yaml_source.problem_report import SourcePosition


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorLocation:
    """Where a path of pydantic's leads.

    Attributes:
        node: the deepest node on the path that the file has.
        name: its key, quoted; that for items of a list.
        key_position: the place of its key; that of the node itself for items of a list.
        rest: the part of the path that the file does not have.
        kind: the type that `node` should have, without `Annotated` and `| None`.
    """

    node: YamlNode
    name: str
    key_position: SourcePosition
    rest: YamlPath
    kind: Any


def locate_file(root: YamlNode, model: type[BaseModel]) -> ErrorLocation:
    """The whole file, whose tree `root` is to become a `model`."""
    return ErrorLocation(
        node=root, name="the file", key_position=root.position, rest=(), kind=model
    )


def locate_error(file: ErrorLocation, path: YamlPath) -> ErrorLocation:
    """The place in the file that a path of pydantic's means."""
    location = replace(file, rest=path)
    while location.rest and (next_location := _follow_part(location, location.rest[0])):
        location = next_location
    return location


def _follow_part(location: ErrorLocation, part: int | str) -> ErrorLocation | None:
    kind, rest = location.kind, location.rest[1:]
    if _is_union(kind) and part != "[key]":  # the part is a tag: no place of its own
        return replace(location, rest=rest, kind=list_tags(kind).get(str(part)))
    entry = location.node.find_entry(part)
    if entry is None:
        return None
    if isinstance(part, int):
        name, child_kind = location.name, get_args(kind)[0]
    else:
        name, child_kind = quote_name(part), _find_key_type(kind, part)
    return ErrorLocation(
        node=entry.node,
        name=name,
        key_position=entry.position,
        rest=rest,
        kind=_unwrap_type(child_kind),
    )


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in {Union, types.UnionType}


def _unwrap_type(kind: Any) -> Any:
    """A type without `Annotated` and `| None`."""
    if get_origin(kind) is Annotated:
        return _unwrap_type(get_args(kind)[0])
    members = [member for member in get_args(kind) if member is not type(None)]
    return _unwrap_type(members[0]) if _is_union(kind) and len(members) == 1 else kind


def list_tags(union: Any) -> dict[str, Any]:
    """The members of a discriminated union by what chooses them: a `type`, a `flow` or a tag."""
    members: dict[str, Any] = {}
    for member in get_args(union):
        if tags := [
            annotation.tag for annotation in get_args(member) if isinstance(annotation, Tag)
        ]:
            members[tags[0]] = _unwrap_type(member)
        else:
            field = member.model_fields.get("type") or member.model_fields["flow"]
            members.update(dict.fromkeys(get_args(field.annotation), member))
    return members


def _find_key_type(kind: Any, key: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return list_model_keys(kind).get(key)
    return get_args(kind)[1] if get_origin(kind) is Mapping else None
