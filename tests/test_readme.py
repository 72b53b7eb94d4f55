"""The rules that README and docs show load, and do what their tests say; no key is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml

from collector.detect import lists as value_lists
from collector.detect.language.block_model import BlockModel
from collector.detect.language.collector_block import CollectorBlock
from collector.detect.language.correlation_block import CorrelationBlock
from collector.detect.language.rule_test_block import RecordBlock
from collector.detect.loader import load_rule_set
from collector.ingest.temporary_pipeline import open_temporary_pipeline
from collector.rules.rule_files import EVENT_SCHEMA, load_rules
from collector.rules.self_tests import run_rule_tests
from collector.settings import RulesSettings, TuneSettings
from collector.settings.shipped_files import find_shipped_folder

ROOT = Path(__file__).parents[1]
README, MANUAL = ROOT / "README.md", ROOT / "docs" / "rules.md"


def load_examples(page: Path, folder: Path):
    """Every example of a page, as files of a folder of rules."""
    (folder / "lists").mkdir()
    for number, block in enumerate(_list_blocks(page)):
        first = next(iter(yaml.safe_load_all(block)))
        if "title" in first:
            (folder / f"{number}.yml").write_text(block)
        elif "entries" in first:
            (folder / "lists" / f"{number}.yml").write_text(block)
    return load_rule_set(
        [folder],
        schema=EVENT_SCHEMA,
        lists=value_lists.load_lists([find_shipped_folder("rules"), folder]),
    )


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    return load_examples(MANUAL, tmp_path_factory.mktemp("rules"))


def test_there_is_an_example_of_each_kind(rules):
    kinds = {type(rule.aggregation).__name__ for rule in rules.rules}

    assert {"NoneType", "Correlation", "FirstSeen"} == kinds
    assert {"campaign_ips"} == {name for rule in rules.rules for name in rule.lists}


def test_the_examples_do_what_they_say(rules):
    with open_temporary_pipeline(rules) as bench:
        verdicts = list(run_rule_tests(rules, bench))

    assert 5 == len(verdicts)
    assert [] == [(each.test.name, each.failure) for each in verdicts if each.failure]


def test_the_rule_of_the_readme_is_the_first_of_the_manual(rules, tmp_path):
    (rule,) = load_examples(README, tmp_path).rules

    (same,) = (each for each in rules.rules if each.name == rule.name)
    assert (same.predicate, same.title, same.dedup_key) == (
        rule.predicate,
        rule.title,
        rule.dedup_key,
    )


@pytest.mark.parametrize("page", [README, MANUAL], ids=lambda page: page.name)
def test_the_tuning_in_it_is_right_and_changes_something(page):
    (block,) = (each for each in _list_blocks(page) if each.startswith("rules:\n  tune:"))
    tuned = load_rules(RulesSettings.model_validate(yaml.safe_load(block)["rules"]))

    as_shipped = load_rules(RulesSettings())
    assert ((), {"bulk-job-removed"}) == (
        tuned.tuning_warnings,
        {rule.name for rule in tuned.off_rules} - {rule.name for rule in as_shipped.off_rules},
    )


def test_the_manual_names_every_key():
    keys = {
        key
        for model in (CollectorBlock, CorrelationBlock, RecordBlock)
        for key in _list_keys(model)
    }
    text = re.sub(r"^```.*?^```$", "", MANUAL.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    words = set(re.findall(r"\w[\w-]*", " ".join(re.findall(r"`[^`]+`", text))))

    assert {"at", "severity_step", "group-by", "cold_start", "max"} <= keys
    assert set() == (keys | set(TuneSettings.model_fields)) - words


def _list_keys(model: type[BlockModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield field.alias or name
        for inner in _list_models(field.annotation):
            yield from _list_keys(inner)


def _list_models(annotation: object) -> Iterator[type[BlockModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BlockModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _list_models(argument)


def _list_blocks(page: Path) -> list[str]:
    text = page.read_text("utf-8")
    return re.findall(r"^```yaml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
