"""Severity cases about list entries: `when: {list: ioc_ip, confidence: low, expired: true}`.

They hold where a field that the detection compares with the list is such an entry of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import BeforeValidator, Field
from sigma.exceptions import SigmaError

from collector.detect.language.block_model import BlockModel
from collector.detect.language.field_scope import FieldScope
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.lists.value_list import Confidence, ListEntry
from collector.detect.predicates import equality
from collector.detect.predicates.field_columns import FieldColumns
from collector.detect.predicates.list_membership import match_entries, match_expired_entries


def _wrap_in_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Texts = Annotated[list[str], BeforeValidator(_wrap_in_list), Field(min_length=1)]


class ListCondition(BlockModel):
    """A list, and what its entry is like.

    `field` is what is compared; without it, what the detection compares with the list. Texts are
    compared without regard to case; of several, one has to fit.
    """

    name: str = Field(alias="list")
    field: str | None = None
    confidence: Annotated[
        Annotated[list[Confidence], Field(min_length=1)] | None, BeforeValidator(_wrap_in_list)
    ] = None
    campaign: Texts | None = None
    source: Texts | None = None
    expired: bool | None = None

    def fits_entry(self, entry: ListEntry) -> bool:
        """Whether an entry is like that, but for its expiry."""
        pairs = (
            (self.confidence, entry.confidence),
            (self.campaign, entry.campaign),
            (self.source, entry.source),
        )
        return all(
            wanted is None or (found or "").casefold() in map(str.casefold, wanted)
            for wanted, found in pairs
        )

    def describe(self) -> str:
        """The condition in words, as `explain` shows it."""
        items = self.model_dump(exclude_none=True, by_alias=True).items()
        return ", ".join(
            f"{key} {' or '.join(value) if isinstance(value, list) else str(value).lower()}"
            for key, value in items
        )


def find_list_condition_problem(
    document: YamlDocument, condition: ListCondition, scope: FieldScope
) -> str | None:
    """The problem of a condition about entries; None where there is none."""
    if condition.field is not None and not scope.has_field(condition.field):
        return scope.explain_unknown_field(condition.field)
    columns = scope.build_trial_columns()
    try:
        compile_list_condition(document, condition, columns)
    except SigmaError as error:
        return str(error)
    if condition.field is None and not list(_find_fields(document, condition.name)):
        return f"no selection compares a field with the list {condition.name!r}: add 'field'"
    return None


def compile_list_condition(
    document: YamlDocument, condition: ListCondition, columns: FieldColumns
) -> str:
    """SQL: an event has such an entry. Raises SigmaError where the field cannot be one."""
    entries = [
        each for each in columns.find_list(condition.name).entries if condition.fits_entry(each)
    ]
    fields = [condition.field] if condition.field else _find_fields(document, condition.name)
    parts = [_compile_field(field, condition, entries, columns) for field in fields]
    return f"COALESCE({equality.join_alternatives(parts)}, FALSE)"


def _compile_field(
    field: str, condition: ListCondition, entries: list[ListEntry], columns: FieldColumns
) -> str:
    if condition.expired:
        return match_expired_entries(field, entries, columns)
    if condition.expired is False:
        columns = columns.refuse_expired()
    return match_entries(field, condition.name, entries, columns)


def _find_fields(document: YamlDocument, name: str) -> Iterator[str]:
    """The fields that the detection compares with a list, each once."""
    found: dict[str, None] = {}
    for definition in document.data["detection"].values():
        for entry in definition if isinstance(definition, list) else [definition]:
            for key, value in entry.items() if isinstance(entry, dict) else ():
                field, *modifiers = str(key).split("|")
                values = value if isinstance(value, list) else [value]
                if "expand" in modifiers and f"%{name}%" in values:
                    found[field] = None
    yield from found
