"""`collector status --completeness`: a proof for people, for scripts, and an exit code."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from collector.cli.status import command
from collector.demo import EmbeddedOrg, InjectedFault, OrgStore
from collector.errors import CollectorError
from fakes.collector_setup import (
    DAY,
    HOUR,
    build_log_file,
    build_login_rows,
    open_test_collector,
    poll_sources,
    write_config,
)

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
FIRST = TODAY - 5 * DAY


@pytest.fixture
def org():
    store = OrgStore()
    store.add_files([build_log_file(n, FIRST + n * HOUR) for n in range(3)])
    store.add_files([build_log_file(9, FIRST, rows=9, sequence=0, created=FIRST + DAY + 3 * HOUR)])
    store.add_rows("LoginHistory", *build_login_rows(TODAY - DAY, 5, HOUR))
    with EmbeddedOrg(store) as served:
        yield served


@pytest.fixture
def config(org, tmp_path):
    sources = {"event_log_file": {"settle": "0s", "lookback": "9d"}, "login_history": {}}
    return write_config(tmp_path, org, **sources)


def collect(config):
    with open_test_collector(config) as collector:
        poll_sources(collector)


def status(config, *options):
    done = CliRunner().invoke(command, ["-c", str(config), "--completeness", *options])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return done


def lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_it_says_that_nothing_is_missing_and_ends_with_0(config):
    collect(config)
    done = status(config)

    assert 0 == done.exit_code
    assert "nothing is missing" in done.stdout
    assert "acme has listed" in done.stdout


def test_every_line_of_json_says_what_it_is(config):
    collect(config)
    told = lines(status(config, "--json"))

    assert {"count", "windows", "archived", "proof"} == {line["kind"] for line in told}
    login = next(line for line in told if line.get("event_type") == "Login" and "listed" in line)
    assert {"listed": 3, "fetched": 3, "stored": 3, "lost": 0, "pending": 0, "rows": 9} == {
        key: login[key] for key in ("listed", "fetched", "stored", "lost", "pending", "rows")
    }
    assert (True, []) == (told[-1]["complete"], told[-1]["problems"])


def test_what_is_missing_makes_it_end_with_1(org, config):
    ragged = replace(build_log_file(5, FIRST + 5 * HOUR), content=b'"EVENT_TYPE","A"\n"Login"\n')
    org.store.add_files([ragged])
    collect(config)
    done = status(config, "--json")

    assert 1 == done.exit_code
    assert not lines(done)[-1]["complete"]
    assert "missing: acme/event_log_file/Login: 1 files quarantined" in status(config).stdout


def test_daily_files_are_counted_on_request(config):
    collect(config)
    (listed,) = [line for line in lines(status(config, "--json", "--daily")) if _is_day(line)]
    counted = lines(status(config, "--json", "--verify-daily", "Log*"))
    (equal,) = [line for line in counted if _is_day(line)]

    assert ("not counted", None) == (listed["verdict"], listed["daily_rows"])
    assert ("equal", 9, 9) == (equal["verdict"], equal["daily_rows"], equal["hourly_rows"])


def _is_day(line):
    return line["kind"] == "daily"


@pytest.mark.slow
def test_hostile_names_are_made_harmless(org, config):
    org.inject_faults(
        InjectedFault(address_pattern="/LogFile", times=None, status=200, body="<b>\x1b[31mred")
    )
    collect(config)
    done = status(config)

    assert "\x1b" not in done.stdout
    assert 0 == done.exit_code, "what is pending is not missing"


def test_before_anything_was_collected_it_says_so(config):
    done = CliRunner().invoke(command, ["-c", str(config), "--completeness"])

    assert isinstance(done.exception, CollectorError)
    assert "nothing has been collected yet" in str(done.exception)
