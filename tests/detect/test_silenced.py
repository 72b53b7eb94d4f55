"""Whose alert a correlation takes away: that of its own file's rules, of others if it says so."""

from __future__ import annotations

import pytest

from collector.detect import loader
from collector.detect.lint import lint_rules
from collector.rules.rule_files import load_rules
from collector.settings import RulesSettings

BULK = """\
title: Bulk
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000001
name: bulk
level: critical
logsource: {{product: salesforce, service: BulkJob}}
detection: {{s: {{entity: Contact}}, condition: s}}
collector: {{{block}}}
"""
CHAIN = """\
title: {name}
id: 0d9ff9fb-6f0f-4c55-9f0b-00000000001{number}
name: {name}
level: high
correlation: {{type: event_count, rules: [bulk], timespan: 1h, condition: {{gte: 2}}{generate}}}
"""


def chain(generate="", name="chain", number=1):
    said = generate and f", generate: {generate}"
    return CHAIN.format(name=name, number=number, generate=said)


@pytest.fixture
def load(tmp_path, schema):
    def load_files(*files):
        paths = []
        for number, text in enumerate(files):
            paths.append(tmp_path / f"{number}.yml")
            paths[-1].write_text(text)
        return loader.load_rule_set(paths, schema=schema)

    return load_files


def in_one_file(block, *chains):
    return ["---\n".join([BULK.format(block=block), *chains])]


def in_files_of_their_own(block, *chains):
    return [BULK.format(block=block), *chains]


@pytest.mark.parametrize(
    ("arrange", "block", "chains", "silencers"),
    [
        (in_one_file, "", [chain()], ("chain",)),
        (in_one_file, "", [chain("true")], ()),
        (in_one_file, "", [chain(), chain("true", "other", 2)], ()),
        (in_one_file, "alert: true", [chain("false")], ()),
        (in_files_of_their_own, "", [chain()], ()),
        (in_files_of_their_own, "", [chain("true")], ()),
        (in_files_of_their_own, "", [chain("false")], ("chain",)),
        (in_files_of_their_own, "", [chain(), chain("false", "other", 2)], ("other",)),
        (in_files_of_their_own, "", [chain("false"), chain("false", "b", 2)], ("chain", "b")),
        (in_files_of_their_own, "", [chain("false"), chain("true", "other", 2)], ()),
        (in_files_of_their_own, "alert: true", [chain("false")], ()),
    ],
)
def test_an_alert_is_taken_away_in_the_same_file_or_outright(
    arrange, block, chains, silencers, load
):
    loaded = load(*arrange(block, *chains))

    assert silencers == loaded.silencers.get("bulk", ())
    assert (not silencers) == loaded.by_name["bulk"].raises_alert


def test_a_building_block_is_silenced_by_nobody(load):
    loaded = load(*in_files_of_their_own("alert: false", chain("false")))

    assert {} == loaded.silencers
    assert not loaded.by_name["bulk"].raises_alert


def test_the_shipped_rules_go_on_alerting_under_a_chain_of_ones_own(tmp_path):
    path = tmp_path / "chain.yml"
    path.write_text(
        CHAIN.format(name="chain", number=1, generate="").replace("bulk", "bulk-api-job")
    )

    loaded = load_rules(RulesSettings(paths=[path]))

    assert {} == loaded.silencers
    assert loaded.by_name["bulk-api-job"].raises_alert


@pytest.mark.parametrize(
    ("block", "chains", "words"),
    [
        ("", [chain()], []),
        ("", [chain("false")], ["'bulk' of 0.yml raises no alert of its own any more"]),
        ("alert: true", [chain("false")], ["'bulk' alerts all the same: its own 'alert: true'"]),
        (
            "",
            [chain("false"), chain("true", "other", 2)],
            ["'bulk' alerts all the same: another correlation"],
        ),
    ],
)
def test_lint_says_whose_alert_is_taken_away_and_whose_cannot_be(
    block, chains, words, load, schema
):
    found = lint_rules(load(*in_files_of_their_own(block, *chains)), schema=schema)

    told = [each.problem.message for each in found if "alert" in each.problem.message]
    assert len(words) == len(told)
    assert all(map(str.startswith, told, words))
