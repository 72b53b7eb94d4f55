"""`exclude` and `only` of a correlation: they are about what it looks at, for it alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from sigma.rule import SigmaDetections

from collector.detect.event_schema import EventSchema
from collector.detect.language.correlation_block import CORRELATION_KEY
from collector.detect.language.detection_checks import find_detection_problems
from collector.detect.language.field_scope import FieldScope
from collector.detect.language.rule_drafts import RuleDraft
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.lists import ValueLists
from collector.detect.tuning.entries import TuningEntry
from collector.detect.tuning.event_conditions import add_conditions, name_selection
from collector.errors import Problem
from collector.model.rules import COPY_MARK

CONDITION_KEYS = ("only", "exclude")
"""The keys of an entry that are about events, in the order in which they are added."""

_TRIAL = {"any": {"event_uid|exists": True}, "condition": "any"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberConditions:
    """What one key of an entry asks of the events that a correlation looks at.

    Attributes:
        correlation: the name of the correlation.
        key: `exclude` or `only`.
        position: of the entry among all.
        missing: by rule that goes without some of it, the reason; filled while rules are narrowed.
    """

    correlation: str
    entry: TuningEntry
    key: str
    position: int
    missing: dict[str, str] = field(default_factory=dict)

    def filter_rule(self, draft: RuleDraft) -> RuleDraft | None:
        """The rule with the condition added; None where it has that already, or none of its fields.

        The entry may be a glob, for the rule as for the correlation.
        """
        document = draft.filtered_document
        if name_selection(self.position, self.key) in document.data["detection"]:
            return None
        added = add_conditions(document, self.entry, self.key, self.position, draft.scope)
        if added.missing:
            self.missing[draft.name.partition(COPY_MARK)[0]] = added.missing
        if not added.is_applied:
            return None
        detections = SigmaDetections.from_dict(added.document.data["detection"])
        return replace(draft, filtered_document=added.document, detections=detections)

    def list_warnings(self) -> Iterator[Problem]:
        """A sentence for each rule that goes without some of it; a glob says so of the rules."""
        for name, reason in () if self.entry.is_glob else self.missing.items():
            message = f"{self.key!r} of {self.correlation!r} leaves {name!r} alone: {reason}"
            yield self.entry.build_problem((self.key,), message)


def list_condition_keys(document: YamlDocument, entry: TuningEntry) -> list[str]:
    """The keys by which an entry narrows what a correlation looks at; none for other documents."""
    if CORRELATION_KEY not in document.data:
        return []
    return [key for key in CONDITION_KEYS if getattr(entry.settings, key) is not None]


def find_condition_problems(
    document: YamlDocument,
    entry: TuningEntry,
    position: int,
    schema: EventSchema,
    lists: ValueLists,
) -> Iterator[Problem]:
    """What is wrong with the values of these conditions, whatever the events."""
    scope = FieldScope(schema=schema, event_types=(), lists=lists)
    trial = replace(document, data={**document.data, "detection": _TRIAL})
    for key in list_condition_keys(document, entry):
        added = add_conditions(trial, entry, key, position, scope)
        yield from find_detection_problems(added.document, scope)
