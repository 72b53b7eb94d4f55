"""Loads the rules of a configuration, or those of files that somebody names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from collector import normalize
from collector.detect import EventSchema, RuleSet, lists, load_rule_set
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


def load_rules(settings: RulesSettings) -> RuleSet:
    """The shipped rules and the user's, with the lists of both and of the configuration.

    Raises RulesError with every problem of every list, or else of every rule.
    """
    paths = [find_shipped_folder("rules"), *settings.paths]
    entries_by_list = {
        name: source.file if isinstance(source, ListFileSettings) else source
        for name, source in settings.lists.items()
    }
    value_lists = lists.load_lists(paths, entries_by_list)
    for warning in value_lists.warnings:
        log.warning("list_entry_doubtful", problem=str(warning))
    return load_rule_set(paths, schema=EVENT_SCHEMA, disable=settings.disable, lists=value_lists)


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
