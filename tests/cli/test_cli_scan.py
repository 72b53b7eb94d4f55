"""`scan` runs the shipped rules over files, without an org, and says what it could not examine."""

from __future__ import annotations

import gzip
import json
import os

import pytest
from cli.conftest import AGENT
from cli.processes import invoke_command, parse_lines, run_collector

from collector.demo.event_log import render_csv_line
from collector.errors import RulesError

HEADER = render_csv_line(["EVENT_TYPE", "TIMESTAMP_DERIVED", "USER_NAME", "BROWSER_TYPE"])


def login(agent="Mozilla/5.0", user="ada@acme.com"):
    return render_csv_line(["Login", "2026-03-01T10:00:00.000Z", user, agent])


@pytest.fixture
def log(tmp_path):
    """A log with one login that alerts."""
    path = tmp_path / "2026-03-01_Login.csv"
    path.write_text(HEADER + login() + login(AGENT))
    return path


def test_alerts_go_to_stdout_and_what_was_read_to_stderr(log):
    process = run_collector("scan", "--json", log, cwd=log.parent)
    (alert,) = [json.loads(line) for line in process.stdout.splitlines()]

    assert 0 == process.returncode
    assert ("cli-activity", "high", "scan") == (alert["rule"], alert["severity"], alert["org"])
    assert f"{log}: 2 Login events, 1 alert\n" == process.stderr


def test_people_get_a_table_in_which_nothing_acts(log):
    result = invoke_command("scan", log)

    assert 0 == result.exit_code
    assert "[31m<b>=1+1" in result.stdout
    assert result.stdout.replace("\n", "").isprintable()


def test_the_same_events_count_once(log):
    packed = log.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(log.read_bytes()))
    result = invoke_command("scan", "--json", log, packed, log, log.parent)

    assert [1] == [alert["count"] for alert in parse_lines(result)]
    assert f"{log}: 2 Login events, 1 alert\n" in result.stderr
    assert f"{packed}: 0 Login events, the same as an earlier file\n" in result.stderr
    assert 2 == len(result.stderr.splitlines())


def test_stored_events_that_come_twice_are_called_duplicates(tmp_path):
    event = {
        "attributes": {"type": "ApiEvent"},
        "EventIdentifier": "e1",
        "EventDate": "2026-03-01T10:00:00.000+0000",
        "UserAgent": "Salesforce-CLI/1.0",
    }
    path = tmp_path / "events.ndjson"
    path.write_text("".join(json.dumps(event) + "\n" for _ in range(3)))
    result = invoke_command("scan", "--json", path)

    assert [1] == [alert["count"] for alert in parse_lines(result)]
    assert f"{path}: 1 ApiEvent event, 2 duplicates left out, 1 alert\n" == result.stderr


def test_what_cannot_be_examined_is_told_and_the_rest_goes_on(log):
    (log.parent / "a.csv.gz").write_bytes(b"\x1f\x8b")
    (log.parent / "b.csv").write_text('"Id"\n"1"\n')
    (log.parent / "c\x1b[31m.json").write_text("{")
    result = invoke_command("scan", "--json", "-r", log.parent)
    told = result.stderr.splitlines()

    assert 1 == result.exit_code
    assert 1 == len(parse_lines(result))
    assert 4 == len(told)
    assert "b.csv: its event type cannot be told: give --type" in result.stderr
    assert "\x1b" not in result.stderr


def test_a_type_is_given_in_any_case_and_a_misspelt_one_is_noticed(log):
    assert "2 Logout events" in invoke_command("scan", "--type", "logout", log).stderr
    told = invoke_command("scan", "--type", "Logn", log).stderr

    assert "did you mean Login?" in told
    assert "2 Logn events, no rule looks at this type" in told
    assert 2 == invoke_command("scan", "--type", "../x", log).exit_code


def test_further_rules_are_rules_and_not_logs(log, tmp_path):
    """As a shell writes `--rules *.yml`."""
    rule = (
        "title: Any\nname: {0}\nlevel: low\nlogsource: {{product: salesforce, service: Login}}\n"
        "detection: {{any: {{user_name|exists: true}}, condition: any}}\n"
    )
    paths = [tmp_path / f"{name}.yml" for name in ("one", "two")]
    for path in paths:
        path.write_text(rule.format(path.stem))
    result = invoke_command("scan", "--json", "--rules", *paths, log)

    assert {"cli-activity", "one", "two"} == {each["rule"] for each in parse_lines(result)}
    told = invoke_command("scan", log, paths[0])
    assert 2 == told.exit_code
    assert f"{paths[0]} is no log: give rules with --rules" in told.stderr


