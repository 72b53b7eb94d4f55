"""Warnings about fallback words in titles that look like misspelt fields."""

from __future__ import annotations

import re
from collections.abc import Iterator

from collector.detect import title_template
from collector.detect.event_schema import EventSchema
from collector.detect.language import window_columns
from collector.detect.language.collector_block import COLLECTOR_KEY
from collector.detect.language.yaml_document import YamlDocument
from collector.errors import Problem
from collector.model import Rule
from collector.yaml_source.suggestions import find_nearest_name

_FIELD_PATTERN = re.compile(r"[A-Za-z]\w*_\w+")
"""What nobody writes as a word of a sentence: `user_nme`."""


def lint_title(document: YamlDocument, rule: Rule, *, schema: EventSchema) -> Iterator[Problem]:
    """A warning for each text after a last bar that looks like a field and is none."""
    for part in title_template.parse_rule_title(rule).parts:
        fallback = part.fallback if isinstance(part, title_template.TitleSlot) else None
        if fallback is None or not _FIELD_PATTERN.fullmatch(fallback):
            continue
        names = {*schema.column_types, *window_columns.list_window_columns(rule)}
        if nearest := find_nearest_name(fallback, sorted(names)):
            message = (
                f"{fallback!r} is no field here and is shown as it is written;"
                f" was {nearest!r} meant?"
            )
            yield document.build_problem((COLLECTOR_KEY, "title"), message)
