"""The rules that the README shows load, and do what their tests say."""

import re
from pathlib import Path

import pytest
import yaml

from collector.detect import lists as value_lists
from collector.detect import load_rule_set
from collector.ingest.temporary_pipeline import open_temporary_pipeline
from collector.rules.rule_files import EVENT_SCHEMA
from collector.rules.self_tests import run_rule_tests
from collector.settings.shipped_files import find_shipped_folder

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    """Every example of the README, as files of a folder of rules."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "lists").mkdir()
    blocks = re.findall(
        r"^```yaml\n(.*?)^```$", README.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    for number, block in enumerate(blocks):
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


def test_there_is_an_example_of_each_kind(rules):
    kinds = {type(rule.aggregation).__name__ for rule in rules.rules}

    assert {"NoneType", "Correlation", "FirstSeen"} == kinds
    assert {"campaign_ips"} == {name for rule in rules.rules for name in rule.lists}


def test_the_examples_do_what_they_say(rules):
    with open_temporary_pipeline(rules) as bench:
        verdicts = list(
            run_rule_tests(
                rules.rules,
                pipeline=bench.pipeline,
                database=bench.database,
                spool=bench.paths.spool,
            )
        )

    assert 5 == len(verdicts)
    assert [] == [(each.test.name, each.failure) for each in verdicts if each.failure]
