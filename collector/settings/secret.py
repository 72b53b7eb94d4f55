"""A text that is masked wherever it is printed, and the search for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import core_schema

from collector.yaml_source.nodes import YamlPath

MASK = "***"


class Secret:
    """A text that is printed, formatted and dumped as `***`, and cannot be pickled.

    `reveal()` is the one way to the text, so that every use of it can be found. Secrets of the
    same text are equal. A pydantic field of this type takes text that is not empty.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """The text itself."""
        return self.__text

    def __repr__(self) -> str:
        return MASK

    def __format__(self, specification: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return self.__text == other.__text

    def __hash__(self) -> int:
        return hash((Secret, self.__text))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret cannot be pickled")

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _validate_secret,
            json_schema_input_schema=core_schema.str_schema(min_length=1),
            serialization=core_schema.plain_serializer_function_ser_schema(str, when_used="json"),
        )


def _validate_secret(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise ValueError("must be text: put it in quotes")  # noqa: TRY004 - pydantic's contract
    if not value:
        raise ValueError("must not be empty")
    return Secret(value)


def list_secrets(value: object) -> Iterator[str]:
    """The texts of all secrets below a setting."""
    for _, secret in find_secrets(value):
        yield secret.reveal()


def find_secrets(value: object, keys: YamlPath = ()) -> Iterator[tuple[YamlPath, Secret]]:
    """All secrets below a setting, each with the keys and indexes that lead to it in a file."""
    match value:
        case Secret():
            yield keys, value
        case BaseModel():
            for name, field in type(value).model_fields.items():
                yield from find_secrets(getattr(value, name), (*keys, field.alias or name))
        case Mapping():
            for name, child in value.items():
                yield from find_secrets(child, (*keys, name))
        case tuple():
            for index, child in enumerate(value):
                yield from find_secrets(child, (*keys, index))
