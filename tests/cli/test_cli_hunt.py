"""`hunt` prints what a SELECT finds, in three forms, and says what is wrong with the others."""

from __future__ import annotations

import csv
import io
import os

import pytest
from cli.conftest import AGENT
from cli.processes import invoke_command, parse_lines, run_collector, write_config

from collector.errors import CollectorError, HuntError
from collector.store.database import open_database

AGENTS = (
    "SELECT BROWSER_TYPE AS user_agent, NULL AS nothing, time, -5 AS number, -1.5 AS part"
    " FROM Login ORDER BY 1"
)


def hunt(polled, *arguments):
    return invoke_command("hunt", "-c", polled.config, *arguments)


def rows(result):
    return list(csv.reader(io.StringIO(result.stdout)))


def test_json_is_one_row_a_line_with_null_and_iso_times(polled):
    found = parse_lines(hunt(polled, "--format", "json", AGENTS))

    assert 3 == len(found)
    assert AGENT == found[-1]["user_agent"]
    assert None is found[0]["nothing"]
    assert found[0]["time"].endswith("00:00.000Z")
    assert (-5, -1.5) == (found[0]["number"], found[0]["part"])
    assert found == parse_lines(hunt(polled, "--json", AGENTS))


def test_columns_of_one_name_are_told_apart_in_json(polled):
    assert [{"n": 1, "n_2": 2, "n_3": 3}] == parse_lines(
        hunt(polled, "--json", "SELECT 1 AS n, 2 AS n, 3 AS n")
    )


def test_csv_leaves_null_empty_and_numbers_as_they_are_and_runs_no_formula(polled):
    header, first, *_ = rows(hunt(polled, "--format", "csv", AGENTS))

    assert ["user_agent", "nothing", "time", "number", "part"] == header
    assert ["Mozilla/5.0", "", "-5", "-1.5"] == [first[0], first[1], *first[3:]]
    sql = "SELECT '=1+1' AS \"=A1\", '-5' AS b, E'x\\n@y' AS c, ['=1'] AS d, TRUE AS e"

    assert [["'=A1", "b", "c", "d", "e"], ["'=1+1", "'-5", "x\n'@y", '["=1"]', "true"]] == rows(
        hunt(polled, "--format", "csv", sql)
    )


def test_a_table_shows_hostile_text_harmlessly(polled):
    screen = hunt(polled, 'SELECT BROWSER_TYPE AS "[red]agent" FROM Login').stdout

    assert "\\x1b[31m\\u202e<b>=1+1" in screen
    assert "[red]agent" in screen
    assert screen.replace("\n", "").isprintable()


def test_every_type_that_the_engine_knows_can_be_printed(polled):
    sql = (
        "SELECT 'NaN'::DOUBLE, TIMESTAMP 'infinity', DATE '290000-01-01', INTERVAL 1 MONTH,"
        " MAP{DATE '2026-01-01': [1]}, {'a': NULL}, '\\x41'::BLOB, 1::HUGEINT, uuid(), '1'::BIT"
    )
    for style in ("table", "csv", "json"):
        assert 0 == hunt(polled, "--format", style, sql).exit_code


def test_more_rows_than_the_limit_are_announced_on_stderr(polled):
    result = hunt(polled, "--json", "--limit", "2", "SELECT * FROM events")

    assert 2 == len(parse_lines(result))
    assert "only the first 2 rows: see --limit\n" == result.stderr


def test_since_and_until_say_how_long_ago(polled):
    """The logins of `polled` are of the last hours; a type without any then is an empty view."""
    every, none, before = (
        parse_lines(hunt(polled, "--json", *span, "SELECT count(*) AS n FROM Login"))
        for span in (("--since", "30d"), ("--since", "1s"), ("--since", "40d", "--until", "30d"))
    )

    assert ([{"n": 3}], [{"n": 0}], [{"n": 0}]) == (every, none, before)
    result = hunt(polled, "--since", "1d", "--until", "2d", "SELECT 1")
    assert (2, True) == (result.exit_code, "longer ago than --until" in result.stderr)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("DROP VIEW events", "exactly one SELECT"),
        ("SELECT 1; SELECT 2", "exactly one SELECT"),
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT nothing FROM Login", "nothing"),
        ("SELECT * FROM Logins", "There are events, Login"),
        ("SELECT * FROM read_text('/etc/passwd')", "disabled"),
        ("SELECT error(chr(27) || '[31m' || chr(10) || 'x')", "\\x1b[31m x"),
    ],
)
def test_a_mistake_in_the_sql_is_one_sentence_and_exits_with_2(polled, sql, words):
    result = hunt(polled, sql)

    assert (2, "") == (result.exit_code, result.stdout)
    assert words in result.stderr.splitlines()[-1]
    assert "\x1b" not in result.stderr


def test_a_query_that_takes_too_long_exits_with_1(polled):
    endless = "SELECT count(*) FROM range(10000000) a, range(10000000) b"
    result = hunt(polled, "--seconds", "0.2", endless)

    assert (1, "") == (result.exit_code, result.stdout)
    with pytest.raises(HuntError, match=r"more than 0.2 seconds"):
        raise result.exception


def test_an_empty_archive_is_called_empty(tmp_path):
    config = write_config(tmp_path, "https://acme.my.salesforce.com")
    (tmp_path / "state").mkdir()
    open_database(tmp_path / "state").close()

    with pytest.raises(CollectorError, match="the archive is empty"):
        raise invoke_command("hunt", "-c", config, "SELECT * FROM events").exception


HOSTILE = "SELECT chr(27) || '[2J' || chr(8238) || chr(155) || chr(127) || chr(10) || 'x' AS text"


@pytest.mark.slow
@pytest.mark.parametrize("style", ["table", "csv", "json"])
def test_nothing_acts_on_a_terminal_in_any_format(polled, style, tmp_path):
    """In a real one: what is written there, byte by byte."""
    master, slave = os.openpty()
    ended = run_collector(
        *("hunt", "-c", polled.config, "--format", style, HOSTILE),
        cwd=tmp_path,
        stdout=slave,
        TERM="dumb",
    )
    shown = os.read(master, 10_000).decode()
    os.close(slave)
    os.close(master)

    assert (0, "") == (ended.returncode, ended.stderr)
    assert "[2J" in shown
    assert shown.replace("\r", "").replace("\n", "").isprintable()


def test_csv_in_a_file_is_what_the_query_found(polled):
    _, [text] = rows(hunt(polled, "--format", "csv", HOSTILE))

    assert "\x1b[2J\u202e\x9b\x7f\nx" == text


def test_an_answer_that_is_too_large_exits_with_1(polled):
    sql = "SELECT repeat('x', 100000) FROM range(100000)"
    result = hunt(polled, "--limit", "100000", sql)

    assert (1, "") == (result.exit_code, result.stdout)
    with pytest.raises(HuntError, match="more than 256 MB"):
        raise result.exception
