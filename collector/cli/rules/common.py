"""What the commands about rules share: which rules are meant, and words for what they look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from click.core import ParameterSource

from collector.cli.options import read_config
from collector.detect import EventSchema, RuleSet
from collector.rules.configured_schema import build_event_schema
from collector.rules.rule_files import (
    EVENT_SCHEMA,
    NO_LIST_SOURCES,
    ListSources,
    load_rule_files,
)
from collector.settings import RulesSettings

EVENT_TYPE_LIMIT = 4
"""So many event types of a rule are listed; a rule may see all of them."""

paths_argument = click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))


def has_config(config: Path) -> bool:
    """Whether there is a configuration to look at; one that was named has to be."""
    source = click.get_current_context().get_parameter_source("config")
    return source != ParameterSource.DEFAULT or config.exists()


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesContext:
    """What a configuration says of rules, and the event table of its orgs."""

    settings: RulesSettings
    schema: EventSchema


def load_chosen_rules(
    config: Path, paths: Sequence[Path], *, further_lists: ListSources = NO_LIST_SOURCES
) -> RuleSet:
    """The rules of these files; without any, those of the configuration, else the shipped ones.

    `further_lists` are added to the lists that there are.

    Raises what `read_config` does, and RulesError with all that is wrong with the rules.
    """
    context = read_rules_context(config, paths)
    return load_rule_files(
        paths, context.settings, schema=context.schema, further_lists=further_lists
    )


def read_rules_context(config: Path, paths: Sequence[Path]) -> RulesContext:
    """What the configuration says; that of no configuration where there is none.

    With files a configuration is read only where the command line names it: whoever checks a file
    may lack the secrets of one that lies there.

    Raises what `read_config` does.
    """
    source = click.get_current_context().get_parameter_source("config")
    if not has_config(config) or (paths and source != ParameterSource.COMMANDLINE):
        return RulesContext(settings=RulesSettings(), schema=EVENT_SCHEMA)
    settings = read_config(config, log_level="error").settings
    return RulesContext(settings=settings.rules, schema=build_event_schema(settings))


def format_event_types(event_types: Sequence[str]) -> str:
    """The first of many event types, and how many there are beside."""
    listed = ", ".join(event_types[:EVENT_TYPE_LIMIT]) or "every type"
    more = len(event_types) - EVENT_TYPE_LIMIT
    return f"{listed} and {more} more" if more > 0 else listed
