"""From a path of pydantic's to a place in the file: the schema tells which parts are keys."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel, Tag

from collector.settings.models import Settings, keys_of
from collector.settings.nodes import Node, shown
from collector.settings.report import Place

Path: TypeAlias = tuple[int | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where a path of pydantic's leads.

    Attributes:
        node: the deepest node on the path that the file has.
        name: its key, quoted; that for items of a list.
        key: the place of its key; that of the node itself for items of a list.
        rest: the part of the path that the file does not have.
        kind: the type that `node` should have, without `Annotated` and `| None`.
    """

    node: Node
    name: str
    key: Place
    rest: Path
    kind: Any


def find(root: Node, path: Path) -> Spot:
    """The place in the tree `root` that a path of pydantic's means."""
    spot = Spot(node=root, name="the file", key=root.place, rest=path, kind=Settings)
    while spot.rest and (next_spot := _step(spot, spot.rest[0])):
        spot = next_spot
    return spot


def _step(spot: Spot, part: int | str) -> Spot | None:
    kind, rest = spot.kind, spot.rest[1:]
    if _is_union(kind):  # the part is a tag: no place of its own
        return replace(spot, rest=rest, kind=tags(kind).get(str(part)))
    if isinstance(part, int) and part < len(spot.node.items):
        node = spot.node.items[part]
        return replace(spot, node=node, key=node.place, rest=rest, kind=_bare(get_args(kind)[0]))
    entry = spot.node.entries.get(str(part))
    if entry is None:
        return None
    return Spot(
        node=entry.node,
        name=shown(str(part)),
        key=entry.place,
        rest=rest,
        kind=_bare(_kind_under(kind, str(part))),
    )


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in {Union, types.UnionType}


def _bare(kind: Any) -> Any:
    """A type without `Annotated` and `| None`."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    members = [member for member in get_args(kind) if member is not type(None)]
    return _bare(members[0]) if _is_union(kind) and len(members) == 1 else kind


def tags(union: Any) -> dict[str, Any]:
    """The members of a discriminated union by what chooses them: a `type`, a `flow` or a tag."""
    members: dict[str, Any] = {}
    for member in get_args(union):
        if tagged := [each.tag for each in get_args(member) if isinstance(each, Tag)]:
            members[tagged[0]] = _bare(member)
        else:
            field = member.model_fields.get("type") or member.model_fields["flow"]
            members.update(dict.fromkeys(get_args(field.annotation), member))
    return members


def _kind_under(kind: Any, key: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return keys_of(kind).get(key)
    return get_args(kind)[1] if get_origin(kind) is Mapping else None
