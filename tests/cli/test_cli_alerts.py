"""`alerts` lists what was found and shows one in full; titles are hostile."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from cli.processes import invoke_command, parse_lines, run_collector, write_config

from collector import clock
from collector.cli.alerts.list import TABLE_ALERTS
from collector.errors import CollectorError
from collector.model import Severity
from collector.store import alerts
from collector.store.database import open_database
from fakes.model_samples import build_alert
from hostile.strings import HOSTILE_STRINGS

KEYS = {
    *("id", "rule", "title", "severity", "status", "org", "first_time", "last_time", "count"),
    *(
        "late_seconds",
        "entities",
        "participants",
        "evidence",
        "attack",
        "triage",
        "references",
        "created",
    ),
    *("revision", "dedup", "context"),
}

STORABLE = [text for text in HOSTILE_STRINGS if not re.search("[\ud800-\udfff]", text)]
"""What an event can hold: halves of surrogate pairs end before the archive."""


@pytest.fixture
def listed(tmp_path):
    """A configuration whose state holds three alerts: an hour, two days and nine days old."""
    config = write_config(tmp_path, "https://acme.my.salesforce.com")
    now = clock.now()
    found = [
        build_alert(
            id=f"{number}{'0' * 19}",
            rule=rule,
            title=title,
            severity=severity,
            first_time=now - age,
            last_time=now - age,
        )
        for number, (rule, title, severity, age) in enumerate(
            [
                ("odd-login", "An hour ago", Severity.LOW, timedelta(hours=1)),
                ("odd-login", "Two days ago", Severity.CRITICAL, timedelta(days=2)),
                ("odd-export", "Nine days ago", Severity.HIGH, timedelta(days=9)),
            ]
        )
    ]
    _save(tmp_path, *found)
    return config


def _save(folder, *found):
    (folder / "state").mkdir()
    database = open_database(folder / "state")
    with database.begin() as connection:
        alerts.save_alerts(connection, found, {})
    database.close()


def titles(config, *options):
    return [
        line["title"]
        for line in parse_lines(invoke_command("alerts", "list", "--json", "-c", config, *options))
    ]


def test_the_newest_comes_first(listed):
    assert ["An hour ago", "Two days ago", "Nine days ago"] == titles(listed)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--since", "24h"], ["An hour ago"]),
        (["--since", "7d"], ["An hour ago", "Two days ago"]),
        (["--since", "30s"], []),
        (["--min-severity", "high"], ["Two days ago", "Nine days ago"]),
        (["--min-severity", "CRITICAL"], ["Two days ago"]),
        (["--rule", "odd-export"], ["Nine days ago"]),
        (["--limit", "1"], ["An hour ago"]),
        (["--since", "7d", "--min-severity", "medium"], ["Two days ago"]),
    ],
    ids=" ".join,
)
def test_the_list_can_be_narrowed(listed, options, expected):
    assert expected == titles(listed, *options)


def test_a_table_shows_the_newest_and_says_so_and_json_has_all(tmp_path):
    config = write_config(tmp_path, "https://acme.my.salesforce.com")
    newest = clock.now()
    found = [
        build_alert(
            id=f"{number:020}",
            title=f"Alert {number:03}.",
            first_time=newest - number * timedelta(minutes=1),
            last_time=newest - number * timedelta(minutes=1),
        )
        for number in range(TABLE_ALERTS + 1)
    ]
    _save(tmp_path, *found)
    whole, some = (
        invoke_command("alerts", "list", "-c", config, *options)
        for options in ((), ("--limit", "3"))
    )

    assert TABLE_ALERTS == whole.stdout.count("Alert ")
    assert f"Alert {TABLE_ALERTS:03}." not in whole.stdout
    assert f"only the newest {TABLE_ALERTS:,} alerts: see --limit and --since\n" == whole.stderr
    assert (3, "") == (some.stdout.count("Alert "), some.stderr)
    assert TABLE_ALERTS + 1 == len(titles(config))


@pytest.mark.parametrize("since", ["24", "5 h", "-1d", "0x1d", "99999d"])
def test_what_is_no_duration_is_refused_with_an_example(listed, since):
    result = invoke_command("alerts", "list", "-c", listed, "--since", since)

    assert 2 == result.exit_code
    assert "must be" in result.stderr


def test_people_get_a_table_and_are_told_when_it_is_empty(listed):
    screen = invoke_command("alerts", "list", "-c", listed).stdout

    assert ["id", "severity", "last", "event", "alert"] == screen.splitlines()[0].split()
    assert "10000000  critical" in screen
    assert "odd-login, 1 event, acme" in screen
    assert "no alerts\n" == invoke_command("alerts", "list", "-c", listed, "--rule", "none").stdout


def test_one_is_shown_by_the_beginning_of_its_id(listed):
    screen = invoke_command("alerts", "show", "10", "-c", listed).stdout
    shown = json.loads(invoke_command("alerts", "show", "10", "--json", "-c", listed).stdout)

    assert "Two days ago" in screen
    assert "Critical" in screen
    assert "Two days ago" == shown["title"]
    assert KEYS | {"deliveries"} == shown.keys()
    assert "Told: nobody." in screen


def test_an_id_that_fits_none_or_several_is_told_in_a_sentence(tmp_path):
    config = write_config(tmp_path, "https://acme.my.salesforce.com")
    _save(tmp_path, build_alert(id="aa1"), build_alert(id="aa2"))

    for prefix, words in (("b", "no alert has an id"), ("aa", "several alerts"), ("%", "no alert")):
        with pytest.raises(CollectorError, match=words):
            raise invoke_command("alerts", "show", prefix, "-c", config).exception
    process = run_collector("alerts", "show", "b\x1b[31m", "-c", config, cwd=tmp_path)

    assert (1, "") == (process.returncode, process.stdout)
    assert process.stderr.isascii()
    assert "\x1b" not in process.stderr


def test_what_went_on_in_another_alert_is_not_listed_and_says_where_it_went(tmp_path):
    config = write_config(tmp_path, "https://acme.my.salesforce.com")
    gone = build_alert(id="a" * 20, status="merged", merged_into="b" * 20)
    over = build_alert(id="c" * 20, status="withdrawn", reason="It was late.")
    _save(tmp_path, gone, over)

    (listed,) = parse_lines(invoke_command("alerts", "list", "--json", "-c", config))
    (shown,) = parse_lines(invoke_command("alerts", "show", "--json", "aaaa", "-c", config))
    assert (over.id, "withdrawn", "It was late.") == tuple(
        listed[name] for name in ("id", "status", "reason")
    )
    assert ("merged", gone.merged_into) == (shown["status"], shown["merged_into"])
    assert "reason" not in shown
    assert (
        f"went on in the alert {gone.merged_into}"
        in invoke_command("alerts", "show", "aaaa", "-c", config).output
    )
    assert "withdrawn: odd-login" in invoke_command("alerts", "list", "-c", config).output


def test_all_alerts_are_listed_if_asked_for_with_those_that_went_on_in_another(tmp_path):
    config = write_config(tmp_path, "https://acme.my.salesforce.com")
    gone = build_alert(id="a" * 20, status="merged", merged_into="b" * 20)
    _save(tmp_path, gone, build_alert(id="b" * 20))

    assert {gone.id: "merged", "b" * 20: "open"} == {
        line["id"]: line["status"]
        for line in parse_lines(invoke_command("alerts", "list", "--all", "--json", "-c", config))
    }


def test_hostile_titles_act_on_no_terminal(tmp_path):
    config = write_config(tmp_path, "https://acme.my.salesforce.com")
    hostile = [build_alert(id=f"{n:020}", title=text, rule=text) for n, text in enumerate(STORABLE)]
    bidi = build_alert(
        id="bidi", title="\x1b[31m\u202e", entities={"user_name": "\x9b31m\n"}, triage="\x07"
    )
    _save(tmp_path, *hostile, bidi)
    commands = (["list"], ["list", "--json"], ["show", "bidi"], ["show", "bidi", "--json"])
    for command in commands:
        result = invoke_command("alerts", *command, "-c", config)

        assert 0 == result.exit_code
        assert result.stdout.replace("\n", "").isprintable()

    assert sorted([*STORABLE, bidi.title]) == sorted(titles(config))


def test_the_alert_of_a_real_pass_has_the_documented_form(polled):
    (found,) = parse_lines(invoke_command("alerts", "list", "--json", "-c", polled.config))

    assert ("cli-activity", "high", "open", "acme") == tuple(
        found[key] for key in ("rule", "severity", "status", "org")
    )
    assert found["first_time"].endswith("Z")
    assert "eve@acme.com" == found["entities"]["user_name"]
    assert "203.0.113.7" == found["evidence"][0]["source_ip"]
