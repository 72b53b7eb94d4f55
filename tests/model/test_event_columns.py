"""The columns of the event table are described once, and all that is said of them follows."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from sigma.conditions import ConditionValueExpression
from sigma.types import SigmaString

import collector
from collector.alerting.evidence import to_evidence
from collector.channels.message_card import build_card
from collector.detect.predicates.condition_sql import compile_predicate
from collector.detect.predicates.field_columns import FieldColumns
from collector.detect.predicates.salesforce_ids import is_id_column
from collector.model import Alert, Message, Severity, event_columns
from collector.model.event_columns import EVENT_COLUMNS, EntityLabel, EventColumn
from collector.normalize.column_mappings import DEFAULT_MAPPING, MAPPINGS_BY_TYPE
from collector.normalize.value_readers import read_long_id

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

TYPES = {
    **dict.fromkeys(("event_uid", "org", "source", "event_type"), "VARCHAR"),
    **dict.fromkeys(("time", "received"), "TIMESTAMPTZ"),
    **dict.fromkeys(("batch", "user_id", "user_name", "user_type"), "VARCHAR"),
    **dict.fromkeys(("source_ip", "source_ip_key", "country", "user_agent"), "VARCHAR"),
    **dict.fromkeys(("client_name", "app_id", "app_name", "session_key"), "VARCHAR"),
    **dict.fromkeys(("login_key", "login_type", "login_sub_type"), "VARCHAR"),
    **dict.fromkeys(("request_id", "operation", "entity"), "VARCHAR"),
    "record_count": "BIGINT",
    **dict.fromkeys(("outcome", "status", "uri", "query", "job_id"), "VARCHAR"),
    **dict.fromkeys(("package_name", "target_user", "detail"), "VARCHAR"),
    "score": "DOUBLE",
    **dict.fromkeys(("target_user_id", "target_user_name", "permission"), "VARCHAR"),
    **dict.fromkeys(("old_value", "new_value"), "VARCHAR"),
    "range_size": "DOUBLE",
    **dict.fromkeys(("soql_objects", "soql_fields", "soql_is_count"), "VARCHAR"),
    "soql_has_relationship": "VARCHAR",
    "soql_limit": "BIGINT",
    "soql_where": "VARCHAR",
    "network": "VARCHAR",
    "asn": "BIGINT",
    **dict.fromkeys(("as_org", "agent_family", "uri_pattern"), "VARCHAR"),
    "time_defect": "VARCHAR",
}
ENTITIES = (
    *("user_id", "user_name", "source_ip", "country", "session_key", "login_key", "user_agent"),
    *("client_name", "app_id", "app_name", "package_name", "target_user", "entity", "job_id"),
    "target_user_name",
)
LABELS = {
    "Who": ("user_name", "user_id"),
    "To whom": ("target_user", "target_user_name"),
    "From where": ("source_ip", "country"),
    "With": ("client_name", "user_agent"),
    "App": ("app_name", "app_id"),
    "Package": ("package_name",),
    "Object": ("entity",),
    "Job": ("job_id",),
    "Session": ("session_key", "login_key"),
}
DETAILS = (
    *("operation", "entity", "record_count", "outcome", "status", "score", "user_name"),
    *("source_ip", "country", "app_name", "client_name", "package_name", "target_user", "job_id"),
    *("query", "detail", "uri", "user_agent"),
)
KEYWORDS = (
    *("query", "uri", "detail", "user_agent", "client_name", "operation", "entity", "user_name"),
    *("source_ip", "app_name", "status", "package_name", "target_user_name", "permission"),
    *("old_value", "new_value"),
)


# ---- what is derived today


def test_the_table_has_the_columns_and_types_that_the_archive_has() -> None:
    assert list(TYPES.items()) == list(event_columns.CANONICAL_COLUMNS.items())


def test_every_list_is_what_alerts_messages_and_rules_were_written_for() -> None:
    assert ENTITIES == event_columns.ENTITY_COLUMNS
    assert list(LABELS.items()) == list(event_columns.LABELLED_COLUMNS.items())
    assert DETAILS == event_columns.DETAIL_COLUMNS
    assert KEYWORDS == event_columns.KEYWORD_COLUMNS
    assert tuple(TYPES)[:7] == tuple(
        name for name in TYPES if name in event_columns.NON_NULL_COLUMNS
    )
    assert {"source_ip_key", "batch", "source"} == event_columns.HIDDEN_COLUMNS
    assert ("session_key", "login_key", "request_id") == event_columns.LINK_COLUMNS
    ids = ("user_id", "app_id", "job_id", "target_user_id")
    assert ids == event_columns.RECORD_ID_COLUMNS
    assert {*ids, "request_id"} == event_columns.ID_COLUMNS
    assert {"source_ip": "source_ip_key"} == event_columns.ADDRESS_KEYS


# ---- the laws of a column


def test_no_two_columns_have_one_name_whatever_the_case() -> None:
    assert len(EVENT_COLUMNS) == len({column.name.lower() for column in EVENT_COLUMNS})


def test_what_is_read_of_every_event_is_never_null() -> None:
    assert event_columns.NON_NULL_COLUMNS.issuperset(event_columns.HEADER_COLUMNS)


def test_every_mapping_fills_columns_of_the_table_that_no_batch_fills_itself() -> None:
    filled = {name for mapping in MAPPINGS_BY_TYPE.values() for name in mapping} | {
        *DEFAULT_MAPPING
    }

    assert filled <= event_columns.CANONICAL_COLUMNS.keys()
    assert {"time"} == filled & event_columns.NON_NULL_COLUMNS


@pytest.fixture(params=EVENT_COLUMNS, ids=lambda column: column.name)
def column(request: pytest.FixtureRequest) -> EventColumn:
    described: EventColumn = request.param
    return described


def test_an_entity_has_a_label_and_a_place_in_the_evidence(column: EventColumn) -> None:
    assert (column.entity_rank is None) == (column.label is None)
    assert column.label is None or column.label in get_args(EntityLabel)
    assert column.entity_rank is None or column.in_evidence


def test_what_is_read_by_people_and_rules_has_a_place_and_is_kept(column: EventColumn) -> None:
    ranks = (column.entity_rank, column.detail_rank, column.keyword_rank)

    assert all(rank is None or rank > 0 for rank in ranks)
    assert column.in_evidence or ranks == (None, None, None)


def test_keywords_and_ids_are_looked_for_in_text(column: EventColumn) -> None:
    is_text = column.sql_type == "VARCHAR"

    assert is_text or (column.keyword_rank is None and column.kind == "plain")


def test_ids_of_records_alone_are_read_with_eighteen_characters(column: EventColumn) -> None:
    readers = {candidate.read_value for candidate in DEFAULT_MAPPING.get(column.name, ())}

    assert (read_long_id in readers) <= (column.kind == "record_id")
    assert column.kind != "record_id" or readers <= {read_long_id}


def test_an_address_has_a_column_for_its_key_that_nobody_is_shown(column: EventColumn) -> None:
    key = event_columns.ADDRESS_KEYS.get(column.name)

    assert (key is not None) == (column.kind == "address")
    assert key is None or key in event_columns.HIDDEN_COLUMNS


# ---- those who read the table


def test_a_message_shows_an_entity_under_its_label(column: EventColumn) -> None:
    facts = {fact.label: fact.value for fact in build_card(build_message(column)).facts}

    assert facts.get(column.label or column.name) == "7"
    assert column.label in {None, *LABELS}


def test_a_message_shows_the_details_of_an_event(column: EventColumn) -> None:
    [row] = build_card(build_message(column, entities={})).evidence

    assert [fact.value for fact in row.details if fact.label == column.name] == (
        [] if column.detail_rank is None else ["7"]
    )


def test_evidence_keeps_what_is_of_use(column: EventColumn) -> None:
    assert to_evidence({column.name: "7"}) == ({column.name: "7"} if column.in_evidence else {})


def test_keywords_are_looked_for_where_the_table_says(column: EventColumn) -> None:
    predicate, columns = compile_keyword("x")

    assert (column.name in columns.accessed_columns) == (column.keyword_rank is not None)
    assert (f'"{column.name}"' in predicate) == (column.keyword_rank is not None)


def test_ids_and_addresses_are_compared_as_such(column: EventColumn) -> None:
    _, columns = compile_keyword("x")

    assert is_id_column(column.name) == (column.kind in {"record_id", "other_id"})
    assert (columns.find_address_key(column.name) is not None) == (column.kind == "address")


def compile_keyword(text: str) -> tuple[str, FieldColumns]:
    columns = FieldColumns(
        column_types=event_columns.CANONICAL_COLUMNS, resolve_column=lambda field: field
    )
    return compile_predicate(ConditionValueExpression(SigmaString(text)), columns), columns


def build_message(column: EventColumn, entities: dict[str, str] | None = None) -> Message:
    """A message about an event that has a value, 7, in that column alone."""
    alert = Alert(
        id="1",
        org="acme",
        rule="r",
        key=(),
        title="t",
        severity=Severity.HIGH,
        status="open",
        first_time=NOON,
        last_time=NOON,
        count=1,
        late_seconds=0,
        entities={column.name: "7"} if entities is None else entities,
        evidence=({column.name: 7},),
        description="",
        attack=(),
        triage="",
        references=(),
        created=NOON,
        revision=1,
    )
    return Message(key="1.1.x", alert=alert, is_update=False, attempt=1)


# ---- one more column

LAST_COLUMN = 'EventColumn(name="score", sql_type="DOUBLE", detail_rank=6),'
TOY_COLUMN = 'EventColumn(name="cipher", entity_rank=2, label="Who", keyword_rank=3),'
LAST_MAPPING = '"job_id": build_candidates(read_long_id, "JOB_ID"),'
TOY_MAPPING = '"cipher": build_candidates(read_text, "CIPHER_SUITE"),'
TOY_RULE = """
title: A weak cipher
id: 8b7a2a62-8a4c-4a8e-9a59-0f1f8c8d0a11
name: weak-cipher
status: test
description: A login with a cipher that nobody should use.
author: collector
date: 2026-01-01
logsource: {product: salesforce, service: Login}
detection:
  words: [rc4]
  condition: words
