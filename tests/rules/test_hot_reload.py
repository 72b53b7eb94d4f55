"""Rules and lists are read again when their files change; a broken file changes nothing."""

import shutil
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from collector import engine
from collector.detect import lists
from collector.detect.loader import load_rule_set
from collector.health.symptoms import find_symptoms
from collector.ingest.pipeline import Pipeline
from collector.ingest.state_paths import StatePaths
from collector.rules.file_stamps import stamp_files
from collector.rules.hot_reload import RuleReloader
from collector.rules.outline import RuleOutlineFile
from collector.rules.rule_files import EVENT_SCHEMA
from collector.settings import RulesSettings
from collector.store import rule_status as rule_store
from collector.store.health_snapshot import read_health_snapshot
from fakes.databases import open_sqlite_state
from fakes.model_samples import NOON
from fakes.pipeline_bench import PipelineBench, build_login_row

RULE = """\
title: Odd status
id: 0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9a01
name: odd-status
level: medium
logsource: {product: salesforce, service: Login}
detection:
  odd: {status: LOGIN_ODD}
  condition: odd
"""

LISTED = """\
title: An address that is known
id: 0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9a02
name: known-address
level: high
logsource: {product: salesforce, service: Login}
detection:
  known: {source_ip|expand: '%bad_ip%'}
  condition: known
---
title: Three logins from addresses that are known
id: 0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9a03
name: known-address-thrice
level: critical
correlation:
  type: event_count
  rules: [known-address]
  group-by: [user_id]
  timespan: 1h
  condition: {gte: 3}
  generate: true
"""


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "rules"
    (path / "lists").mkdir(parents=True)
    (path / "odd.yml").write_text(RULE)
    return path


@pytest.fixture
def made(tmp_path, folder):
    """A pipeline with the folder's rules, and what reloads them."""
    places = StatePaths(state_dir=tmp_path / "state")
    places.create_folders()
    database = open_sqlite_state(places.state_dir)
    connection = engine.open_engine(places.spool)

    def read():
        return load_rule_set([folder], schema=EVENT_SCHEMA, lists=lists.load_lists([folder]))

    seen = stamp_files([folder])
    rules = read()
    pipeline = Pipeline(database=database, connection=connection, paths=places, rules=rules)
    reload = RuleReloader(
        load_rules=read,
        paths=[folder],
        file_stamps=seen,
        rules=rules,
        pipeline=pipeline,
        database=database,
        outline_file=RuleOutlineFile(path=places.rules_outline, settings=RulesSettings()),
    )
    reload.begin()
    yield PipelineBench(places=places, database=database, pipeline=pipeline), reload
    connection.close()
    database.close()


def loading(bench):
    with bench.database.read() as connection:
        return rule_store.read_load_status(connection)


def outlined(bench, folder):
    """The rules of the outline that is kept; None where it is of other files."""
    file = RuleOutlineFile(path=bench.places.rules_outline, settings=RulesSettings())
    outline = file.load_outline(stamp_files([folder]))
    return outline and [rule.name for rule in outline.rules]


def titles(bench):
    return sorted(alert.title for alert in bench.list_alerts())


def logins(*addresses, first=0):
    return [
        build_login_row(
            number, SOURCE_IP=address, TIMESTAMP_DERIVED=f"2026-03-01T12:{number:02}:00.000Z"
        )
        for number, address in enumerate(addresses, first)
    ]


def test_nothing_is_loaded_while_nothing_changes(made):
    _, reload = made

    assert not reload.reload_rules()


def test_a_changed_rule_judges_what_comes_from_then_on(made, folder):
    bench, reload = made
    bench.pipeline.ingest(
        bench.write_batch("Login", [build_login_row(LOGIN_STATUS="LOGIN_STRANGE")], key="a" * 32)
    )
    (folder / "odd.yml").write_text(RULE.replace("LOGIN_ODD", "LOGIN_STRANGE"))

    assert reload.reload_rules()
    bench.pipeline.ingest(
        bench.write_batch("Login", [build_login_row(LOGIN_STATUS="LOGIN_STRANGE")], key="b" * 32)
    )

    assert [1] == [alert.count for alert in bench.list_alerts()]


