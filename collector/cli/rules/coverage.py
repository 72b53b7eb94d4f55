"""`collector rules coverage`: which rules can fire in each org, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import sqlalchemy as sa
from click.core import ParameterSource
from rich.text import Text

from collector.assembly import load_rules
from collector.cli.common import (
    cells,
    counted,
    number,
    print_json,
    print_table,
    say,
    table,
    tell,
    whole,
)
from collector.cli.options import config_option, json_option, load_settings, reading
from collector.cli.rules.common import kind, load_paths, paths_argument
from collector.cli.status import current, org_view
from collector.detect import RuleSet
from collector.detect.lint import attack
from collector.errors import CollectorError
from collector.rulecoverage import BLIND, FIRES, WAITS, Standing, View, coverage, wants
from collector.settings import Settings
from collector.store import ledger

_STYLES = {FIRES: "green", WAITS: "yellow", BLIND: "bold red"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """The rules, and how they stand in every org; no org where there is no configuration."""

    rules: RuleSet
    standings: Sequence[Standing]
    orgs: Sequence[str]


@click.command("coverage")
@config_option
@click.option("--attack", "by_technique", is_flag=True, help="By ATT&CK technique.")
@json_option
@paths_argument
@click.pass_context
def command(
    context: click.Context,
    config: Path,
    paths: Sequence[Path],
    *,
    by_technique: bool,
    as_json: bool,
) -> None:
    """Which rules can fire in each org, and what is missing for the others.

    A rule fires where an event type that it looks at has brought events, waits where one may come,
    and is blind where the org or the configuration shows it none. Without a configuration: what the
    event types of each rule need.
    """
    seen = _look(paths, config if _is_there(context, config) else None)
    if by_technique:
        _by_technique(seen, as_json=as_json)
    elif as_json:
        for line in _lines(seen):
            print_json(line)
    elif seen.orgs:
        for org in seen.orgs:
            _print_standings(seen, org)
    else:
        _print_needs(seen.rules)


def _is_there(context: click.Context, config: Path) -> bool:
    """Whether there is a configuration to look at; one that was named has to be."""
    named = context.get_parameter_source("config") != ParameterSource.DEFAULT
    return named or config.exists()


def _look(paths: Sequence[Path], config: Path | None) -> _Seen:
    if config is None:
        return _Seen(rules=load_paths(paths), standings=(), orgs=())
    settings = load_settings(config)
    rules = load_paths(paths) if paths else load_rules(settings.rules)
    standings = [each for view in _views(settings) for each in coverage(rules, view)]
    return _Seen(rules=rules, standings=standings, orgs=[org.name for org in settings.orgs])


def _views(settings: Settings) -> list[View]:
    try:
        with reading(settings) as connection:
            return _stored(settings, connection)
    except CollectorError as error:
        tell(str(error))
        return [org_view(org, (), ()) for org in settings.orgs]


def _stored(settings: Settings, connection: sa.Connection) -> list[View]:
    totals = ledger.totals(connection)
    return [
        org_view(org, current(ledger.polls(connection, org=org.name)), totals)
        for org in settings.orgs
    ]


# ---- rules


def _lines(seen: _Seen) -> Iterator[dict[str, object]]:
    by_name = seen.rules.by_name
    needs = {
        rule.name: {need.event_type: str(need) for need in wants(rule, seen.rules)}
        for rule in seen.rules.rules
    }
    if not seen.orgs:
        for rule in seen.rules.rules:
            yield {"rule": rule.name, "kind": kind(rule), "needs": needs[rule.name]}
    for each in seen.standings:
        yield {
            "org": each.org,
            "rule": each.rule,
            "kind": kind(by_name[each.rule]),
            "state": each.state,
            "seen": each.seen,
            "why": each.why,
            "needs": {name: needs[each.rule].get(name, "") for name in each.why},
        }


def _print_standings(seen: _Seen, org: str) -> None:
    rows = table(whole("rule"), whole("state"), "because", title=f"Rules in {org}")
    found = [each for each in seen.standings if each.org == org]
    for each in found:
        needs = {
            need.event_type: str(need) for need in wants(seen.rules.by_name[each.rule], seen.rules)
        }
        state = Text(each.state, style=_STYLES[each.state])
        rows.add_row(*cells((each.rule, state, _because(each, needs))))
    print_table(rows)
    counts = ", ".join(
        f"{sum(each.state == state for each in found)} {words}"
        for state, words in ((FIRES, "fire"), (WAITS, "wait"), (BLIND, "blind"))
    )
    say(f"{org}: {counted(len(found), 'rule')}: {counts}")


def _because(each: Standing, needs: Mapping[str, str]) -> str:
    """What a rule fires on; or, where it does not, why, and what that needs."""
    if each.state == FIRES:
        return f"fires on {', '.join(each.seen) or 'every event'}"
    reasons: dict[str, list[str]] = {}
    for name, why in each.why.items():
        wanted = f" (needs {needs[name]})" if needs.get(name) else ""
        reasons.setdefault(why + wanted, []).append(name)
    found = [f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]
    return "; ".join(found) or "no event so far"


def _print_needs(rules: RuleSet) -> None:
    rows = table(whole("rule"), "event types", "need")
    for rule in rules.rules:
        types: dict[str, list[str]] = {}
        for need in wants(rule, rules):
            types.setdefault(str(need), []).append(need.event_type)
        for position, (wanted, names) in enumerate(types.items()):
            rows.add_row(*cells(("" if position else rule.name, ", ".join(names), wanted)))
        if not types:
            rows.add_row(*cells((rule.name, "every type", "anything that can be read")))
    print_table(rows)


# ---- techniques


def _by_technique(seen: _Seen, *, as_json: bool) -> None:
    """Each technique with its rules, and with those of them that can fire somewhere."""
    able = {each.rule for each in seen.standings if each.state != BLIND}
    techniques: dict[str, list[str]] = {}
    for rule in seen.rules.rules:
        for name in rule.attack if rule.alert else ():
            techniques.setdefault(name, []).append(rule.name)
    rows = table(whole("technique"), "name", "rules", number("can fire"))
    for name, named in sorted(techniques.items()):
        fit = [rule for rule in named if rule in able]
        if as_json:
            title = attack.title(name)
            print_json({"technique": name, "name": title, "rules": named, "can_fire": fit})
            continue
        share = f"{len(fit)} of {len(named)}" if seen.orgs else "unknown"
        rows.add_row(*cells((name, attack.title(name), ", ".join(named), share)))
    if not as_json:
        print_table(rows)
