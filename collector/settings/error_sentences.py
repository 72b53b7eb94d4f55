"""What pydantic finds wrong with a value, in our words: `must be …`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_NUMBER = "must be a number"
_LIST = "must be a list, such as [one, two]"
_KEYS = "must hold keys"

_SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("bool_parsing", "bool_type"), "must be true or false"),
        **dict.fromkeys(
            ("model_type", "model_attributes_type", "dict_type", "mapping_type"), _KEYS
        ),
        **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number"),
        **dict.fromkeys(("float_type", "float_parsing"), _NUMBER),
        **dict.fromkeys(("tuple_type", "list_type"), _LIST),
        **dict.fromkeys(("too_short", "string_too_short"), "must hold one item or more"),
        "finite_number": "must be a finite number",
        "int_parsing_size": "must be a smaller number",
        "greater_than": "must be greater than {gt}",
        "greater_than_equal": "must be at least {ge}",
        "less_than": "must be less than {lt}",
        "less_than_equal": "must be at most {le}",
        "literal_error": "must be {expected}",
        "path_type": "must be a path",
        "string_type": "must be text",
        "value_error": "{error}",
    }
)


def build_error_sentence(kind: str, context: Mapping[str, Any]) -> str:
    """What a value must be, for the type of an error of pydantic's and what that says besides.

    Of errors that our own checks raise, their own words.
    """
    numbers = {name: f"{each:g}" for name, each in context.items() if isinstance(each, float)}
    sentence = _SENTENCES.get(kind, "must be another kind of value")
    return sentence.format(**{**context, **numbers})