def test_a_broken_file_leaves_the_set_before_at_work_and_says_where(made, folder):
    bench, reload = made
    (folder / "odd.yml").write_text(RULE.replace("status:", "stattus:"))

    assert not reload.reload_rules()
    bench.pipeline.ingest(bench.write_batch("Login", [build_login_row(LOGIN_STATUS="LOGIN_ODD")]))

    (problem,) = loading(bench).problems
    assert problem.startswith(f"{folder / 'odd.yml'}:7:9: ")
    assert ["Odd status"] == titles(bench)


def test_a_broken_file_is_a_symptom_until_it_is_mended(made, folder):
    bench, reload = made
    (folder / "odd.yml").write_text("title: [\n")
    reload.reload_rules()
    broken = states(bench)
    (folder / "odd.yml").write_text(RULE)
    reload.reload_rules()

    assert (["broken"], []) == (broken, states(bench))


def states(bench):
    with bench.database.read() as connection:
        seen = read_health_snapshot(connection, now=NOON.replace(year=2100))
    found = find_symptoms(seen, {}, now=NOON.replace(year=2100), started_at=NOON)
    return [symptom.state for symptom in found]


def test_a_new_indicator_finds_last_weeks_login(made, folder):
    bench, reload = made
    (folder / "lists" / "bad_ip.yml").write_text("entries: [192.0.2.1]\n")
    (folder / "known.yml").write_text(LISTED)
    reload.reload_rules()
    bench.pipeline.ingest(bench.write_batch("Login", logins("203.0.113.7", "192.0.2.1")))
    before = titles(bench)
    (folder / "lists" / "bad_ip.yml").write_text("entries: [192.0.2.1, 203.0.113.0/24]\n")

    reload.reload_rules()

    assert ["An address that is known"] == before
    assert 2 == sum(alert.count for alert in bench.list_alerts())


def test_a_correlation_of_a_rule_with_a_list_sees_the_archive_again(made, folder):
    bench, reload = made
    (folder / "lists" / "bad_ip.yml").write_text("entries: [192.0.2.1]\n")
    (folder / "known.yml").write_text(LISTED)
    reload.reload_rules()
    for number in range(3):
        batch = bench.write_batch(
            "Login", logins("203.0.113.7", first=number), key=str(number) * 32
        )
        bench.pipeline.ingest(batch)
    (folder / "lists" / "bad_ip.yml").write_text("entries: [192.0.2.1, {cidr: 203.0.113.0/24}]\n")

    reload.reload_rules()

    assert "Three logins from addresses that are known" in titles(bench)


def test_matching_again_tells_nothing_twice(made, folder):
    bench, reload = made
    (folder / "lists" / "bad_ip.yml").write_text("entries: [203.0.113.7]\n")
    (folder / "known.yml").write_text(LISTED)
    reload.reload_rules()
    bench.pipeline.ingest(bench.write_batch("Login", logins("203.0.113.7")))
    before = bench.list_alerts()
    (folder / "lists" / "bad_ip.yml").write_text("entries: [203.0.113.7, 192.0.2.1]\n")

    reload.reload_rules()

    assert before == bench.list_alerts()


