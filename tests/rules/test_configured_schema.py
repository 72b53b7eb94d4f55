"""Rules name what the files of their orgs have, and what no event can say is told."""

from __future__ import annotations

import pytest

from collector.api.rule_lint import build_lint_report, list_unknown_fields
from collector.app.configuration import read_configuration
from collector.detect import RuleSet
from collector.errors import RulesError
from collector.rules.configured_schema import build_event_schema
from collector.rules.hot_reload import RuleReloader
from collector.rules.rule_files import load_rule_files, load_rules
from fakes.pipeline_bench import build_login_row, open_pipeline_bench

CONFIG = """\
state_dir: state
orgs:
  - name: acme
    login_url: https://acme.my.salesforce.com
    auth: {flow: client_credentials, client_id: c, client_secret: "${env:SECRET}"}
"""
RULE = """\
title: Something new
id: 0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9b01
name: something-new
level: high
logsource: {product: salesforce, service: Login}
detection:
  new: {BRAND_NEW: x}
  condition: new
collector: {title: "{BRAND_NEW} by {user_name|somebody}", dedup: {key: [user_id]}}
"""
FILTER = """\
title: Not this one
id: 0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9b02
name: not-this
logsource: {product: salesforce, service: Login}
filter:
  rules: [something-new]
  robots: {OTHER_NEW: robot}
  condition: not robots
"""


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "collector.yaml").write_text(CONFIG)
    return read_configuration(tmp_path / "collector.yaml", {"SECRET": "s"}).settings


@pytest.fixture
def rule(tmp_path):
    path = tmp_path / "new.yml"
    path.write_text(f"{RULE}---\n{FILTER}")
    return path


def collect(folder, *rows, rules=None):
    with open_pipeline_bench(folder, rules=rules) as bench:
        bench.pipeline.ingest(bench.write_batch("Login", rows))
        return [alert.title for alert in bench.list_alerts()]


def test_rules_and_filters_name_columns_that_collected_files_have(settings, rule, tmp_path):
    new = [
        build_login_row(
            number,
            BRAND_NEW="x",
            OTHER_NEW=other,
            USER_NAME=f"user{number}@acme.com",
            USER_ID=f"00500000000000{number}",
        )
        for number, other in enumerate(["robot", ""])
    ]
    before = build_event_schema(settings)
    with pytest.raises(RulesError) as refused:
        load_rule_files([rule], schema=before)
    collect(tmp_path, build_login_row(9, BRAND_NEW="", OTHER_NEW=""))

    schema = build_event_schema(settings)
    rules = load_rule_files([rule], schema=schema)

    assert {"BRAND_NEW", "OTHER_NEW"} <= {
        problem.message.split("'")[1] for problem in refused.value.problems
    }
    assert ["x by user1@acme.com"] == collect(tmp_path / "again", *new, rules=rules)
    told = [f"{each.line}: {each.message}" for each in list_unknown_fields(rules, schema)]
    assert [
        "7: nobody documents 'BRAND_NEW' of Login, though files have it",
        "9: unknown field 'BRAND_NEW'",
        "17: nobody documents 'OTHER_NEW' of Login, though files have it",
    ] == sorted(told, key=lambda line: int(line.partition(":")[0]))
    linted = build_lint_report(rules, schema=schema).warnings
    assert not [each for each in linted if "never" in each.problem.message]


def test_what_no_file_has_is_refused_with_the_nearest_name_of_all(settings, rule, tmp_path):
    collect(tmp_path, build_login_row(BRAND_NEW="x", OTHER_NEW=""))
    rule.write_text(RULE.replace("new: {BRAND_NEW", "new: {BRAND_NEWS"))

    with pytest.raises(RulesError) as refused:
        load_rule_files([rule], schema=build_event_schema(settings))

    assert str(refused.value).endswith("Login has no field 'BRAND_NEWS', did you mean 'BRAND_NEW'?")


