"""Rules as a configuration tunes them, each line of it where `rules.tune` has it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from collector.app.configuration import read_configuration
from collector.detect import EventSchema, RuleSet
from collector.detect import lists as value_lists
from collector.detect.loader import load_rule_set
from collector.detect.tuning.entries import list_entries

CONFIG = """\
orgs:
  - name: acme
    login_url: https://acme.my.salesforce.com
    auth: {flow: client_credentials, client_id: c, client_secret: "${env:SECRET}"}
rules:
"""
_TUNE = f"{CONFIG}  tune:\n"
FIRST_LINE = _TUNE.count("\n") + 1
"""The line of the file at which what is tuned begins."""


def load_tuned_rules(
    folder: Path, schema: EventSchema, rules: str, lines: Sequence[str], *, left_out: bool = False
) -> RuleSet:
    """The rules, and the value lists below a folder, as these lines tune them.

    `left_out` says that what is wrong in the configuration is left out.
    """
    config, path = folder / "collector.yaml", folder / "rules.yml"
    config.write_text(_TUNE + "".join(f"    {line}\n" for line in lines))
    path.write_text(rules)
    settings = read_configuration(config, {"SECRET": "s"}).settings.rules
    return load_rule_set(
        [path],
        schema=schema,
        lists=value_lists.load_lists([folder]),
        tuning=list_entries(settings.tune, settings.source.get_child("tune")),
        left_out={config} if left_out else frozenset(),
    )
