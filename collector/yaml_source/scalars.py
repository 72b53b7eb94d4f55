"""What a scalar of YAML means: in a configuration, and in a Sigma file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

import yaml

YamlScalar: TypeAlias = str | int | float | bool | None

ScalarParser: TypeAlias = Callable[[str, yaml.ScalarEvent], YamlScalar]
"""From the text of a scalar, and the event that tells its quotes and tag, to its value.

Raises ValueError for a text that has no value.
"""


def keep_text(text: str, _event: yaml.ScalarEvent) -> str:
    """The text as it is: keys are text whatever they look like."""
    return text


# ---- as in JSON

_JSON_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER_PATTERN = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_FLOAT_PATTERN = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?([eE][-+]?[0-9]{1,2})?")


def parse_json_scalar(text: str, event: yaml.ScalarEvent) -> YamlScalar:
    """What JSON would have written without quotes; everything else is text."""
    is_plain, _ = event.implicit
    if not is_plain:
        return text
    if text in _JSON_WORDS:
        return _JSON_WORDS[text]
    if _INTEGER_PATTERN.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT_PATTERN.fullmatch(text) else text


# ---- as in YAML 1.1

_MAX_NUMBER_LENGTH = 4_000
_LOADER = yaml.SafeLoader("")  # the regular expressions of YAML 1.1, and what they mean
_resolve_tag: Callable[[type[yaml.Node], str, tuple[bool, bool]], str] = _LOADER.resolve
_TAG_PREFIX = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset({f"{_TAG_PREFIX}str", f"{_TAG_PREFIX}timestamp"})
_VALUE_TAGS = frozenset(f"{_TAG_PREFIX}{name}" for name in ("int", "float", "bool", "null"))
CORE_SCALAR_TAGS = frozenset({"!", *_TEXT_TAGS, *_VALUE_TAGS})


def parse_core_scalar(text: str, event: yaml.ScalarEvent) -> YamlScalar:
    """What YAML 1.1 says, as Sigma's tools read it; but dates are text as written."""
    tag = event.tag
    if tag is None or tag == "!":
        tag = _resolve_tag(yaml.ScalarNode, text, event.implicit)
    if tag in _TEXT_TAGS:
        return text
    if tag not in _VALUE_TAGS or len(text) > _MAX_NUMBER_LENGTH:
        raise ValueError("a value that YAML cannot build")
    try:
        value: YamlScalar = _LOADER.yaml_constructors[tag](_LOADER, yaml.ScalarNode(tag, text))
    except (ValueError, LookupError):
        raise ValueError("a value that YAML cannot build") from None
    return value
