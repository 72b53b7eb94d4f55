"""`hunt --event` tells an event's whole way, for people and for scripts."""

from __future__ import annotations

import json
import shlex

import pytest
from cli.conftest import PLAIN_AGENT
from cli.processes import invoke_command, parse_lines, write_config

from collector.api.event_neighbours import NeighbourGroup
from collector.api.event_trace import AlertTrace, ConstituentEvent, EventTrace, to_json
from collector.cli import event_trace as shown
from collector.cli.output import print_json
from collector.errors import CollectorError
from collector.model import ArchiveFile, Severity, Stream
from collector.store.database import open_database
from collector.store.event_history import AlertMembership, BatchOrigin, DeliveryRecord
from collector.store.ledger import LedgerEntry
from fakes.model_samples import NOON, build_alert, build_log_file_facts
from hostile.strings import HOSTILE_STRINGS


@pytest.fixture
def uid(polled):
    """The uid of the event that alerted."""
    (listed,) = parse_lines(invoke_command("alerts", "list", "--json", "-c", polled.config))
    return listed["evidence"][0]["event_uid"]


def test_json_is_one_object_from_the_log_file_to_the_message(polled, uid):
    (way,) = parse_lines(invoke_command("hunt", "--event", uid, "--json", "-c", polled.config))
    (batch,) = way["batches"]
    (raised,) = way["alerts"]

    assert (uid, "acme", "Login") == (way["event_uid"], way["org"], way["event_type"])
    assert (PLAIN_AGENT, "eve@acme.com") == (way["event"]["user_agent"], way["event"]["user_name"])
    assert ("event_log_file", "0AT5f00000AAAAAAAA", 3) == (
        batch["source"],
        batch["facts"]["file"],
        batch["rows"],
    )
    assert [f"org=acme/event_type=Login/date={way['event']['time'][:10]}"] == [
        path.rpartition("/")[0] for path in way["files"]
    ]
    assert 4 * 3600 < way["late_seconds"] < 7 * 3600
    assert ("cli-activity", "high", [("here", "sent")]) == (
        raised["rule"],
        raised["severity"],
        [(told["channel"], told["state"]) for told in raised["deliveries"]],
    )
    assert [way] == parse_lines(
        invoke_command("hunt", "--event", uid, "--format", "json", "-c", polled.config)
    )


def test_people_see_it_in_tables_in_which_nothing_acts(polled, uid):
    screen = invoke_command("hunt", "--event", uid, "-c", polled.config).stdout
    words = " ".join(screen.split())

    for part in ("Where it came from", "Where it is", "What it says", "Who matched it"):
        assert part in words
    assert "file 0AT5f00000AAAAAAAA" in words
    assert "received 5 h" in words
    assert "here sent" in words
    assert "\\x1b[31m\\u202e<b>=1+1" in words
    assert screen.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give a SELECT, or --event"),
        (["--event", "e1", "SELECT 1"], "give a SELECT, or --event"),
        (["--event", "e1", "--format", "csv"], "not as CSV"),
    ],
)
def test_a_question_is_either_sql_or_an_event(polled, arguments, words):
    result = invoke_command("hunt", "-c", polled.config, *arguments)

    assert (2, "") == (result.exit_code, result.stdout)
    assert words in result.stderr


def test_an_unknown_uid_is_said_to_be_unknown(polled, tmp_path):
    empty = write_config(tmp_path, "https://acme.my.salesforce.com")
    (tmp_path / "state").mkdir()
    open_database(tmp_path / "state").close()
    for config in (polled.config, empty):
        result = invoke_command("hunt", "--event", "nobody's", "-c", config)

        assert (1, "") == (result.exit_code, result.stdout)
        with pytest.raises(CollectorError, match="no event has the uid"):
            raise result.exception


@pytest.mark.parametrize("text", [text for text in HOSTILE_STRINGS if len(text) < 200], ids=repr)
def test_no_text_acts_on_a_terminal_or_breaks_a_line_of_json(text, capsys):
    hostile = _hostile(text)
    shown._print_trace(hostile)
    screen = capsys.readouterr().out

    assert screen.replace("\n", "").isprintable()
    print_json(to_json(hostile))
    assert [text] == [
        json.loads(line)["event"]["detail"] for line in capsys.readouterr().out.splitlines()
    ]


def test_the_command_that_shows_neighbours_is_one_argument_whatever_stands_in_it(capsys):
    nasty = "x' $(id) `id` \"; rm -rf /"
    shown._print_trace(_hostile(nasty))
    printed = " ".join(capsys.readouterr().out.split())
    command = printed[printed.rindex("collector hunt") :]

    assert ["collector", "hunt", nasty] == shlex.split(command)


def _hostile(text):
    match = AlertMembership(org=text, rule=text, alert_id=text, severity=Severity.LOW, title=text)
    told = DeliveryRecord(
        channel=text,
        revision=1,
        state=text,
        attempts=1,
        created=NOON,
        finished=None,
        reason=text,
    )
    file = ArchiveFile(
        path=text,
        org=text,
        event_type=text,
        date=text,
        rows=1,
        bytes=1,
        first_time=NOON,
        last_time=NOON,
    )
    batch = BatchOrigin(
        key=text,
        stream=Stream(org=text, source=text, name=text),
        event_type=text,
        entry=LedgerEntry(state=text, reason=text),
        log_time=NOON,
        received=NOON,
        facts=build_log_file_facts(file_id=text),
        first_listed=NOON,
        created=None,
    )
    return EventTrace(
        event_uid=text,
        org=text,
        event_type=text,
        event={"time": NOON, "received": NOON, "detail": text},
        files=(file,),
        constituents=(ConstituentEvent(event_uid=text, event_type=text, time=NOON, batch=text),),
        batches=(batch,),
        alerts=(
            AlertTrace(match=match, alert=build_alert(status=text, id=text), deliveries=(told,)),
        ),
        neighbours=(
            NeighbourGroup(column="session_key", event_type=text, count=1, first=NOON, last=NOON),
        ),
        neighbour_queries={"session_key": text},
    )
