"""The tests of a valid `collector:` block, with what their records are like filled in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from collector.detect.language.collector_block import COLLECTOR_KEY, CollectorBlock
from collector.detect.language.directory_samples import build_directory
from collector.detect.language.rule_test_block import (
    EVERY_RECORD,
    LIKE_KEY,
    AlertExpectationBlock,
    RecordBlock,
    split_record,
)
from collector.detect.language.yaml_document import YamlDocument
from collector.model import AlertExpectation, RecordTemplate, RuleTest
from collector.model.rule_tests import DEFAULT_COPY_DISTANCE

Records = Mapping[str, Mapping[str, Any]]
"""Records by name, for others to be like them."""


def build_rule_tests(document: YamlDocument, block: CollectorBlock) -> Iterator[RuleTest]:
    """The tests of a rule."""
    for position, example in enumerate(block.tests):
        alerts = example.expect.alerts
        yield RuleTest(
            name=example.name,
            records=tuple(_build_record(each, block.defaults) for each in example.events),
            alert_count=alerts if isinstance(alerts, int) else len(alerts),
            expected=_build_expected_alert(example.expect),
            expected_alerts=()
            if isinstance(alerts, int)
            else tuple(map(_build_expected_alert, alerts)),
            event_type=example.event_type,
            start=example.start,
            lists={name: tuple(entries) for name, entries in example.lists.items()},
            directory=tuple(build_directory(example)),
            line=document.find_line((COLLECTOR_KEY, "tests", position)),
        )


def _build_expected_alert(block: AlertExpectationBlock) -> AlertExpectation:
    dedup_key = None if block.dedup is None else tuple(block.dedup)
    return AlertExpectation(severity=block.severity, title=block.title, dedup_key=dedup_key)


def _build_record(record: Mapping[str, Any], defaults: Records) -> RecordTemplate:
    own_keys, _ = split_record(record)
    block = RecordBlock.model_validate(own_keys)
    values, sample_type = merge_defaults(record, defaults)
    return RecordTemplate(
        values=values,
        sample_type=sample_type,
        offset=block.at,
        copies=block.repeat.count if block.repeat else None,
        every=block.repeat.every if block.repeat else DEFAULT_COPY_DISTANCE,
    )


def merge_defaults(
    record: Mapping[str, Any], defaults: Records, *, seen: tuple[str, ...] = ()
) -> tuple[dict[str, Any], str | None]:
    """The columns of a record and of what it is like, and the event type that this ends with.

    A record that names nothing is like `every`, if there is such a default.

    Raises ValueError where records are like each other in a circle.
    """
    _, values = split_record(record)
    fallback = None if seen else EVERY_RECORD if EVERY_RECORD in defaults else None
    name = record.get(LIKE_KEY, fallback)
    if name is None:
        return values, None
    if name not in defaults:
        return values, str(name)
    if name in seen:
        raise ValueError(f"is like itself: {' → '.join([*seen, name])}")
    inherited, sample_type = merge_defaults(defaults[name], defaults, seen=(*seen, name))
    return {**inherited, **values}, sample_type
