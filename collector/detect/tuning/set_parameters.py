"""The values of a rule's parameters: their defaults, or what the configuration says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from collector.detect.language.parameters import (
    ParameterBlock,
    find_value_problem,
    read_parameters,
)
from collector.detect.language.placeholders import insert_values
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.tuning.adjustment import SetParameter, TuningChange
from collector.detect.tuning.document_changes import THRESHOLD, build_change
from collector.detect.tuning.entries import TuningEntry
from collector.errors import Problem
from collector.settings.tune_settings import ParameterValue


@dataclass(frozen=True, slots=True, kw_only=True)
class ParametricDocument:
    """A document with values in the place of its parameters.

    Attributes:
        document: with these values.
        parameters: every parameter that it declares.
        changes: by name, what the configuration says of them.
        problems: values that a parameter cannot have; it keeps the one before.
    """

    document: YamlDocument
    parameters: tuple[SetParameter, ...] = ()
    changes: Mapping[str, TuningChange]
    problems: tuple[Problem, ...] = ()


def set_parameters(document: YamlDocument, entries: Sequence[TuningEntry]) -> ParametricDocument:
    """The document with the values that its parameters have after these entries, in their order."""
    declared = read_parameters(document.data)
    changes: dict[str, TuningChange] = {}
    values = {name: parameter.default for name, parameter in declared.items()}
    problems: list[Problem] = []
    for entry in entries if declared else ():
        for key, name, value in _list_values(entry, declared):
            if message := find_value_problem(declared[name], value):
                problems.append(entry.build_problem(key.split("."), f"{name!r} {message}"))
                continue
            values[name] = value
            changes[name] = build_change(entry, key, value, parameter=name)
    return ParametricDocument(
        document=_insert_values(document, values, changes),
        parameters=tuple(_describe_parameters(declared, values)),
        changes=changes,
        problems=tuple(problems),
    )


def _list_values(
    entry: TuningEntry, declared: Mapping[str, ParameterBlock]
) -> Iterator[tuple[str, str, ParameterValue]]:
    """By key of the entry, the parameters that it sets and their values."""
    if entry.settings.threshold is not None and THRESHOLD in declared:
        yield THRESHOLD, THRESHOLD, entry.settings.threshold
    for name, value in entry.settings.parameters.items():
        if name in declared:
            yield f"parameters.{name}", name, value


def _insert_values(
    document: YamlDocument,
    values: Mapping[str, ParameterValue],
    changes: Mapping[str, TuningChange],
) -> YamlDocument:
    if not values:
        return document
    placed = insert_values(document.data, values)
    foreign = {place: changes[name].place for place, name in placed.places if name in changes}
    return replace(
        document, data=placed.data, foreign_places={**document.foreign_places, **foreign}
    )


def _describe_parameters(
    declared: Mapping[str, ParameterBlock], values: Mapping[str, ParameterValue]
) -> Iterator[SetParameter]:
    for name, parameter in declared.items():
        yield SetParameter(
            name=name,
            value=values[name],
            default=parameter.default,
            unit=parameter.unit,
            description=parameter.description,
        )