def test_what_a_list_gained_while_nobody_was_at_work_is_matched_at_the_start(made, folder):
    bench, reload = made
    (folder / "lists" / "bad_ip.yml").write_text("entries: [192.0.2.1]\n")
    (folder / "known.yml").write_text(LISTED)
    reload.reload_rules()
    bench.pipeline.ingest(bench.write_batch("Login", logins("203.0.113.7")))
    (folder / "lists" / "bad_ip.yml").write_text("entries: [203.0.113.7]\n")
    grown = load_rule_set([folder], schema=EVENT_SCHEMA, lists=lists.load_lists([folder]))
    bench.pipeline.set_rules(grown)

    RuleReloader(
        load_rules=lambda: grown,
        paths=[folder],
        file_stamps=stamp_files([folder]),
        rules=grown,
        pipeline=bench.pipeline,
        database=bench.database,
    ).begin()

    assert ["An address that is known"] == titles(bench)


def test_a_list_that_was_away_is_matched_with_what_came_meanwhile(made, folder):
    bench, reload = made
    bad = folder / "lists" / "bad_ip.yml"
    bad.write_text("entries: [203.0.113.7]\n")
    reload.reload_rules()
    bad.unlink()
    reload.reload_rules()
    bench.pipeline.ingest(bench.write_batch("Login", logins("203.0.113.7")))
    bad.write_text("entries: [203.0.113.7]\n")
    (folder / "known.yml").write_text(LISTED)

    reload.reload_rules()

    assert ["An address that is known"] == titles(bench)


def test_a_rule_that_failed_over_the_archive_sees_it_again_once_it_is_mended(made, folder):
    bench, reload = made
    (folder / "known.yml").write_text(LISTED)
    (folder / "lists" / "bad_ip.yml").write_text("entries: [192.0.2.1]\n")
    reload.reload_rules()
    bench.pipeline.ingest(bench.write_batch("Login", logins("203.0.113.7")))
    read = reload._load_rules
    reload._load_rules = lambda: sick(read(), "known-address")
    (folder / "lists" / "bad_ip.yml").write_text("entries: [192.0.2.1, 203.0.113.7]\n")

    reload.reload_rules()
    failed = states(bench)
    reload._load_rules = read
    (folder / "known.yml").write_text(f"{LISTED}# mended\n")
    reload.reload_rules()

    assert ["failing"] == sorted(set(failed))
    assert ["An address that is known"] == titles(bench)
    assert [] == states(bench)


def sick(rules, name):
    predicate = 'CAST("status" AS INTEGER) = 1'
    return replace(
        rules,
        rules=tuple(
            replace(rule, predicate=predicate, fields=frozenset({"status"}))
            if rule.name == name
            else rule
            for rule in rules.rules
        ),
    )


def test_a_file_that_changes_while_the_rules_are_loaded_is_seen_at_the_next_look(made, folder):
    bench, reload = made
    read = reload._load_rules

    def read_and_change():
        rules = read()
        (folder / "odd.yml").write_text(RULE.replace("LOGIN_ODD", "LOGIN_STRANGER"))
        return rules

    (folder / "odd.yml").write_text(RULE.replace("LOGIN_ODD", "LOGIN_STRANGE"))
    reload._load_rules = read_and_change
    reload.reload_rules()
    reload._load_rules = read

    assert reload.reload_rules()
    bench.pipeline.ingest(
        bench.write_batch("Login", [build_login_row(LOGIN_STATUS="LOGIN_STRANGER")])
    )
    assert ["Odd status"] == titles(bench)


def test_a_file_that_changed_between_the_start_and_the_first_look_is_seen(made, folder):
    bench, reload = made
    seen, rules = stamp_files([folder]), reload._load_rules()
    (folder / "odd.yml").write_text(RULE.replace("LOGIN_ODD", "LOGIN_STRANGE"))
    started = RuleReloader(
        load_rules=reload._load_rules,
        paths=[folder],
        file_stamps=seen,
        rules=rules,
        pipeline=bench.pipeline,
        database=bench.database,
    )
    started.begin()

    assert started.reload_rules()


def test_a_half_written_file_is_a_problem_until_the_next_look(made, folder):
    bench, reload = made
    whole = RULE.replace("LOGIN_ODD", "LOGIN_STRANGE")
    (folder / "odd.yml").write_text(whole[: whole.index("odd: {status") + 12])
    refused = not reload.reload_rules(), len(loading(bench).problems)
    (folder / "odd.yml").write_text(whole)

    assert (True, 1) == refused
    assert reload.reload_rules()
    assert () == loading(bench).problems