level: high
collector:
  title: "{cipher} of {user_id}"
"""


@pytest.mark.slow
def test_a_new_column_is_one_line_and_one_in_the_mapping(tmp_path: Path) -> None:
    """A copy of the program with a toy column collects it, finds words in it and alerts with it."""
    package = tmp_path / "collector"
    # What an installation ships would come before the rules beside the copy.
    shutil.copytree(
        Path(collector.__file__).parent, package, ignore=shutil.ignore_patterns("_shipped")
    )
    add_line(package / "model" / "event_columns.py", LAST_COLUMN, TOY_COLUMN)
    add_line(package / "normalize" / "column_mappings.py", LAST_MAPPING, TOY_MAPPING)
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "weak-cipher.yml").write_text(TOY_RULE)

    alert = scan_login(tmp_path, CIPHER_SUITE="RC4-SHA", USER_NAME="a@acme.com")

    assert alert["title"] == "RC4-SHA of 0055f00000HyJSwAAN"
    assert list(alert["entities"].items()) == [
        ("user_id", "0055f00000HyJSwAAN"),
        ("user_name", "a@acme.com"),
        ("cipher", "RC4-SHA"),
    ]
    assert alert["evidence"][0]["cipher"] == "RC4-SHA"


def add_line(file: Path, line: str, added: str) -> None:
    text = file.read_text("utf-8")
    assert text.count(line) == 1
    file.write_text(text.replace(line, f"{line}\n    {added}"), "utf-8")


def scan_login(folder: Path, **values: str) -> dict[str, Any]:
    """The one alert that the copy of the program in a folder gives for a login."""
    login = {"EVENT_TYPE": "Login", "TIMESTAMP_DERIVED": "2026-03-01T12:00:00.000Z"}
    login |= {"USER_ID": "0055f00000HyJSw", **values}
    with (folder / "Login.csv").open("w", newline="") as file:
        csv.writer(file).writerows([login.keys(), login.values()])
    command = [sys.executable, "-P", "-m", "collector", "scan", "--json", str(folder / "Login.csv")]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, check=True, capture_output=True, env=environment, cwd=folder)
    alert: dict[str, Any] = json.loads(done.stdout)
    return alert
