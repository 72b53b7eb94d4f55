"""Loads the rules of a configuration, or those of files that somebody names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from collector import normalize
from collector.detect import EventSchema, RuleSet, lists
from collector.detect.lists import ValueLists
from collector.detect.lists.configured_lists import build_list_document
from collector.detect.loader import load_named_rule_set, load_rule_set
from collector.detect.tuning.entries import list_entries
from collector.directory.display_names import NAMED_FIELDS
from collector.errors import Problem, RulesError
from collector.logs import log
from collector.model.event_columns import CANONICAL_COLUMNS
from collector.rules.event_fields import list_named_fields
from collector.rules.known_values import KNOWN_VALUES
from collector.settings import ListFileSettings, RulesSettings, TuneSettings
from collector.settings.shipped_files import find_shipped_folder


def _list_source_types(event_type: str) -> tuple[str, ...]:
    """The types that an event type is derived from; none where it is logged."""
    derived = normalize.DERIVED_EVENT_TYPES.get(event_type)
    return derived.source_types if derived else ()


EVENT_SCHEMA = EventSchema(
    column_types=CANONICAL_COLUMNS,
    resolve_column=normalize.find_physical_column,
    list_fields=list_named_fields,
    list_event_types=normalize.list_event_types,
    joined_types={name: sql_type for name, (_, _, sql_type) in NAMED_FIELDS.items()},
    list_source_types=_list_source_types,
    list_values=KNOWN_VALUES.get,
)
"""The event table, as rules see it where nothing is known of the orgs that fill it."""

ListSources: TypeAlias = Mapping[str, Sequence[str] | Path]
"""By the name of a value list, its values or the file that has them."""

NO_LIST_SOURCES: ListSources = MappingProxyType({})

_SHIPPED = RulesSettings()
"""The settings of a configuration that says nothing of rules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundRules:
    """The rules of files in which nothing is wrong, and what is wrong with the others."""

    rules: RuleSet
    problems: tuple[Problem, ...]


def load_sound_rules(settings: RulesSettings, *, schema: EventSchema = EVENT_SCHEMA) -> SoundRules:
    """`load_rules` without the files that have a problem, and without those that need them.

    Raises RulesError with every problem where no user's file could be left out to help.
    """
    problems: list[Problem] = []
    while True:
        refused_files = frozenset(problem.path for problem in problems)
        try:
            rules = load_rules(settings, schema=schema, left_out=refused_files)
        except RulesError as error:
            if refused_files.issuperset(problem.path for problem in error.problems):
                raise RulesError([*problems, *error.problems]) from None
            problems += error.problems
        else:
            # Where something else in the configuration was wrong, these were not told before.
            found = dict.fromkeys([*problems, *rules.tuning_problems])
            return SoundRules(rules=rules, problems=tuple(found))


def load_rules(
    settings: RulesSettings,
    *,
    schema: EventSchema = EVENT_SCHEMA,
    further_lists: ListSources = NO_LIST_SOURCES,
    left_out: AbstractSet[Path] = frozenset(),
) -> RuleSet:
    """The shipped rules and the user's, with the lists of both and of the configuration.

    `schema` is the event table of this configuration, which `build_event_schema` gives;
    `further_lists` are added to these; files that are `left_out` are not read.

    Raises RulesError with every problem of every list, or else of every rule.
    """
    paths = _list_paths(settings)
    value_lists = _load_lists(paths, settings, left_out=left_out, further_lists=further_lists)
    for warning in value_lists.warnings:
        log.warning("list_entry_doubtful", problem=str(warning))
    rules = load_rule_set(
        paths,
        schema=schema,
        disable=settings.disable,
        lists=value_lists,
        left_out=left_out,
        tuning=list_entries(settings.tune, settings.source.get_child("tune")),
    )
    for warning in rules.tuning_warnings:
        log.warning("tuning_doubtful", problem=str(warning))
    return rules


def load_rule_files(
    paths: Sequence[Path],
    settings: RulesSettings = _SHIPPED,
    *,
    schema: EventSchema = EVENT_SCHEMA,
    further_lists: ListSources = NO_LIST_SOURCES,
) -> RuleSet:
    """The rules of these files and folders; those of the settings where there are none.

    Shipped rules and those of the settings are borrowed where the files refer to them; the lists of
    both count, and so does tuning.

    `further_lists` are added to these.

    Raises RulesError with all that is wrong.
    """
    if not paths:
        return load_rules(settings, schema=schema, further_lists=further_lists)
    other_paths = _list_paths(settings)
    return load_named_rule_set(
        paths,
        other_paths=other_paths,
        schema=schema,
        disable=settings.disable,
        lists=_load_lists([*other_paths, *paths], settings, further_lists=further_lists),
        tuning=list_entries(settings.tune, settings.source.get_child("tune")),
    )


def load_written_rules(
    paths: Sequence[Path],
    settings: RulesSettings = _SHIPPED,
    *,
    schema: EventSchema = EVENT_SCHEMA,
    further_lists: ListSources = NO_LIST_SOURCES,
) -> RuleSet:
    """As `load_rule_files`, but every rule on and as its file has it: for the tests in there."""
    untuned = settings.model_copy(update={"tune": {"*": TuneSettings(enabled=True)}})
    return load_rule_files(paths, untuned, schema=schema, further_lists=further_lists)


def _list_paths(settings: RulesSettings) -> list[Path]:
    return [find_shipped_folder("rules"), *settings.paths]


def _load_lists(
    paths: Sequence[Path],
    settings: RulesSettings,
    *,
    left_out: AbstractSet[Path] = frozenset(),
    further_lists: ListSources = NO_LIST_SOURCES,
) -> ValueLists:
    configured = {
        name: source.file
        if isinstance(source, ListFileSettings)
        else build_list_document(name, source, settings.source.get_child("lists").get_child(name))
        for name, source in settings.lists.items()
    }
    return lists.load_lists(paths, configured, further_lists=further_lists, left_out=left_out)
