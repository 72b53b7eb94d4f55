"""An explanation says which version of the directory counted, and from when it held."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from collector.api.alert_explanation import explain_stored_alert, to_json
from collector.app.configuration import read_configuration
from collector.demo import EmbeddedOrg, OrgStore
from collector.detect.loader import load_rule_set
from collector.rules.rule_files import EVENT_SCHEMA
from fakes.collector_setup import write_config
from fakes.directories import build_user, store_version
from fakes.pipeline_bench import build_bulk_row, open_pipeline_bench

ADA = "005000000000001AAA"
TEN = datetime(2026, 3, 1, 10, tzinfo=UTC)
RULE = """
title: An admin takes records
id: 00000000-0000-4000-8000-000000000101
name: admin-export
level: medium
logsource: {product: salesforce, service: BulkApi2}
detection: {s: {user.is_admin: true}, condition: s}
collector: {title: "Export by {user.display|user_id}"}
"""


def explain(folder):
    (folder / "rules.yml").write_text(RULE, encoding="utf-8")
    rules = load_rule_set([folder / "rules.yml"], schema=EVENT_SCHEMA)
    with open_pipeline_bench(folder, rules=rules) as bench:
        store_version(bench.database, ADA, TEN - timedelta(days=9), build_user(is_admin=False))
        store_version(bench.database, ADA, TEN, build_user(is_admin=True))
        bench.pipeline.settle_directory()
        row = build_bulk_row("750000000000001AAA", 50, minute=30)
        bench.pipeline.ingest(bench.write_batch("BulkApi2", [row], key="one"))
        (alert,) = bench.list_alerts()
    with EmbeddedOrg(OrgStore()) as org:
        path = write_config(folder, org)
    config = {**json.loads(path.read_text()), "rules": {"paths": [str(folder / "rules.yml")]}}
    path.write_text(json.dumps(config))
    settings = read_configuration(path, {}).settings
    return explain_stored_alert(settings, alert.id, limit=1)


@pytest.mark.slow
def test_the_version_that_counted_is_named_with_its_time(tmp_path):
    found = explain(tmp_path)
    (evidence,) = found.evidence
    (explained,) = evidence.rule_explanations
    ((item,),) = explained.selections[0].alternatives

    assert (True, {"user.is_admin": True}) == (explained.holds, dict(item.event_values))
    assert explained.title == "Export by Ada Lovelace (ada@acme.com)"
    note = f"user.… is of {ADA} as it was from 2026-03-01 10:00:00 UTC"
    assert [note] == to_json(found)["events"][0]["directory"]
