"""An event table of few columns and types, and rules over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import duckdb
import pytest
import yaml
from sigma.conditions import ConditionOR
from sigma.rule import SigmaDetections

from collector import detect, engine
from collector.detect import lists, loader
from collector.detect.predicates import condition_sql
from collector.detect.predicates.field_columns import FieldColumns

Where = Callable[..., list[bool]]

CANONICAL = {
    **dict.fromkeys(("event_uid", "org", "source", "event_type", "batch"), "VARCHAR"),
    **dict.fromkeys(("time", "received"), "TIMESTAMPTZ"),
    **dict.fromkeys(("user_id", "user_name", "source_ip", "source_ip_key"), "VARCHAR"),
    **dict.fromkeys(("user_agent", "client_name", "session_key", "operation"), "VARCHAR"),
    **dict.fromkeys(("entity", "uri", "query", "detail", "job_id"), "VARCHAR"),
    "record_count": "BIGINT",
    "score": "DOUBLE",
}
COMMON_FIELDS = frozenset({"event_uid", "org", "source", "event_type", "time", "received", "batch"})
EVENT_TYPE_FIELDS: Mapping[str, frozenset[str] | None] = {
    "Login": COMMON_FIELDS
    | {"user_id", "user_name", "source_ip", "source_ip_key", "LOGIN_STATUS", "USER_NAME"},
    "ApiEvent": COMMON_FIELDS
    | {"user_id", "source_ip", "operation", "record_count", "Operation", "RowsProcessed", "Query"},
    "BulkJob": COMMON_FIELDS
    | {"user_id", "operation", "entity", "record_count", "job_id", "Operation"},
    "Nobody": COMMON_FIELDS | {"Subject"},
    "Novelty": None,
}


def to_physical_name(field: str, event_type: str) -> str:
    if field not in CANONICAL and field.lower() in CANONICAL:
        return field.lower() if event_type == "BulkJob" else f"raw_{field}"
    return field


@pytest.fixture(scope="session")
def schema() -> detect.EventSchema:
    return detect.EventSchema(
        column_types=CANONICAL,
        resolve_column=to_physical_name,
        list_fields=EVENT_TYPE_FIELDS.get,
        list_event_types=lambda: frozenset(EVENT_TYPE_FIELDS),
    )


@pytest.fixture(scope="session")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with engine.open_engine() as connection:
        yield connection


@pytest.fixture(scope="session")
def where(connection: duckdb.DuckDBPyConnection) -> Where:
    """Which rows a detection holds for; a predicate that is NULL for one fails the test."""

    def run_detection(
        detection: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
    ) -> list[bool]:
        columns = FieldColumns(column_types=CANONICAL, resolve_column=lambda field: field)
        predicate = condition_sql.compile_predicate(parse_detection(detection), columns)
        names = sorted(columns.accessed_columns | {name for row in rows for name in row})
        typed = ", ".join(
            f'CAST(? AS {CANONICAL.get(name, "VARCHAR")}) AS "{name}"' for name in names
        )
        selects = " UNION ALL ".join(f"SELECT {n} AS n, {typed}" for n in range(len(rows)))
        values = [row.get(name) for row in rows for name in names]
        result = connection.execute(f"SELECT {predicate} FROM ({selects}) ORDER BY n", values)
        found = [row[0] for row in result.fetchall()]
        assert None not in found
        return found

    return run_detection


def parse_detection(detection: Mapping[str, Any]) -> condition_sql.ConditionNode:
    detections = SigmaDetections.from_dict(dict(detection))
    conditions = [condition.parse() for condition in detections.parsed_condition]
    return conditions[0] if len(conditions) == 1 else ConditionOR(conditions)


RULE_HEAD = """\
title: A rule
id: 0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9a01
name: a-rule
level: medium
"""


@pytest.fixture
def rule_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a rule file: the usual head (or `head`), then the given lines."""

    def write_rule(body: str, *, name: str = "rule.yml", head: str = RULE_HEAD) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + dedent(body), encoding="utf-8")
        return path

    return write_rule


@pytest.fixture
def rules(schema: detect.EventSchema, tmp_path: Path) -> Callable[..., detect.RuleSet]:
    """Rules out of mappings, each completed with what every rule needs."""

    def build_rules(*documents: Mapping[str, Any]) -> detect.RuleSet:
        path = tmp_path / "rules.yml"
        whole = [
            {
                "title": f"Rule {number}",
                "id": f"0d9ff9fb-6f0f-4c55-9f0b-{number:012d}",
                "name": f"rule-{number}",
                "level": "medium",
                "logsource": {"product": "salesforce"},
                **document,
            }
            for number, document in enumerate(documents)
        ]
        path.write_text(yaml.safe_dump_all(whole), encoding="utf-8")
        return loader.load_rule_set([path], schema=schema)

    return build_rules


@pytest.fixture
def load_beside_list(tmp_path: Path, schema: detect.EventSchema) -> Callable[..., detect.RuleSet]:
    """Loads a rule over `Novelty` and a value list of that name, with the rule's block if any."""

    def load(
        name: str, entries: Sequence[Any], detection: Mapping[str, Any], **block: Any
    ) -> detect.RuleSet:
        (tmp_path / "lists").mkdir(exist_ok=True)
        (tmp_path / "lists" / f"{name}.yml").write_text(yaml.safe_dump({"entries": entries}))
        rule = {
            "title": "A rule",
            "id": "0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9a01",
            "name": "a-rule",
            "level": "high",
            "logsource": {"product": "salesforce", "service": "Novelty"},
            "detection": detection,
            **({"collector": block} if block else {}),
        }
        (tmp_path / "rule.yml").write_text(yaml.safe_dump(rule))
        known = lists.load_lists([tmp_path])
        return loader.load_rule_set([tmp_path], schema=schema, lists=known)

    return load