IMPOSSIBLE = {
    "org: acmee": "'org' is never 'acmee', did you mean 'acme'?",
    "org|startswith: prod": "'org' is never 'prod'; known are acme",
    "source_ip: [192.0.2.7, me]": "'source_ip' is never 'me', which is no address",
    "outcome: failed": "'outcome' is never 'failed', did you mean 'failure'?",
    "event_type: Logn": "'event_type' is never 'Logn', did you mean 'Login'?",
    "source: org_limit": "'source' is never 'org_limit', did you mean 'org_limits'?",
    "user.is_admin: maybe": "'user.is_admin' is never 'maybe'; known are false, true",
}


def test_tuning_that_asks_for_what_cannot_be_is_refused(tmp_path):
    path = tmp_path / "collector.yaml"
    entries = [
        f"    'cli-*{'*' * number}': {{{key}: {{{condition}}}}}\n"
        for number, condition in enumerate(IMPOSSIBLE)
        for key in ("only", "exclude")[number % 2 :][:1]
    ]
    path.write_text(f"{CONFIG}rules:\n  tune:\n{''.join(entries)}")
    settings = read_configuration(path, {"SECRET": "s"}).settings

    with pytest.raises(RulesError) as refused:
        load_rules(settings.rules, schema=build_event_schema(settings))

    assert [(number, message) for number, message in enumerate(IMPOSSIBLE.values(), 8)] == [
        (each.line, each.message) for each in refused.value.problems
    ]


def test_tuning_that_asks_for_what_can_be_is_taken(tmp_path):
    conditions = (
        "org: [ACME, 'ac*'], source_ip: [192.0.2.7, 198.51.100.0/24, '10.*', '2001:db8::1'],"
        " outcome|contains: fail, user.is_admin: true, event_type: Login, source: event_log_file"
    )
    path = tmp_path / "collector.yaml"
    path.write_text(f"{CONFIG}rules:\n  tune:\n    cli-activity: {{only: {{{conditions}}}}}\n")
    settings = read_configuration(path, {"SECRET": "s"}).settings

    rules = load_rules(settings.rules, schema=build_event_schema(settings))

    assert [] == [each for each in rules.tuning_warnings if "never" in each.message]


def test_lint_tells_of_a_rule_that_waits_for_what_cannot_be(settings, rule):
    text = RULE.replace("BRAND_NEW: x", "source_ip: nonsense, org: acmee, outcome: success")
    cases = "{severity: [{field: user.is_admin, eq: yes please, level: low}], "
    rule.write_text(
        text.replace("{BRAND_NEW} by ", "").replace("collector: {", "collector: " + cases)
    )
    schema = build_event_schema(settings)

    report = build_lint_report(load_rule_files([rule], schema=schema), schema=schema)

    assert [
        (7, "'source_ip' is never 'nonsense', which is no address"),
        (7, "'org' is never 'acmee', did you mean 'acme'?"),
        (9, "'user.is_admin' is never 'yes please'; known are false, true"),
    ] == [
        (each.problem.line, each.problem.message)
        for each in report.warnings
        if "never" in each.problem.message
    ]


@pytest.mark.slow
def test_a_daemon_takes_a_refused_rule_over_once_files_have_its_columns(settings, rule, tmp_path):
    with open_pipeline_bench(tmp_path, rules=RuleSet(rules=())) as bench:
        reloader = RuleReloader(
            load_rules=lambda: load_rule_files([rule], schema=build_event_schema(settings)),
            paths=[rule],
            file_stamps=frozenset(),
            rules=RuleSet(rules=()),
            pipeline=bench.pipeline,
            database=bench.database,
            list_newest_days=bench.places.archive.list_newest_days,
        )
        assert [False, False] == [reloader.reload_rules(), reloader.reload_rules()]
        assert 3 == len(reloader.problems)
        rows = [build_login_row(BRAND_NEW="", OTHER_NEW="")]
        bench.pipeline.ingest(bench.write_batch("Login", rows))

        assert [True, False] == [reloader.reload_rules(), reloader.reload_rules()]
        assert ["something-new"] == [each.name for each in reloader.rules.rules]
        assert () == reloader.problems
