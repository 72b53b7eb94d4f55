"""Rules say the same in DuckDB and, by `dialect.spark`, in Spark, over the same Parquet file."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from collector import detect, engine
from collector.detect import baseline_sql, correlation_sql, loader
from collector.detect.export.dialect import to_spark
from collector.detect.predicates import equality
from collector.detect.selected_events import RuleRelation
from collector.escaping import quote_identifier, quote_literal
from collector.model import (
    Baseline,
    MemberCondition,
    MemberLink,
    Severity,
    SeverityCase,
    SeverityStep,
)
from fakes.correlation_samples import MINUTE, build_correlation, build_event, index_rules
from fakes.model_samples import build_rule

pytestmark = [
    pytest.mark.xdist_group("spark"),  # one virtual machine for all
    pytest.mark.spark,
    # pyspark leaves it to the collector of garbage to close its sockets.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
pyspark_sql = pytest.importorskip(
    "pyspark.sql", reason="needs pyspark: pip install 'collector[spark]'"
)

CANONICAL = {
    **dict.fromkeys(("event_uid", "event_type", "user_name", "detail", "query"), "VARCHAR"),
    **dict.fromkeys(("uri", "user_agent", "client_name", "operation", "entity"), "VARCHAR"),
    **dict.fromkeys(("source_ip", "source_ip_key", "user_id", "rows"), "VARCHAR"),
    **dict.fromkeys(("time", "received"), "TIMESTAMPTZ"),
    "record_count": "BIGINT",
    "score": "DOUBLE",
}

TEXTS = (
    *("login", "LOGIN", "Query", "a%b_c", "a\\b", "a!b", "it's", 'say "x"', "äÖ", "ß", "", None),
    *(
        "100",
        "-2.5",
        "1e3",
        "nan",
        "two\nlines",
        "SELECT count() FROM User",
        "*",
        "0055f00000ETL01",
    ),
)
ENTITIES = ("Account", "Lead;Account", "Case,Lead , login", '["Case"]', None)
MANY = tuple(f"odd-{number}" for number in range(2 * equality.MAX_INLINE_VALUES))
"""Too many texts to stand one by one in a rule."""

BUSY = 48
NETWORK_KEYS = (
    *(None, "0" * 20 + "ffffc0a80101", "0" * 20 + "ffff0a000001", "2001" + "0" * 28),
    "2002" + "0" * 28 + f" {'0' * 20}ffff0a000001 {'0' * 20}ffffc0a80202",
)

PREDICATES: Sequence[Mapping[str, Any]] = (
    {"detail": "login"},
    {"detail": ["LOGIN", "query", "ÄÖ"]},
    {"detail|cased": "login"},
    {"detail": [*MANY, "LOGIN", "it's", "a\\b"]},
    {"detail": [*MANY, "ÄÖ"]},
    {"detail|cased": [*MANY, "login", 'say "x"']},
    {"user_id": [f"0055f00000ETL{n}AAA" for n in range(10, 99)] + ["0055f00000ETL01"]},
    {"detail|contains": "%b_"},
    {"detail|contains": "a\\b"},
    {"detail|startswith": "a!"},
    {"detail|endswith": "'s"},
    {"detail": "?*"},
    {"detail": "\\*"},
    {"detail": ""},
    {"detail": None},
    {"detail|exists": True},
    {"detail|re": r"(?i)^select\s+count\(\)"},
    {"detail|re": r'"\w"$'},
    {"detail|gte": 100},
    {"detail|lt": 0},
    {"record_count": [3, 5]},
    {"score|gt": 2.5},
    {"source_ip|cidr": ["192.168.0.0/16", "2001::/16"]},
    {"source_ip": ["192.168.2.2", "10.0.0.1"]},
    {"source_ip": [f"192.168.2.{number}" for number in range(2 * equality.MAX_INLINE_VALUES)]},
    {"user_name|fieldref": "detail"},
    {"user_name|fieldref|endswith": "operation"},
    {"user_id": "0055f00000ETL01AAA"},
    {"time|minute": 7},
    {"entity": "account"},
    {"entity": [*MANY, "LEAD"]},
    {"entity|endswith": "e"},
    {"entity|re": "^(Lead|X)$"},
    {"operation|fieldref": "entity"},
    {"record_count|fieldref|gt": "score"},
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spark")


@pytest.fixture(scope="module")
def session(folder):
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        pytest.skip("needs Java")
    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        # Compiling well and collecting side by side do not pay for so few rows.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.ui.enabled": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.ui.showConsoleProgress": "false",
    }
    builder = pyspark_sql.SparkSession.builder.master("local[1]").config(map=settings)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()
    gc.collect()


@pytest.fixture(scope="module")
def duckdb(folder):
    """An engine with the view `events`."""
    path = quote_literal(str(folder / "events.parquet"))
    with engine.open_engine() as connection:
        connection.execute(f"COPY ({_events()}) TO {path} (FORMAT parquet)")
        connection.execute(f"CREATE VIEW events AS FROM read_parquet({path})")
        yield connection


@pytest.fixture(scope="module")
def ask(session, duckdb, folder) -> Callable[[str], tuple[list[str], list[str]]]:
    """What DuckDB and what Spark answer over the view `events`, row by row as sorted text."""
    session.read.parquet(str(folder / "events.parquet")).createOrReplaceTempView("events")

    def answers(sql: str) -> tuple[list[str], list[str]]:
        rows = duckdb.execute(sql).fetchall()
        from_spark = session.sql(to_spark(sql)).collect()
        return sorted(map(repr, rows)), sorted(repr(tuple(row)) for row in from_spark)

    return answers


def _events() -> str:
    """Texts that are easily mistaken, and logins, queries and exports of two users over an hour."""
    odd = [
        build_event(
            f"t{n}",
            n,
            detail=text,
            user_name=TEXTS[(n * 7) % len(TEXTS)],
            user_id=text,
            entity=ENTITIES[n % len(ENTITIES)],
            operation="n" if n % 2 else "LOGIN",
            source_ip_key=NETWORK_KEYS[n % 5],
            record_count=n,
            score=n / 2,
        )
        for n, text in enumerate(TEXTS)
    ]
    chance = Random(7)
    busy = [
        build_event(
            f"w{n}",
            chance.randrange(0, 60, 3),  # several at one time
            late=chance.randrange(5),
            operation=chance.choice(("login", "query", "export")),
            user_id=chance.choice(("ann", "Ann", "bob", None)),
            detail=chance.choice("ab"),
            entity=chance.choice(ENTITIES),
            rows=chance.choice(("1", "2.5", "many", None, "1e2", "-4")),
        )
        for n in range(BUSY)
    ]
    return " UNION ALL ".join(f"SELECT {_columns(each)}" for each in [*odd, *busy])


def _columns(each: Mapping[str, Any]) -> str:
    return ", ".join(
        f"CAST({_literal(each.get(name))} AS {kind}) AS {quote_identifier(name)}"
        for name, kind in CANONICAL.items()
    )


def _literal(value: Any) -> str:
    return "NULL" if value is None else quote_literal(str(value))


# ---- single events


@pytest.fixture(scope="module")
def predicates(folder) -> dict[str, str]:
    """The predicates of rules as they are loaded, by the detection, as it is and negated."""
    schema = detect.EventSchema(
        column_types=CANONICAL,
        resolve_column=lambda field, _: field,
        list_fields=lambda _: None,
        list_event_types=lambda: frozenset({"Login"}),
    )
    words = [(each, condition) for each in PREDICATES for condition in ("s", "not s")]
    path = folder / "rules.yml"
    documents = [
        {
            "title": f"Rule {number}",
            "id": f"0d9ff9fb-6f0f-4c55-9f0b-{number:012d}",
            "name": f"rule-{number}",
            "level": "medium",
            "logsource": {"product": "salesforce", "service": "Login"},
            "detection": {"s": dict(each), "condition": condition},
            "collector": {"dedup": {"key": ["user_name"]}},
        }
        for number, (each, condition) in enumerate(words)
    ]
    path.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    loaded = loader.load_rule_set([path], schema=schema).rules
    return {
        f"{condition}: {each}": rule.predicate
        for (each, condition), rule in zip(words, loaded, strict=True)
    }


def test_predicates_hold_for_the_same_events(ask, predicates):
    shown = ", ".join(f"{sql} AS p{n}" for n, sql in enumerate(predicates.values()))

    in_duckdb, in_spark = ask(f"SELECT event_uid, {shown} FROM events")
    assert in_duckdb == in_spark


def test_every_predicate_tells_events_apart(duckdb, predicates):
    """Else the comparison above would say little."""
    counts = ", ".join(f"count(*) FILTER (WHERE {sql})" for sql in predicates.values())

    found = duckdb.execute(f"SELECT {counts}, count(*) FROM events").fetchone()
    *held, events = dict(zip([*predicates, "all"], found, strict=True)).items()
    assert [] == [word for word, count in held if not 0 < count < events[1]]


def test_days_and_hours_are_the_same_in_any_zone(ask):
    moment = "(time + INTERVAL 11 HOURS) AT TIME ZONE 'Europe/Berlin'"

    in_duckdb, in_spark = ask(
        f"SELECT event_uid, EXTRACT(ISODOW FROM time), EXTRACT(ISODOW FROM {moment}),"
        f" EXTRACT(HOUR FROM {moment}) FROM events"
    )
    assert in_duckdb == in_spark
    assert any(row.endswith(", 7, 1, 0)") for row in in_duckdb)


# ---- windows

CASES = (SeverityCase(predicate='"metric" >= 4', level=Severity.HIGH),)
STEPS = (SeverityStep(predicate='"event_count" > 3', increment=1, max_severity=Severity.CRITICAL),)
INNER = build_correlation(
    "inner", rules=("login", "query"), group_by=("user_id", "detail"), limit=2
)


TWO_AND_ROWS = {
    "operator": "gte",
    "limit": 2,
    "member_conditions": (
        MemberCondition(predicate='COALESCE("rows" >= 2, FALSE)', columns={"rows": "DOUBLE"}),
    ),
    "carried": ("rows",),
    "rule": {
        "severity_cases": (
            SeverityCase(predicate='COALESCE("#when0" = 1, FALSE)', level=Severity.HIGH),
        )
    },
}


def _correlations() -> list[Any]:
    value = {"field": "rows", "group_by": ("user_id",), "rules": ("login", "query")}
    chain = {"operator": None, "limit": None, "group_by": ("user_id",), "timespan": 15 * MINUTE}
    three = ("login", "query", "export")
    return [
        build_correlation(
            "count",
            rules=three,
            group_by=("user_id",),
            rule={"severity_cases": CASES, "severity_steps": STEPS},
        ),
        build_correlation("alone", group_by=(), operator="lt", limit=3),
        build_correlation("kinds", type="value_count", limit=2, **value),
        build_correlation("members", type="value_count", limit=4, **(value | {"field": "entity"})),
        build_correlation("member", limit=3, **(value | {"field": None, "group_by": ("entity",)})),
        build_correlation("sum", type="value_sum", operator="gt", limit=3.5, **value),
        build_correlation("average", type="value_avg", operator="lte", limit=50, **value),
        build_correlation("percentile", type="value_percentile", percentile=75, limit=2, **value),
        build_correlation("median", type="value_median", operator="neq", limit=1, **value),
        build_correlation("all", type="temporal", rules=three, **chain),
        build_correlation("order", type="temporal_ordered", rules=three, **chain),
        build_correlation("some", type="temporal", rules=three, **{**chain, **TWO_AND_ROWS}),
        build_correlation(
            "missing",
            type="temporal",
            rules=("login", "export"),
            absent=("export",),
            **{**chain, "timespan": 4 * MINUTE},
        ),
        build_correlation(
            "quiet", type="temporal_ordered", rules=three, absent=("export",), **chain
        ),
        build_correlation(
            "twice", type="temporal_ordered", rules=("query", "query", "login"), **chain
        ),
        build_correlation("nested", type="temporal", rules=("inner", "export"), **chain),
        build_correlation(
            "asked",
            rules=three,
            optional=frozenset({"export"}),
            group_by=("user_id",),
            member_conditions=(MemberCondition(predicate="TRUE", columns={}, rule="export"),),
            rule=TWO_AND_ROWS["rule"],
        ),
        build_correlation(
            "linked",
            rules=three,
            optional=frozenset({"export"}),
            group_by=("user_id",),
            timespan=20 * MINUTE,
            limit=2,
            link=MemberLink(rule="export", by="detail", fills=("user_id",), within=5 * MINUTE),
        ),
    ]


@pytest.fixture(scope="module")
def source() -> correlation_sql.LeafSource:
    """The events of an operation."""

    def select(leaf: str, fields: Sequence[str]) -> str:
        names = ["event_uid", "event_type", "time", "received", *fields]
        columns = ", ".join(map(quote_identifier, names))
        return f"SELECT {columns} FROM events WHERE operation = {quote_literal(leaf)}"

    return select


@pytest.mark.parametrize("rule", _correlations(), ids=lambda rule: rule.name)
def test_windows_fire_for_the_same_events(ask, source, rule):
    members = correlation_sql.select_firing_events(rule, index_rules(rule, INNER), source)
    groups = "".join(f", {quote_identifier(name)}" for name in rule.aggregation.group_by)

    in_duckdb, in_spark = ask(
        f"SELECT event_uid{groups}, metric, event_count, severity, epoch_us(window_start),"
        f" epoch_us(window_end), epoch_us(complete) FROM ({members}) AS members"
    )
    assert in_duckdb == in_spark
    assert 0 < len(in_duckdb) < BUSY


def test_the_windows_of_all_events_come_to_the_same(ask, source):
    rule = build_correlation(
        "sum", type="value_sum", field="rows", group_by=("user_id",), timespan=timedelta(hours=1)
    )

    in_duckdb, in_spark = ask(
        correlation_sql.select_anchors(rule, index_rules(rule), source).replace(
            "time, received, ", ""
        )
    )
    assert in_duckdb == in_spark


@pytest.mark.parametrize("peers", [(), ("operation",)], ids=["past", "peers"])
def test_windows_are_far_above_others_in_both(ask, peers):
    """Sums of numbers that floating point has exactly, in whatever order they are added."""
    baseline = Baseline(
        metric="sum",
        field="rows",
        group_by=("detail", "entity", *peers),
        peers=peers,
        window=15 * MINUTE,
        history=timedelta(hours=1),
        deviations=0.0,
        times_mean=1.5,
        floor=1.0,
        minimum=1,
    )
    rule = build_rule(predicate="(user_id IS NOT NULL)", aggregation=baseline)
    scored = baseline_sql.select_scored_windows([RuleRelation(rule=rule, relation="events")])

    in_duckdb, in_spark = ask(scored)
    assert in_duckdb == in_spark
    assert {"True)", "False)"} == {row.rpartition(" ")[2] for row in in_duckdb}
