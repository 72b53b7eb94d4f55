"""Which rules can fire in each org, and what is missing for the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from collector.api.json_values import JsonObject, to_json_object
from collector.api.org_views import list_current_polls, list_org_views
from collector.api.rule_list import classify_rule
from collector.api.state_view import open_state_view
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
from collector.store import ledger_totals


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCoverageReport:
    """The rules, and how they stand in every org.

    Attributes:
        orgs: the names of the orgs; empty where there is no configuration.
        warning: why nothing is known of what the orgs have given; empty where it is.
    """

    rules: RuleSet
    coverages: Sequence[RuleCoverage] = ()
    orgs: Sequence[str] = ()
    warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TechniqueCoverage:
    """A technique of ATT&CK, the rules that name it, and those of them that can fire somewhere."""

    technique: str
    name: str
    rules: Sequence[str]
    able_rules: Sequence[str]


def read_rule_coverage(settings: Settings, rules: RuleSet) -> RuleCoverageReport:
    """How the rules stand in every org of a configuration, also before anything is collected."""
    warning = ""
    try:
        views = _read_org_views(settings)
    except CollectorError as error:
        warning = str(error)
        views = list_org_views(settings, (), ())
    return RuleCoverageReport(
        rules=rules,
        coverages=[
            coverage
            for view in views
            for coverage in compute_coverage(rules, view)
            if coverage.rule not in rules.borrowed
        ],
        orgs=[org.name for org in settings.orgs],
        warning=warning,
    )


def list_techniques(report: RuleCoverageReport) -> Iterator[TechniqueCoverage]:
    """Each technique that a rule which alerts names, by its id."""
    able_rules = {
        coverage.rule for coverage in report.coverages if coverage.state != RuleStanding.BLIND
    }
    techniques: dict[str, list[str]] = {}
    for rule in report.rules.rules:
        for technique in rule.attack if rule.raises_alert else ():
            techniques.setdefault(technique, []).append(rule.name)
    for technique, names in sorted(techniques.items()):
        yield TechniqueCoverage(
            technique=technique,
            name=mitre_attack.render_technique_title(technique),
            rules=names,
            able_rules=[name for name in names if name in able_rules],
        )


def list_needs_by_type(report: RuleCoverageReport, rule_name: str) -> Mapping[str, str]:
    """What it takes to read each of the event types that a rule looks at, in words."""
    needs = list_rule_needs(report.rules.by_name[rule_name], report.rules)
    return {need.event_type: str(need) for need in needs}


def to_json_lines(report: RuleCoverageReport) -> Iterator[JsonObject]:
    """An object for each rule of each org; for each rule where there is no configuration."""
    kinds = {rule.name: classify_rule(rule) for rule in report.rules.active_rules}
    needs = {name: list_needs_by_type(report, name) for name in kinds}
    if not report.orgs:
        for name, kind in kinds.items():
            yield to_json_object({"rule": name, "kind": kind, "needs": needs[name]})
    for coverage in report.coverages:
        yield to_json_object(
            {
                "org": coverage.org,
                "rule": coverage.rule,
                "kind": kinds[coverage.rule],
                "state": coverage.state,
                "seen": coverage.seen_types,
                "why": coverage.reasons,
                "needs": {name: needs[coverage.rule].get(name, "") for name in coverage.reasons},
            }
        )


def to_technique_json(technique: TechniqueCoverage) -> JsonObject:
    """A technique as scripts read it."""
    return to_json_object(
        {
            "technique": technique.technique,
            "name": technique.name,
            "rules": technique.rules,
            "can_fire": technique.able_rules,
        }
    )


def _read_org_views(settings: Settings) -> list[OrgView]:
    with open_state_view(settings) as connection:
        polls = list_current_polls(connection, settings)
        return list_org_views(settings, polls, ledger_totals.list_ledger_totals(connection))
