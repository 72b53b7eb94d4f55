"""One document as the configuration wants it, and what is wrong with how that is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from collector.detect.event_schema import EventSchema
from collector.detect.language.collector_block import COLLECTOR_KEY
from collector.detect.language.document_library import read_name
from collector.detect.language.placeholders import insert_values
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.lists import ValueLists
from collector.detect.tuning.adjustment import RuleAdjustment, TuningChange
from collector.detect.tuning.document_changes import (
    THRESHOLD,
    ChangedDocument,
    build_change,
    change_document,
)
from collector.detect.tuning.entries import TuningEntry
from collector.detect.tuning.member_conditions import (
    MemberConditions,
    find_condition_problems,
    list_condition_keys,
)
from collector.detect.tuning.set_parameters import ParametricDocument, set_parameters
from collector.detect.tuning.trial import build_event_scope, find_document_problems
from collector.errors import Problem
from collector.yaml_source.suggestions import suggest_name

PositionedEntry = tuple[int, TuningEntry]
"""An entry with its position among all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusedKey:
    """A key of an entry that changes nothing in one of its rules, and why."""

    entry: TuningEntry
    key: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedDocument:
    """A document, what is different in it, what is wrong, and which keys changed nothing.

    `member_conditions` are about what it looks at, if it is a correlation.
    """

    document: YamlDocument
    adjustment: RuleAdjustment
    problems: tuple[Problem, ...] = ()
    unused_keys: tuple[UnusedKey, ...] = ()
    member_conditions: tuple[MemberConditions, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _AppliedEntry:
    document: YamlDocument
    changes: tuple[TuningChange, ...] = ()
    problems: tuple[Problem, ...] = ()
    unused_keys: tuple[UnusedKey, ...] = ()
    member_conditions: tuple[MemberConditions, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentTuner:
    """Tunes documents of one event table and its value lists."""

    schema: EventSchema
    lists: ValueLists

    def tune_document(
        self, document: YamlDocument, entries: Sequence[PositionedEntry]
    ) -> TunedDocument:
        """The document with the values of its parameters and what these entries say.

        An entry that would make something wrong of the document is left out of it. A document in
        which something is wrong without tuning is not tuned.
        """
        parametric = self._set_parameters(document, [entry for _, entry in entries])
        if not entries or find_document_problems(parametric.document, self.schema, self.lists):
            return TunedDocument(
                document=parametric.document,
                adjustment=_build_adjustment(document, parametric, (), ()),
                problems=parametric.problems,
            )
        changed = parametric.document
        applied: list[_AppliedEntry] = []
        for each in entries:
            applied.append(self._apply_entry(changed, each, parametric))
            changed = applied[-1].document
        changes = [change for each in applied for change in each.changes]
        return TunedDocument(
            document=changed,
            adjustment=_build_adjustment(document, parametric, changes, entries),
            problems=(
                *parametric.problems,
                *(found for each in applied for found in each.problems),
            ),
            unused_keys=tuple(key for each in applied for key in each.unused_keys),
            member_conditions=tuple(one for each in applied for one in each.member_conditions),
        )

    def _apply_entry(
        self, document: YamlDocument, positioned: PositionedEntry, parametric: ParametricDocument
    ) -> _AppliedEntry:
        """The document with an entry, or without one that would make something wrong of it."""
        position, entry = positioned
        result = self._change_document(document, entry, position, parametric)
        found = [
            *self._find_new_problems(result.document, entry),
            *find_condition_problems(document, entry, position, self.schema, self.lists),
        ]
        unknown = _find_unknown_parameters(document, entry, parametric)
        if found:
            return _AppliedEntry(document=document, problems=(*found, *unknown))
        return _AppliedEntry(
            document=result.document,
            changes=result.changes,
            problems=tuple(unknown),
            unused_keys=tuple(_list_unused_keys(document, entry, parametric, result)),
            member_conditions=tuple(
                MemberConditions(
                    correlation=read_name(document), entry=entry, key=key, position=position
                )
                for key in list_condition_keys(document, entry)
            ),
        )

    def _set_parameters(
        self, document: YamlDocument, entries: Sequence[TuningEntry]
    ) -> ParametricDocument:
        """The document with its parameters, whose defaults stay where other values are wrong."""
        parametric = set_parameters(document, entries)
        if not parametric.changes:
            return parametric
        problems = find_document_problems(parametric.document, self.schema, self.lists)
        with_defaults = set_parameters(document, ())
        if not problems or find_document_problems(with_defaults.document, self.schema, self.lists):
            return parametric
        change = next(iter(parametric.changes.values()))
        found = [
            problem if problem.path == change.place.path else _move_problem(problem, change)
            for problem in problems
        ]
        return replace(with_defaults, problems=(*parametric.problems, *found))

    def _change_document(
        self,
        document: YamlDocument,
        entry: TuningEntry,
        position: int,
        parametric: ParametricDocument,
    ) -> ChangedDocument:
        """What `change_document` says, but for a threshold that is a parameter."""
        if any(parameter.name == THRESHOLD for parameter in parametric.parameters):
            settings = entry.settings.model_copy(update={THRESHOLD: None})
            entry = replace(entry, settings=settings)
        scope = build_event_scope(document, self.schema, self.lists)
        result = change_document(document, entry, position, scope)
        values = {parameter.name: parameter.value for parameter in parametric.parameters}
        changed = replace(result.document, data=insert_values(result.document.data, values).data)
        return replace(result, document=changed)

    def _find_new_problems(self, changed: YamlDocument, entry: TuningEntry) -> Iterator[Problem]:
        name = read_name(changed)
        problems = find_document_problems(changed, self.schema, self.lists)
        own = [problem for problem in problems if problem.path == entry.source.path]
        for problem in own:
            yield replace(problem, message=f"for {name!r}: {problem.message}")
        for problem in () if own else problems:
            yield entry.build_problem((), f"{name!r} does not go with this: {problem}")


def _move_problem(problem: Problem, change: TuningChange) -> Problem:
    """A problem that a changed parameter has caused, at the place of the change."""
    position = change.place.position
    return Problem(
        path=change.place.path,
        line=position.line,
        column=position.column,
        message=f"the rule does not go with this: {problem}",
    )


def _find_unknown_parameters(
    document: YamlDocument, entry: TuningEntry, parametric: ParametricDocument
) -> Iterator[Problem]:
    """Parameters that the one rule of an entry does not declare."""
    declared = [parameter.name for parameter in parametric.parameters]
    for name in () if entry.is_glob else entry.settings.parameters:
        if name not in declared:
            hint = suggest_name(name, declared) if declared else ""
            message = f"{read_name(document)!r} declares no parameter {name!r}{hint}"
            yield entry.build_problem(("parameters", name), message)


def _list_unused_keys(
    document: YamlDocument,
    entry: TuningEntry,
    parametric: ParametricDocument,
    result: ChangedDocument,
) -> Iterator[UnusedKey]:
    name = read_name(document)
    for key, reason in result.unused_keys.items():
        yield UnusedKey(entry=entry, key=key, rule=name, reason=reason)
    declared = {parameter.name for parameter in parametric.parameters}
    for parameter in entry.settings.parameters if entry.is_glob else ():
        if parameter not in declared:
            reason = f"no parameter {parameter!r} is declared"
            yield UnusedKey(entry=entry, key=f"parameters.{parameter}", rule=name, reason=reason)


def _build_adjustment(
    document: YamlDocument,
    parametric: ParametricDocument,
    changes: Sequence[TuningChange],
    entries: Sequence[PositionedEntry],
) -> RuleAdjustment:
    switches = [
        build_change(entry, "enabled", entry.settings.enabled)
        for _, entry in entries
        if entry.settings.enabled is not None
    ]
    return RuleAdjustment(
        off_reason=_explain_off(document, switches),
        changes=(*switches, *parametric.changes.values(), *changes),
        parameters=parametric.parameters,
    )


def _explain_off(document: YamlDocument, switches: Sequence[TuningChange]) -> str:
    """Why a rule is off; empty where it is on. The last who says something decides."""
    if switches:
        return "" if switches[-1].value else f"off by {switches[-1]}"
    block = document.data.get(COLLECTOR_KEY)
    is_off = isinstance(block, dict) and block.get("enabled") is False
    return "off in its file: collector: {enabled: false}" if is_off else ""
