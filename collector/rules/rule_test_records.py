"""The records of a rule's test, as Salesforce would serve them: written out, copied, dated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.collection.local_files import read_event_type
from collector.model import Event, EventFamily, RecordTemplate, Rule, RuleTest
from collector.model.rule_tests import COPY_NUMBER
from collector.normalize import event_schema
from collector.normalize.column_mappings import resolve_mapping

SAMPLE_USER_ID = "005000000000001AAA"
SAMPLE_USER_NAME = "ada@acme.com"
SAMPLE_ADDRESS = "203.0.113.7"

_SAMPLE_VALUES: Mapping[str, str] = {
    **dict.fromkeys(("USER_ID", "USER_ID_DERIVED", "UserId", "CreatedById"), SAMPLE_USER_ID),
    **dict.fromkeys(("USER_NAME", "Username", "CreatedBy.Username"), SAMPLE_USER_NAME),
    **dict.fromkeys(("SOURCE_IP", "CLIENT_IP", "SourceIp"), SAMPLE_ADDRESS),
    **dict.fromkeys(("SESSION_KEY", "SessionKey"), "sample-session"),
    "LOGIN_STATUS": "LOGIN_NO_ERROR",
}
"""By native column, what the samples of types that have it say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedRecord:
    """A record of a log, and its event type."""

    event_type: str
    values: Event


def build_records(rule: Rule, test: RuleTest) -> Iterator[TypedRecord]:
    """Every record of a test, in the order in which they are written."""
    number = 0
    for template in test.records:
        event_type = _choose_event_type(rule, test, template)
        for copy in range(template.copies or 1):
            number += 1
            time = test.start + (template.offset or timedelta()) + copy * template.every
            values = (
                _number_values(template.values, copy + 1) if template.copies else template.values
            )
            yield TypedRecord(
                event_type=event_type,
                values={
                    **_build_sample(event_type, template, number),
                    **_build_time(event_type, template, time),
                    **values,
                },
            )


def _choose_event_type(rule: Rule, test: RuleTest, template: RecordTemplate) -> str:
    stated = read_event_type(template.values) or template.sample_type or test.event_type
    if stated:
        return stated
    return rule.event_types[0] if rule.event_types else "Unknown"


def _number_values(values: Any, number: int) -> Any:
    """The same values with the number of the copy in their texts."""
    if isinstance(values, str):
        return values.replace(COPY_NUMBER, str(number))
    if isinstance(values, Mapping):
        return {key: _number_values(value, number) for key, value in values.items()}
    if isinstance(values, list):
        return [_number_values(value, number) for value in values]
    return values


# ---- what a record has that nobody wrote


def _build_sample(event_type: str, template: RecordTemplate, number: int) -> dict[str, Any]:
    """The usual values of a record of a type: its name, an id of its own, and who, from where."""
    if template.sample_type is None:
        return {}
    family = event_schema.find_family(event_type)
    natives = event_schema.list_native_columns(event_type)
    sample = {
        name: value
        for name, value in _SAMPLE_VALUES.items()
        # `CreatedBy: {Username: …}` says what `CreatedBy.Username` does.
        if name in natives and name.partition(".")[0] not in template.values
    }
    if family not in {EventFamily.STORED, EventFamily.OBJECT}:
        return {"EVENT_TYPE": event_type, **sample}
    sample = {name: value for name, value in sample.items() if not name.isupper()}
    identity = "EventIdentifier" if family is EventFamily.STORED else "Id"
    return {"attributes": {"type": event_type}, identity: f"test-{number}", **sample}


def _build_time(event_type: str, template: RecordTemplate, time: datetime) -> dict[str, str]:
    """The time of a record, in the column in which its type has it; none where it says its own."""
    names = [each.native_column for each in resolve_mapping(event_type)["time"]]
    has_own = template.offset is None and any(name in template.values for name in names)
    is_dated = template.offset is not None or template.copies or template.sample_type
    if has_own or not is_dated:
        return {}
    return {_find_time_column(event_type, template, names): _render_time(time)}


def _find_time_column(event_type: str, template: RecordTemplate, names: list[str]) -> str:
    """The first that the type has; of a log file its own, whatever stored events are called."""
    if "EVENT_TYPE" in template.values or event_schema.find_family(event_type) in {
        None,
        EventFamily.LOG_FILE,
    }:
        return "TIMESTAMP_DERIVED"
    natives = event_schema.list_native_columns(event_type)
    return next((name for name in names if name in natives), names[0])


def _render_time(time: datetime) -> str:
    text = time.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
