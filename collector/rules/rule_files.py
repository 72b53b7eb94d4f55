"""Loads the rules of a configuration, or those of files that somebody names."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from collector import normalize
from collector.detect import EventSchema, RuleSet, lists, load_rule_set
from collector.errors import Problem, RulesError
from collector.logs import log
from collector.model.event_columns import CANONICAL_COLUMNS
from collector.settings import ListFileSettings, RulesSettings
from collector.settings.shipped_files import find_shipped_folder

EVENT_SCHEMA = EventSchema(
    column_types=CANONICAL_COLUMNS,
    resolve_column=normalize.find_physical_column,
    list_fields=normalize.list_fields,
    list_event_types=normalize.list_event_types,
)
"""The event table, as rules see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundRules:
    """The rules of files in which nothing is wrong, and what is wrong with the others."""

    rules: RuleSet
    problems: tuple[Problem, ...]


def load_sound_rules(settings: RulesSettings) -> SoundRules:
    """`load_rules` without the files that have a problem, and without those that need them.

    Raises RulesError with every problem where no user's file could be left out to help.
    """
    problems: list[Problem] = []
    while True:
        refused_files = frozenset(problem.path for problem in problems)
        try:
            rules = load_rules(settings, left_out=refused_files)
        except RulesError as error:
            if refused_files.issuperset(problem.path for problem in error.problems):
                raise RulesError([*problems, *error.problems]) from None
            problems += error.problems
        else:
            return SoundRules(rules=rules, problems=tuple(problems))


def load_rules(settings: RulesSettings, *, left_out: AbstractSet[Path] = frozenset()) -> RuleSet:
    """The shipped rules and the user's, with the lists of both and of the configuration.

    Files that are `left_out` are not read.

    Raises RulesError with every problem of every list, or else of every rule.
    """
    paths = [find_shipped_folder("rules"), *settings.paths]
    entries_by_list = {
        name: source.file if isinstance(source, ListFileSettings) else source
        for name, source in settings.lists.items()
    }
    value_lists = lists.load_lists(paths, entries_by_list, left_out=left_out)
    for warning in value_lists.warnings:
        log.warning("list_entry_doubtful", problem=str(warning))
    return load_rule_set(
        paths,
        schema=EVENT_SCHEMA,
        disable=settings.disable,
        lists=value_lists,
        left_out=left_out,
    )


def load_rule_files(paths: Sequence[Path]) -> RuleSet:
    """The rules of these files and folders, or else the shipped ones, with the shipped lists too.

    Raises RulesError with all that is wrong.
    """
    shipped = find_shipped_folder("rules")
    value_lists = lists.load_lists([shipped, *paths])
    return load_rule_set(list(paths) or [shipped], schema=EVENT_SCHEMA, lists=value_lists)


def choose_rules(paths: Sequence[Path], settings: RulesSettings) -> RuleSet:
    """The rules of these files and folders, or those of the configuration where there are none."""
    return load_rule_files(paths) if paths else load_rules(settings)


def list_rule_paths(settings: RulesSettings) -> list[Path]:
    """The files and folders that rules and value lists are read from."""
    files = [
        source.file for source in settings.lists.values() if isinstance(source, ListFileSettings)
    ]
    return [find_shipped_folder("rules"), *settings.paths, *files]
