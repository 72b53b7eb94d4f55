"""What the kinds of files allow of YAML, and the messages for what they refuse."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import yaml

from collector.yaml_source.scalars import (
    CORE_SCALAR_TAGS,
    ScalarParser,
    keep_text,
    parse_core_scalar,
    parse_json_scalar,
)

YamlLoader: TypeAlias = type[yaml.SafeLoader] | type[yaml.CSafeLoader]
"""What makes events of a text: PyYAML's own parser, or libyaml."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlDialect:
    """How one kind of file is read.

    Attributes:
        parse_key: the value of a key; it must be text.
        parse_value: the value of any other scalar.
        max_nodes: how many keys and values a file may have.
        loader: what makes events of its texts.
        allowed_tags: the tags that a scalar, list or mapping may have.
        syntax_message: for what is no YAML; `{}` stands for what is wrong.
        alias_message: for `*name`.
        anchor_message: for `&name`; None where it may stand.
        tag_message: for any other tag; `{tag}` stands for it.
        duplicate_message: for a key that stands in a mapping twice; `{key}` stands for it,
            `{name}` for the part of it that may be repeated, `{line}` for the line of the first.
        character_message: for a text that no event and no setting can hold.
    """

    parse_key: ScalarParser
    parse_value: ScalarParser
    max_nodes: int
    syntax_message: str
    alias_message: str
    anchor_message: str | None
    tag_message: str
    duplicate_message: str
    character_message: str
    loader: YamlLoader = yaml.SafeLoader
    allowed_tags: Mapping[type[yaml.Event], AbstractSet[str]] = field(default_factory=dict)


CONFIGURATION = YamlDialect(
    parse_key=keep_text,
    parse_value=parse_json_scalar,
    max_nodes=50_000,
    syntax_message="{}",
    alias_message="an alias (*name) is not allowed: write the value out",
    anchor_message="an anchor (&name) is not allowed: write the value out twice",
    tag_message="a tag (!name) is not allowed: quote a text that begins with '!'",
    duplicate_message="key {name} already stands on line {line}",
    character_message="holds a character that is no text: NUL or half a surrogate pair",
)

SIGMA = YamlDialect(
    parse_key=parse_core_scalar,
    parse_value=parse_core_scalar,
    max_nodes=300_000,  # a list of 50,000 entries, each with keys of its own
    syntax_message="not YAML: {}",
    alias_message="aliases (*name) are not served; repeat the value",
    anchor_message=None,
    tag_message="unknown tag {tag}",
    duplicate_message="{key!r} stands here twice",
    character_message="no event holds NUL characters or half surrogate pairs",
    allowed_tags={
        yaml.ScalarEvent: CORE_SCALAR_TAGS,
        yaml.SequenceStartEvent: frozenset({"!", "tag:yaml.org,2002:seq"}),
        yaml.MappingStartEvent: frozenset({"!", "tag:yaml.org,2002:map"}),
    },
)

SHIPPED_SIGMA = replace(SIGMA, loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
"""What comes with the program is read by libyaml, where that is there: it takes a tenth of the
time, and of these texts it makes the same (tests/rules/test_shipped_yaml.py)."""
