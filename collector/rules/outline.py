"""What of the rules tells whether they can fire, kept so that nobody has to compile them for it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic import TypeAdapter, ValidationError

from collector import __version__
from collector.rules.file_stamps import FileStamps
from collector.settings import RulesSettings
from collector.stable_ids import hash_json


class OutlinedRule(Protocol):
    """What a rule looks at. `correlated_rules` are other rules, by name; empty means events.

    Attributes:
        event_types: of which types; none means every type.
        required_rules: those of the other rules that have to fire, where all do.
        needed_correlated: so many of these have to fire for it to do.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - said above
    @property
    def event_types(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def correlated_rules(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def required_rules(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def needed_correlated(self) -> int: ...  # noqa: D102


class OutlinedRules(Protocol):
    """Rules in their order, and by their names: a `RuleSet` or its outline."""

    @property
    def rules(self) -> Sequence[OutlinedRule]: ...  # noqa: D102 - said above
    @property
    def by_name(self) -> Mapping[str, OutlinedRule]: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOutline:
    """What a rule looks at, as `OutlinedRule` says."""

    name: str
    event_types: tuple[str, ...]
    correlated_rules: tuple[str, ...]
    required_rules: tuple[str, ...]
    needed_correlated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSetOutline:
    """What the rules of sound files look at; `problems` say what is wrong with other files."""

    rules: tuple[RuleOutline, ...] = ()
    problems: tuple[str, ...] = ()
    by_name: Mapping[str, RuleOutline] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {rule.name: rule for rule in self.rules})


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeptOutline:
    """What is in the file: an outline, and the hash of all that it depends on."""

    fingerprint: str
    rules: tuple[RuleOutline, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOutlineFile:
    """A file with the outline of the rules of a configuration; it may be deleted at any time.

    It counts as long as the settings, the files of rules and lists, and the program's version are
    the same.
    """

    path: Path
    settings: RulesSettings

    def load_outline(self, stamps: FileStamps) -> RuleSetOutline | None:
        """The outline of files that look like this; None where there is none."""
        try:
            kept = TypeAdapter(_KeptOutline).validate_json(self.path.read_bytes())
        except (OSError, ValidationError):
            return None
        if kept.fingerprint != self._compute_fingerprint(stamps):
            return None
        return RuleSetOutline(rules=kept.rules, problems=kept.problems)

    def save_outline(self, stamps: FileStamps, outline: RuleSetOutline) -> None:
        """Keep the outline of files that looked like this before they were read.

        A disk that refuses it is no fault: who wants to know compiles the rules.
        """
        kept = _KeptOutline(
            fingerprint=self._compute_fingerprint(stamps),
            rules=outline.rules,
            problems=outline.problems,
        )
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        with suppress(OSError):
            try:
                temporary.touch(mode=0o600)
                temporary.write_bytes(TypeAdapter(_KeptOutline).dump_json(kept))
                temporary.replace(self.path)
            finally:
                temporary.unlink(missing_ok=True)

    def _compute_fingerprint(self, stamps: FileStamps) -> str:
        settings = self.settings.model_dump(mode="json")
        return hash_json([__version__, settings, sorted(stamps)])


def outline_rules(rules: OutlinedRules, problems: Sequence[str] = ()) -> RuleSetOutline:
    """The outline of rules that are compiled, and what is wrong with other files."""
    outlines = tuple(
        RuleOutline(
            name=rule.name,
            event_types=rule.event_types,
            correlated_rules=rule.correlated_rules,
            required_rules=rule.required_rules,
            needed_correlated=rule.needed_correlated,
        )
        for rule in rules.rules
    )
    return RuleSetOutline(rules=outlines, problems=tuple(problems))