def test_what_is_wrong_is_told_once_for_each_change(made, folder):
    _, reload = made
    (folder / "odd.yml").write_text("title: [\n")

    with capture_logs() as logs:
        reload.reload_rules()
        reload.reload_rules()
        (folder / "odd.yml").write_text("title: [\n")
        (folder / "notes.txt").write_text("not a rule")
        reload.reload_rules()
        (folder / "odd.yml").write_text("titel: x")
        reload.reload_rules()

    told = [line["problem"] for line in logs if line["event"] == "rules_refused"]
    assert told[0].startswith(f"{folder / 'odd.yml'}:2:1: not YAML: ")
    assert told[1:]
    assert len(told) == len(set(told))


def test_the_symptom_of_a_broken_file_keeps_its_beginning_until_something_else_is_wrong(
    made, folder
):
    bench, reload = made
    (folder / "odd.yml").write_text("title: [\n")
    reload.reload_rules()
    first = loading(bench)
    (folder / "odd.yml").write_text("title: [\n")
    reload.reload_rules()

    assert first == loading(bench)


@pytest.mark.parametrize("name", ["notes.txt", "odd.yml.swp", "README.md", "odd.yml~"])
def test_files_that_hold_no_rules_change_nothing(made, folder, name):
    _, reload = made
    (folder / name).write_text("draft")

    assert not reload.reload_rules()


def test_a_file_put_in_the_place_of_another_is_seen_whatever_its_time_and_length(made, folder):
    _, reload = made
    old = folder / "odd.yml"
    new = folder / "odd.new"
    new.write_text(RULE.replace("LOGIN_ODD", "LOGIN_EVE"))
    shutil.copystat(old, new)
    new.rename(old)

    assert reload.reload_rules()


def test_rules_that_come_and_go_are_named(made, folder):
    _, reload = made
    second = RULE.replace("9a01", "9a09").replace("odd-status", "odder-status")
    (folder / "odder.yml").write_text(second)
    (folder / "odd.yml").write_text("")

    with capture_logs() as logs:
        reload.reload_rules()

    (told,) = [line for line in logs if line["event"] == "rules_loaded"]
    assert (1, ["odder-status"], ["odd-status"]) == (told["rules"], told["added"], told["gone"])


def test_a_folder_that_is_gone_for_a_while_leaves_the_set_before_at_work(made, folder):
    bench, reload = made
    folder.rename(folder.parent / "away")
    refused = not reload.reload_rules(), len(loading(bench).problems)
    bench.pipeline.ingest(bench.write_batch("Login", [build_login_row(LOGIN_STATUS="LOGIN_ODD")]))
    (folder.parent / "away").rename(folder)

    assert (True, 1) == refused
    assert ["Odd status"] == titles(bench)
    reload.reload_rules()
    assert () == loading(bench).problems


def test_hidden_files_are_no_rules(made, folder):
    """Editors lock files so, and Kubernetes keeps what it mounts in such folders."""
    _, reload = made
    (folder / ".#odd.yml").write_text("title: [\n")
    (folder / "..2026_11_20").mkdir()
    (folder / "..2026_11_20" / "odd.yml").write_text(RULE)

    assert not reload.reload_rules()


def test_the_outline_is_of_the_rules_at_work(made, folder):
    bench, reload = made

    assert ["odd-status"] == outlined(bench, folder)
    (folder / "lists" / "bad_ip.yml").write_text("entries: [192.0.2.1]\n")
    (folder / "known.yml").write_text(LISTED)
    assert None is outlined(bench, folder)
    reload.reload_rules()

    assert [rule.name for rule in reload.rules.rules] == outlined(bench, folder)