def test_a_type_is_looked_at_by_the_rules_over_what_is_derived_from_it(tmp_path):
    """`BulkJob` is made of `BulkApi2`."""
    log = tmp_path / "bulk.csv"
    log.write_text(
        '"EVENT_TYPE","TIMESTAMP_DERIVED","USER_ID","JOB_ID","OPERATION_TYPE","ENTITY_TYPE",'
        '"RECORDS_PROCESSED","JOB_STATUS"\n"BulkApi2","2026-03-01T10:40:00.000Z",'
        '"005000000000001","750000000000001","query","Contact","520000","JobComplete"\n'
    )

    assert f"{log}: 1 BulkApi2 event, 1 alert\n" == invoke_command("scan", log).stderr


def test_rules_of_ones_own_are_added(log, tmp_path):
    rule = tmp_path / "mine.yml"
    rule.write_text(
        "title: Any login\nid: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b11\nname: any-login\nlevel: low\n"
        "logsource: {product: salesforce, service: Login}\n"
        "detection: {a: {user_name|contains: ada}, condition: a}\n"
        "collector: {title: '{user_name} logged in', dedup: {key: [user_name], window: 1h}}\n"
    )
    result = invoke_command("scan", "--json", "--rules", rule, log)

    assert {"any-login", "cli-activity"} == {alert["rule"] for alert in parse_lines(result)}


def test_a_large_log_is_read_to_its_end(tmp_path):
    path = tmp_path / "large.csv"
    path.write_text(HEADER + login() * 100_000 + login(AGENT, "eve@acme.com"))
    result = invoke_command("scan", "--json", path)

    assert ["eve@acme.com"] == [alert["entities"]["user_name"] for alert in parse_lines(result)]
    assert "100,001 Login events, 1 alert" in result.stderr


def test_records_of_nothing_are_called_so(tmp_path):
    path = tmp_path / "answer.json"
    path.write_text('{"records": []}')

    assert f"{path}: no records\n" == invoke_command("scan", path).stderr


def test_one_bad_record_is_told_with_its_line_and_the_others_are_read(log):
    log.write_text(HEADER + login() + '"Login","2026\n' + login(AGENT))
    result = invoke_command("scan", "--json", log)

    assert 1 == result.exit_code
    assert ["cli-activity"] == [alert["rule"] for alert in parse_lines(result)]
    assert [
        f"{log}: cannot be read: segment 0: 1 record: line 3: text after a closing quote",
        f"{log}: 2 Login events, 1 alert",
    ] == result.stderr.splitlines()


def test_events_of_unknown_time_are_told_and_shown_as_such(log):
    log.write_text(HEADER + login(AGENT).replace("2026-03-01T10:00:00.000Z", "1.3.26 10:00"))
    told = invoke_command("scan", log)

    assert "1 Login event, 1 of unknown time (the file's is shown), 1 alert" in told.stderr
    assert "time unknown" in told.stdout


@pytest.mark.parametrize("first", ["Login\n", login("x" * 200_000)], ids=["bad", "long"])
def test_the_type_is_that_of_the_first_record_that_can_be_read(tmp_path, first):
    path = tmp_path / "export.csv"
    path.write_text(HEADER + first + login(AGENT))
    result = invoke_command("scan", "--json", path)

    assert ["cli-activity"] == [alert["rule"] for alert in parse_lines(result)]


@pytest.mark.slow
def test_a_pipe_is_refused_in_a_sentence_and_nobody_waits_for_who_writes_to_it(log, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    named = run_collector("scan", tmp_path / "pipe.csv", log, cwd=tmp_path)

    assert 1 == named.returncode
    assert (
        f"{tmp_path}/pipe.csv: cannot be read: it is no regular file, but a pipe or a device\n"
    ) in named.stderr
    assert f"{log}: " in named.stderr
    rules = invoke_command("scan", "--rules", tmp_path / "pipe.csv", log)
    with pytest.raises(RulesError, match="it is a pipe that nobody writes to"):
        raise rules.exception
