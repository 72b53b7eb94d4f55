"""docs/coverage.md names every rule that alerts, and what it says of rules holds in their files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from collector.detect import RuleSet
from collector.rules.coverage import OrgView, RuleStanding, compute_coverage, list_rule_needs
from collector.rules.rule_files import load_rules
from collector.settings import RulesSettings
from collector.settings.shipped_files import find_shipped_folder

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
LINK = re.compile(r"\[([^]]+)\]\(\.\./rules/([^)]+)\)")
WITHOUT_ADD_ON = re.compile(r"Without the add-on: (`\w+`(?:, `\w+`)*)(?: \(not ([^|]*)\))?\.$")
NEEDS_ADD_ON = "Needs the add-on."
NO_RULE = "No rule"


@dataclass(frozen=True, kw_only=True)
class Pack:
    """What the files of the pack say of its rules.

    Attributes:
        names: of the rules of each file, by its path within the pack.
        alerting: the rules that alert, also those that come turned off.
        free_types: by rule, the event types that it looks at and that every org has.
        free: the rules that can fire where an org has nothing else.
    """

    names: dict[str, set[str]]
    alerting: set[str]
    free_types: dict[str, set[str]]
    free: set[str]


@pytest.fixture(scope="module")
def pack():
    return describe_pack(
        load_rules(RulesSettings.model_validate({"tune": {"*": {"enabled": True}}}))
    )


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text("utf-8")


def describe_pack(rules: RuleSet) -> Pack:
    folder = find_shipped_folder("rules")
    names: dict[str, set[str]] = {}
    for rule in rules.rules:
        names.setdefault(rule.path.relative_to(folder).as_posix(), set()).add(rule.name)
    free_types = {
        rule.name: {need.event_type for need in list_rule_needs(rule, rules) if not need.licence}
        for rule in rules.rules
    }
    view = OrgView(org="acme", polls=(), seen_types=frozenset().union(*free_types.values()))
    return Pack(
        names=names,
        alerting={rule.name for rule in rules.rules if rule.raises_alert},
        free_types=free_types,
        free={
            coverage.rule
            for coverage in compute_coverage(rules, view)
            if coverage.state == RuleStanding.FIRES
        },
    )


def list_wrong_links(text: str, pack: Pack) -> list[str]:
    """Links that lead to no file of the pack, or are called by no rule in it."""
    wrong = [
        f"{name}: {place}"
        for name, place in LINK.findall(text)
        if name not in pack.names.get(place, ())
    ]
    if len(LINK.findall(text)) != text.count("../rules/"):
        wrong.append("a link of another form")
    return wrong


def list_rows(text: str) -> Iterator[list[str]]:
    """The cells of every row of the tables, without their heads."""
    for line in re.findall(r"^\|.*\|$", text, re.MULTILINE):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells[-1] not in {"remarks", "---"}:
            yield cells


def list_wrong_rows(text: str, pack: Pack) -> list[str]:
    """Rows that do not say why there is no rule, or are wrong about what the rules need."""
    return [
        f"{cells[0]}: {complaint}"
        for cells in list_rows(text)
        if (complaint := find_complaint(cells, pack))
    ]


def find_complaint(cells: list[str], pack: Pack) -> str:
    if len(cells) != 3:
        return f"{len(cells)} cells"
    _, linked, remark = cells
    rules = {name for name, _ in LINK.findall(linked)}
    if not rules:
        return "" if linked == "—" and remark.startswith(f"{NO_RULE}: ") else "no reason"
    if remark.endswith(NEEDS_ADD_ON):
        return ", ".join(sorted(rules & pack.free))
    if (found := WITHOUT_ADD_ON.search(remark)) is None:
        return "does not say what is needed"
    left_out = {name for name, _ in LINK.findall(found[2] or "")}
    if left_out != rules - pack.free:
        return f"need the add-on: {sorted(rules - pack.free)}"
    known = set().union(*(pack.free_types[name] for name in rules & pack.free))
    return ", ".join(sorted(set(re.findall(r"\w+", found[1])) - known))


def test_every_link_leads_to_the_rule_that_it_names(page, pack):
    assert [] == list_wrong_links(page, pack)


def test_every_rule_that_alerts_is_named(page, pack):
    assert len(pack.alerting) > 80
    assert set() == pack.alerting - {name for name, _ in LINK.findall(page)}


def test_every_row_says_truly_what_its_rules_need_or_why_there_are_none(page, pack):
    assert len(list(list_rows(page))) > 100
    assert [] == list_wrong_rows(page, pack)


LOGIN_AS = "[login-as](../rules/authentication/login-as.yml)"
ANOMALY = "[api-anomaly](../rules/api/api-anomaly.yml)"


@pytest.mark.parametrize(
    "link",
    [
        "[login-as](../rules/setup/login-as.yml)",
        "[login-ass](../rules/authentication/login-as.yml)",
        "[login-as](../rules/api/api-anomaly.yml)",
        "<a href='../rules/authentication/login-as.yml'>",
    ],
)
def test_a_wrong_link_is_found(link, pack):
    assert [] == list_wrong_links(LOGIN_AS, pack)
    assert len(list_wrong_links(f"{LOGIN_AS}, {link}", pack)) == 1


@pytest.mark.parametrize(
    ("rules", "remark"),
    [
        (LOGIN_AS, "Without the add-on: `SetupAuditTrail`."),
        (ANOMALY, "As there. Needs the add-on."),
        (f"{LOGIN_AS}, {ANOMALY}", f"Without the add-on: `SetupAuditTrail` (not {ANOMALY})."),
        ("—", "No rule: it is a setting."),
    ],
)
def test_a_row_that_is_right_is_let_pass(rules, remark, pack):
    assert [] == list_wrong_rows(f"| a detection | {rules} | {remark} |", pack)


@pytest.mark.parametrize(
    ("rules", "remark"),
    [
        (LOGIN_AS, "Needs the add-on."),
        (LOGIN_AS, "Without the add-on: `LoginAsEvent`."),
        (LOGIN_AS, f"Without the add-on: `SetupAuditTrail` (not {LOGIN_AS})."),
        (LOGIN_AS, "As there."),
        (ANOMALY, "Without the add-on: `SetupAuditTrail`."),
        (f"{LOGIN_AS}, {ANOMALY}", "Without the add-on: `SetupAuditTrail`."),
        ("—", "Not yet."),
        ("", "No rule: it is a setting."),
        (LOGIN_AS, "One cell | too many. Without the add-on: `SetupAuditTrail`."),
    ],
)
def test_a_row_that_is_wrong_is_found(rules, remark, pack):
    assert len(list_wrong_rows(f"| a detection | {rules} | {remark} |", pack)) == 1
