"""`collector rules coverage`: which rules can fire in each org, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import sqlalchemy as sa
from click.core import ParameterSource
from rich.text import Text

from collector.app.wiring import load_rules
from collector.cli.options import config_option, json_option, load_settings, open_state_view
from collector.cli.output import (
    build_fixed_column,
    build_number_column,
    build_table,
    format_count,
    print_json,
    print_line,
    print_stderr,
    print_table,
    to_cells,
)
from collector.cli.rules.common import classify_rule, load_rule_files, paths_argument
from collector.cli.status import build_org_view, drop_recovered_failures
from collector.detect import RuleSet
from collector.detect.lint import mitre_attack
from collector.errors import CollectorError
from collector.rules.coverage import (
    OrgView,
    RuleCoverage,
    RuleStanding,
    compute_coverage,
    list_rule_needs,
)
from collector.settings import Settings
from collector.store import ledger

_STATE_STYLES = {
    RuleStanding.FIRES: "green",
    RuleStanding.WAITS: "yellow",
    RuleStanding.BLIND: "bold red",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _RuleCoverageReport:
    """The rules, and how they stand in every org; no org where there is no configuration."""

    rules: RuleSet
    coverages: Sequence[RuleCoverage]
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
    seen = _compute_coverage(paths, config if _has_config(context, config) else None)
    if by_technique:
        _print_by_technique(seen, as_json=as_json)
    elif as_json:
        for line in _list_coverage_objects(seen):
            print_json(line)
    elif seen.orgs:
        for org in seen.orgs:
            _print_coverage(seen, org)
    else:
        _print_needs(seen.rules)


def _has_config(context: click.Context, config: Path) -> bool:
    """Whether there is a configuration to look at; one that was named has to be."""
    named = context.get_parameter_source("config") != ParameterSource.DEFAULT
    return named or config.exists()


def _compute_coverage(paths: Sequence[Path], config: Path | None) -> _RuleCoverageReport:
    if config is None:
        return _RuleCoverageReport(rules=load_rule_files(paths), coverages=(), orgs=())
    settings = load_settings(config)
    rules = load_rule_files(paths) if paths else load_rules(settings.rules)
    standings = [
        each for view in _list_org_views(settings) for each in compute_coverage(rules, view)
    ]
    return _RuleCoverageReport(
        rules=rules, coverages=standings, orgs=[org.name for org in settings.orgs]
    )


def _list_org_views(settings: Settings) -> list[OrgView]:
    try:
        with open_state_view(settings) as connection:
            return _read_org_views(settings, connection)
    except CollectorError as error:
        print_stderr(str(error))
        return [build_org_view(org, (), ()) for org in settings.orgs]


def _read_org_views(settings: Settings, connection: sa.Connection) -> list[OrgView]:
    totals = ledger.list_ledger_totals(connection)
    return [
        build_org_view(
            org,
            drop_recovered_failures(ledger.list_poll_statuses(connection, org=org.name)),
            totals,
        )
        for org in settings.orgs
    ]


# ---- rules


def _list_coverage_objects(seen: _RuleCoverageReport) -> Iterator[dict[str, object]]:
    by_name = seen.rules.by_name
    needs = {
        rule.name: {need.event_type: str(need) for need in list_rule_needs(rule, seen.rules)}
        for rule in seen.rules.rules
    }
    if not seen.orgs:
        for rule in seen.rules.rules:
            yield {"rule": rule.name, "kind": classify_rule(rule), "needs": needs[rule.name]}
    for each in seen.coverages:
        yield {
            "org": each.org,
            "rule": each.rule,
            "kind": classify_rule(by_name[each.rule]),
            "state": each.state,
            "seen": each.seen_types,
            "why": each.reasons,
            "needs": {name: needs[each.rule].get(name, "") for name in each.reasons},
        }


def _print_coverage(seen: _RuleCoverageReport, org: str) -> None:
    rows = build_table(
        build_fixed_column("rule"), build_fixed_column("state"), "because", title=f"Rules in {org}"
    )
    found = [each for each in seen.coverages if each.org == org]
    for each in found:
        needs = {
            need.event_type: str(need)
            for need in list_rule_needs(seen.rules.by_name[each.rule], seen.rules)
        }
        state = Text(each.state, style=_STATE_STYLES[each.state])
        rows.add_row(*to_cells((each.rule, state, _explain_state(each, needs))))
    print_table(rows)
    counts = ", ".join(
        f"{sum(each.state == state for each in found)} {words}"
        for state, words in zip(RuleStanding, ("fire", "wait", "blind"), strict=True)
    )
    print_line(f"{org}: {format_count(len(found), 'rule')}: {counts}")


def _explain_state(each: RuleCoverage, needs: Mapping[str, str]) -> str:
    """What a rule fires on; or, where it does not, why, and what that needs."""
    if each.state == RuleStanding.FIRES:
        return f"fires on {', '.join(each.seen_types) or 'every event'}"
    reasons: dict[str, list[str]] = {}
    for name, why in each.reasons.items():
        wanted = f" (needs {needs[name]})" if needs.get(name) else ""
        reasons.setdefault(why + wanted, []).append(name)
    found = [f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]
    return "; ".join(found) or "no event so far"


def _print_needs(rules: RuleSet) -> None:
    rows = build_table(build_fixed_column("rule"), "event types", "need")
    for rule in rules.rules:
        types: dict[str, list[str]] = {}
        for need in list_rule_needs(rule, rules):
            types.setdefault(str(need), []).append(need.event_type)
        for position, (wanted, names) in enumerate(types.items()):
            rows.add_row(*to_cells(("" if position else rule.name, ", ".join(names), wanted)))
        if not types:
            rows.add_row(*to_cells((rule.name, "every type", "anything that can be read")))
    print_table(rows)


# ---- techniques


def _print_by_technique(seen: _RuleCoverageReport, *, as_json: bool) -> None:
    """Each technique with its rules, and with those of them that can fire somewhere."""
    able = {each.rule for each in seen.coverages if each.state != RuleStanding.BLIND}
    techniques: dict[str, list[str]] = {}
    for rule in seen.rules.rules:
        for name in rule.attack if rule.raises_alert else ():
            techniques.setdefault(name, []).append(rule.name)
    rows = build_table(
        build_fixed_column("technique"), "name", "rules", build_number_column("can fire")
    )
    for name, named in sorted(techniques.items()):
        fit = [rule for rule in named if rule in able]
        if as_json:
            title = mitre_attack.render_technique_title(name)
            print_json({"technique": name, "name": title, "rules": named, "can_fire": fit})
            continue
        share = f"{len(fit)} of {len(named)}" if seen.orgs else "unknown"
        rows.add_row(
            *to_cells((name, mitre_attack.render_technique_title(name), ", ".join(named), share))
        )
    if not as_json:
        print_table(rows)
