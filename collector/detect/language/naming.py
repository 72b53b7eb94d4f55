"""What the parts of a rule's block may name: fields of its events, or what its windows compute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from collector.detect.language import computed
from collector.detect.language.computed import with_groups
from collector.detect.language.scope import Scope, of_windows
from collector.detect.schema import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """The scopes of cases and steps, of the title and of the dedup key.

    `selections` is whether a case may name selections of the detection.
    """

    cases: Scope
    title: Scope
    key: Scope
    selections: bool


def of_events(scope: Scope) -> Naming:
    """For a rule that tells of single events."""
    return Naming(cases=scope, title=scope, key=scope, selections=True)


def of_correlation(groups: Sequence[str], schema: Schema) -> Naming:
    """For a correlation; its title may show fields of the event that it shows, too."""
    numbers = computed.OF_CORRELATION
    shown = {**schema.canonical, **numbers, **computed.MOMENTS}
    return Naming(
        cases=of_windows(with_groups(numbers, groups)),
        title=of_windows(with_groups(shown, groups)),
        key=of_windows(with_groups({}, groups)),
        selections=False,
    )


def of_baseline(groups: Sequence[str]) -> Naming:
    """For a baseline."""
    numbers = computed.OF_BASELINE
    return Naming(
        cases=of_windows(with_groups(numbers, groups)),
        title=of_windows(with_groups({**numbers, **computed.MOMENTS}, groups)),
        key=of_windows(with_groups({}, groups)),
        selections=False,
    )
