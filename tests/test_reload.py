"""Rules and lists are read again when their files change; a broken file changes nothing."""

import pytest

from collector import engine
from collector.assembly import SCHEMA
from collector.detect import lists, load
from collector.health import symptoms
from collector.pipeline import Pipeline, Places
from collector.reload import Reload
from collector.store import rules as rule_store
from collector.store.database import open_database
from collector.store.vitals import vitals
from fakes.nouns import NOON
from fakes.path import Bench, login

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
    places = Places(state_dir=tmp_path / "state")
    places.make()
    database = open_database(places.state_dir)
    connection = engine.connect(places.spool)

    def read():
        return load([folder], schema=SCHEMA, lists=lists.load([folder]))

    rules = read()
    pipeline = Pipeline(database=database, connection=connection, places=places, rules=rules)
    reload = Reload(load=read, paths=[folder], rules=rules, pipeline=pipeline, database=database)
    reload.begin()
    yield Bench(places=places, database=database, pipeline=pipeline), reload
    connection.close()
    database.close()


def loading(bench):
    with bench.database.read() as connection:
        return rule_store.loading(connection)


def titles(bench):
    return sorted(alert.title for alert in bench.alerts())


def logins(*addresses, first=0):
    return [
        login(number, SOURCE_IP=address, TIMESTAMP_DERIVED=f"2026-03-01T12:{number:02}:00.000Z")
        for number, address in enumerate(addresses, first)
    ]


def test_nothing_is_loaded_while_nothing_changes(made):
    _, reload = made

    assert not reload.look()


def test_a_changed_rule_judges_what_comes_from_then_on(made, folder):
    bench, reload = made
    bench.pipeline.ingest(bench.batch("Login", [login(LOGIN_STATUS="LOGIN_STRANGE")], key="a" * 32))
    (folder / "odd.yml").write_text(RULE.replace("LOGIN_ODD", "LOGIN_STRANGE"))

    assert reload.look()
    bench.pipeline.ingest(bench.batch("Login", [login(LOGIN_STATUS="LOGIN_STRANGE")], key="b" * 32))

    assert [1] == [alert.count for alert in bench.alerts()]


def test_a_broken_file_leaves_the_set_before_at_work_and_says_where(made, folder):
    bench, reload = made
    (folder / "odd.yml").write_text(RULE.replace("status:", "stattus:"))

    assert not reload.look()
    bench.pipeline.ingest(bench.batch("Login", [login(LOGIN_STATUS="LOGIN_ODD")]))

    (problem,) = loading(bench).problems
    assert problem.startswith(f"{folder / 'odd.yml'}:7:9: ")
    assert ["Odd status"] == titles(bench)


def test_a_broken_file_is_a_symptom_until_it_is_mended(made, folder):
    bench, reload = made
    (folder / "odd.yml").write_text("title: [")
    reload.look()
    broken = states(bench)
    (folder / "odd.yml").write_text(RULE)
    reload.look()

    assert (["broken"], []) == (broken, states(bench))


def states(bench):
    with bench.database.read() as connection:
        seen = vitals(connection, now=NOON.replace(year=2100))
    found = symptoms(seen, {}, now=NOON.replace(year=2100), started=NOON)
    return [symptom.state for symptom in found]


def test_a_new_indicator_finds_last_weeks_login(made, folder):
    bench, reload = made
    (folder / "lists" / "bad_ip.yml").write_text("entries: [192.0.2.1]\n")
    (folder / "known.yml").write_text(LISTED)
    reload.look()
    bench.pipeline.ingest(bench.batch("Login", logins("203.0.113.7", "192.0.2.1")))
    before = titles(bench)
    (folder / "lists" / "bad_ip.yml").write_text("entries: [192.0.2.1, 203.0.113.0/24]\n")

    reload.look()

    assert ["An address that is known"] == before
    assert 2 == sum(alert.count for alert in bench.alerts())


def test_a_correlation_of_a_rule_with_a_list_sees_the_archive_again(made, folder):
    bench, reload = made
    (folder / "lists" / "bad_ip.yml").write_text("entries: [192.0.2.1]\n")
    (folder / "known.yml").write_text(LISTED)
    reload.look()
    for number in range(3):
        batch = bench.batch("Login", logins("203.0.113.7", first=number), key=str(number) * 32)
        bench.pipeline.ingest(batch)
    (folder / "lists" / "bad_ip.yml").write_text("entries: [192.0.2.1, {cidr: 203.0.113.0/24}]\n")

    reload.look()

    assert "Three logins from addresses that are known" in titles(bench)


def test_matching_again_tells_nothing_twice(made, folder):
    bench, reload = made
    (folder / "lists" / "bad_ip.yml").write_text("entries: [203.0.113.7]\n")
    (folder / "known.yml").write_text(LISTED)
    reload.look()
    bench.pipeline.ingest(bench.batch("Login", logins("203.0.113.7")))
    before = bench.alerts()
    (folder / "lists" / "bad_ip.yml").write_text("entries: [203.0.113.7, 192.0.2.1]\n")

    reload.look()

    assert before == bench.alerts()


def test_what_a_list_gained_while_nobody_was_at_work_is_matched_at_the_start(made, folder):
    bench, reload = made
    (folder / "lists" / "bad_ip.yml").write_text("entries: [192.0.2.1]\n")
    (folder / "known.yml").write_text(LISTED)
    reload.look()
    bench.pipeline.ingest(bench.batch("Login", logins("203.0.113.7")))
    (folder / "lists" / "bad_ip.yml").write_text("entries: [203.0.113.7]\n")
    grown = load([folder], schema=SCHEMA, lists=lists.load([folder]))
    bench.pipeline.use(grown)

    Reload(
        load=lambda: grown,
        paths=[folder],
        rules=grown,
        pipeline=bench.pipeline,
        database=bench.database,
    ).begin()

    assert ["An address that is known"] == titles(bench)
