"""Where a rule counts logins, a login is counted once, whoever tells of it and in which order."""

import itertools
import json

import pytest

from collector.collection.local_files import build_batch
from collector.csv_segments import write_records
from collector.detect.loader import load_rule_set
from collector.ingest.temporary_pipeline import open_temporary_pipeline
from collector.rules.rule_files import EVENT_SCHEMA
from collector.store import alerts
from fakes.model_samples import NOON

RULE = """
title: {name}
id: {id}
name: {name}
level: medium
logsource: {{product: salesforce}}
detection: {{failed: {{outcome: failure}}, condition: failed}}
collector:
  {types}
  title: "Failed login of {{user_id}}"
  dedup: {{key: [user_id], window: 1d}}
"""
LOGINS = 3


def rows(kind):
    """What one source tells of three failed logins of one user, two of them in one second."""
    for number, second in enumerate(("00.100", "00.900", "30.500")):
        time = f"2026-03-01T12:00:{second}"
        common = {"user": "0055f00000HyJSwAAN", "ip": "203.0.113.7"}
        yield {
            "Login": {
                "TIMESTAMP_DERIVED": f"{time}Z",
                "USER_ID_DERIVED": common["user"],
                "SOURCE_IP": common["ip"],
                "LOGIN_STATUS": "LOGIN_ERROR_INVALID_PASSWORD",
                "LOGIN_KEY": f"key{number}",
            },
            "LoginEvent": {
                "EventIdentifier": f"e{number}",
                "EventDate": f"{time}+0000",
                "UserId": common["user"],
                "SourceIp": common["ip"],
                "Status": "Invalid Password",
                "LoginKey": f"key{number}",
                "LoginHistoryId": f"0Ya00000000000{number}AAA",
            },
            "LoginHistory": {
                "Id": f"0Ya00000000000{number}AAA",
                "LoginTime": f"{time[:-4]}.000+0000",
                "UserId": common["user"],
                "SourceIp": common["ip"],
                "Status": "Invalid Password",
            },
        }[kind]


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    path = tmp_path_factory.mktemp("rules") / "rules.yml"
    logins = RULE.format(
        name="logins", id="0d9ff9fb-6f0f-4c55-9f0b-000000000001", types="event_types: [SignIn]"
    )
    everything = RULE.format(
        name="everything", id="0d9ff9fb-6f0f-4c55-9f0b-000000000002", types="event_types: []"
    )
    path.write_text(logins + "---" + everything)
    return load_rule_set([path], schema=EVENT_SCHEMA)


def counted(rules, kinds):
    """How many events each rule's alerts hold."""
    with open_temporary_pipeline(rules) as bench:
        for kind in kinds:
            records = list(rows(kind))
            segments = write_records(bench.paths.spool, kind, tuple(records[0]), records)
            bench.pipeline.ingest(
                build_batch(
                    kind,
                    segments,
                    org="acme",
                    identity=json.dumps(records),
                    received=NOON.replace(hour=13 + kinds.index(kind)),
                )
            )
        with bench.database.read() as connection:
            return {alert.rule: alert.count for alert in alerts.list_alerts(connection)}


TELLINGS = [
    order
    for size in (1, 2, 3)
    for order in itertools.permutations(("Login", "LoginEvent", "LoginHistory"), size)
]


@pytest.mark.slow
@pytest.mark.parametrize("kinds", TELLINGS, ids="-".join)
def test_any_tellings_in_any_order_are_as_many_logins(rules, kinds):
    """A rule about every type counts what was logged, and nothing that is made of it."""
    assert {"logins": LOGINS, "everything": LOGINS * len(kinds)} == counted(rules, kinds)
