"""Generated rules over generated events: DuckDB and the slow evaluator in Python say the same."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector import detect
from collector.detect import lists, loader
from collector.normalize.ip_address_sql import select_addresses
from fakes.sigma_oracle import KEYWORD_FIELDS, match_rows

pytestmark = pytest.mark.slow

TYPES = {
    **dict.fromkeys(KEYWORD_FIELDS, "VARCHAR"),
    **dict.fromkeys(("user_id", "OwnerId", "JOB_ID", "ROWS", "IS_MANAGED"), "VARCHAR"),
    **dict.fromkeys(("SecurityEventData", "PREFIXES_SEARCHED"), "VARCHAR"),
    "record_count": "BIGINT",
    "score": "DOUBLE",
    "time": "TIMESTAMPTZ",
}
ZONES = (ZoneInfo("UTC"), ZoneInfo("Australia/Lord_Howe"))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

# ---- events

ALPHABET = "aAbB%_!\\'\"*?äÄßİıσς\n .1-/Ａﬁ\u200b"
texts = st.text(ALPHABET, max_size=5)
ID = "0055f00000Hyy1Q"
OTHER = "0055F00000HYY1q"
IDS = (ID, f"{ID}AAQ", f"{ID}XX-", OTHER, f"{OTHER}AA1", f"{ID}AAQx", ID[:14], "005", "", "a*b")
NUMBERS = (
    "0",
    "5",
    " 5",
    "5.0",
    "+5",
    "1e3",
    "-7",
    "0.1",
    ".5",
    "99.9",
    "1,000",
    "inf",
    "nan",
    "x",
)
ADDRESSES = (
    *("10.0.0.1", "10.255.255.255", "11.0.0.0", "198.51.100.7", "255.255.255.255", "0.0.0.0"),
    *("2001:db8::1", "2001:DB8:0:0:0:0:0:1", "2001:0db8::0001", "2001:db8:8000::1", "::"),
    *("::ffff:10.0.0.1", "::FFFF:0a00:0001", "fe80::1%eth0", "10.0.0.256", "Salesforce.com IP"),
    *("8.8.8.8, 10.0.0.1", "10.255.255.255:443", "unknown, [2001:db8::1]:80", "010.0.0.01"),
)
WORDS = (
    *("secret", "a -x", "a /x", "Drift", "my DRIFT app", "driftwood", "python-requests/2.1"),
    *("a_b", "axb", "A%B", "a!b", "aäb", "AÄB"),
)
LISTS = (
    *("Account", "Account,Contact", "account ; CASE", "Case,,Contact", ",Case", "Contact; ", ";"),
    *(
        "Acc",
        "Account Contact",
        '["Case","Account"]',
        "Account\nContact",
        "5,7",
        "",
        " Case",
        "İ,ß",
    ),
)
FEATURES = (
    '[{"featureName":"rowCount","featureValue":"5"},{"featureName":"userAgent","featureValue":"7"}]',
    '[{"featureName":"rowCount","featureValue":"7"}]',
    "[]",
    "null",
)
ENCODED = tuple(b64encode(pad + b"secret" + pad).decode() for pad in (b"", b"a", b"ab"))

events = st.fixed_dictionaries(
    {
        **dict.fromkeys(("user_name", "detail"), st.none() | texts | st.sampled_from(WORDS)),
        "query": st.none() | texts | st.sampled_from((*WORDS, *ENCODED)),
        **dict.fromkeys(
            ("user_agent", "app_name", "status"),
            st.none() | st.sampled_from((*WORDS, *ENCODED, "5")),
        ),
        **dict.fromkeys(("user_id", "OwnerId", "JOB_ID"), st.none() | st.sampled_from(IDS)),
        "source_ip": st.none() | st.sampled_from(ADDRESSES),
        "entity": st.none() | st.sampled_from(LISTS),
        "SecurityEventData": st.none() | st.sampled_from(FEATURES),
        "PREFIXES_SEARCHED": st.none() | st.sampled_from(("001", "001 006", "500  001", " 006")),
        "ROWS": st.none() | st.sampled_from(NUMBERS),
        "IS_MANAGED": st.none() | st.sampled_from(("true", "TRUE", "1", "0", "False", "")),
        "record_count": st.none() | st.sampled_from((0, 5, 15, 1000, -7)),
        "score": st.none() | st.sampled_from((0.0, 5.0, 0.1, 19.99, 99.9)),
        "time": st.sampled_from((-480, -252, -36, -12, 0, 11, 12, 36, 108, 480)).map(
            lambda hours: NOON + timedelta(hours=hours)
        ),
    }
)

# ---- lists

ENTRIES: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "empty": [],
    "words": [
        {"value": "DRIFT"},
        {"prefix": "Python-Requests/", "networks": ["198.51.100.0/24"]},
        {"contains": "%_"},
        {"prefix": "ä", "expires": date(2026, 3, 10)},
        {
            "value": "secret",
            "expires": date(2026, 2, 28),
            "networks": ["10.0.0.0/8", "2001:db8::/33"],
        },
        {"value": "Secret", "expires": date(2026, 3, 1)},
        {"contains": "*"},
    ],
    "ids": [
        {"value": ID},
        {"value": f"{OTHER}AAQ", "expires": date(2026, 3, 1)},
        {"prefix": "005f"},
    ],
    "objects": [
        {"value": "case"},
        {"prefix": "acc", "expires": date(2026, 3, 1)},
        {"contains": "tact"},
    ],
    "many": [{"value": f"Object{number}__c"} for number in range(60)] + [{"value": "CONTACT"}],
    "addresses": [
        {"value": "10.0.0.1"},
        {"value": "2001:db8::1", "expires": date(2026, 3, 5)},
        {"cidr": "198.51.100.0/24"},
        {"cidr": "2001:db8:8000::/33", "expires": date(2026, 2, 20)},
        {"value": "salesforce.com ip"},
        {"prefix": "255.", "expires": date(2026, 3, 1)},
    ],
}
LISTED = {"words": "user_name", "ids": "user_id", "addresses": "source_ip", "empty": "detail"}
LISTED |= {"objects": "entity", "many": "entity"}

# ---- rules

PLACES = ("", "|contains", "|startswith", "|endswith")
TEXT_FIELDS = ("user_name", "detail", "query")
switch = st.sampled_from


def many(values: st.SearchStrategy[Any], size: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=1, max_size=size)


@st.composite
def text_items(draw: st.DrawFn) -> tuple[str, Any]:
    before = draw(switch(("", "|cased", "|windash", "|windash|cased")))
    place = draw(switch(PLACES))
    after = draw(switch(("", "|all", "|neq", "|all|neq")))
    values = texts | st.sampled_from(WORDS) | (st.nothing() if before or place else st.none())
    return f"{draw(switch(TEXT_FIELDS))}{before}{place}{after}", draw(many(values))


@st.composite
def number_items(draw: st.DrawFn) -> tuple[str, Any]:
    operator = draw(switch(("", "|gt", "|gte", "|lt", "|lte", "|gte|neq")))
    limit = st.sampled_from((0, 5, 15, -7, 1000, 0.1, 19.99, 99.9))
    return f"{draw(switch(('ROWS', 'record_count', 'score')))}{operator}", draw(many(limit, 2))


@st.composite
def id_items(draw: st.DrawFn) -> tuple[str, Any]:
    case, after = draw(switch(("", "|cased"))), draw(switch(("", "|neq")))
    place = draw(switch(("", "", *PLACES)))
    wanted = st.sampled_from((*IDS[:2], *IDS[:4], *IDS[6:8], "0055f*", "hyy", "Hyy", f"{ID}?"))
    return f"{draw(switch(('user_id', 'OwnerId', 'JOB_ID')))}{case}{place}{after}", draw(
        many(wanted)
    )


@st.composite
def list_items(draw: st.DrawFn) -> tuple[str, Any]:
    field = draw(switch(("entity", "entity", "entity", "SecurityEventData", "PREFIXES_SEARCHED")))
    after = draw(switch(("", "|all", "|neq", "|all|neq")))
    if draw(st.booleans()):
        pattern = switch(("^case$", "(?i)^acc", "a.*t", "t,C", "rowCount.*7", "^$", r"^\s*001"))
        return f"{field}|re{after}", draw(many(pattern))
    place = draw(switch((*PLACES, "|cased", "|cased|contains")))
    words = switch(("Account", "case", "Contact", "A*t", "C?se", "t,C", "Case,", "ß", "7", "001"))
    values = words | (st.nothing() if place else st.sampled_from((None, "", 5, 1, "*")))
    return f"{field}{place}{after}", draw(many(values))


@st.composite
def references(draw: st.DrawFn) -> tuple[str, Any]:
    place, after = draw(switch(PLACES)), draw(switch(("", "|neq")))
    pair = switch(
        (
            ("user_name", "detail"),
            ("user_id", "OwnerId"),
            ("OwnerId", "user_name"),
            ("ROWS", "record_count"),
            ("record_count", "score"),
            ("detail", "user_name"),
            ("entity", "detail"),
            ("detail", "entity"),
            ("PREFIXES_SEARCHED", "entity"),
        )
    )
    one, other = draw(pair)
    return f"{one}|fieldref{place}{after}", other


NETWORKS = (
    "10.0.0.0/8",
    "10.0.0.0/31",
    "198.51.100.7",
    "0.0.0.0/0",
    "::/0",
    "2001:db8::/33",
    "::/1",
)
PATTERNS = ("^a", "a.b", "[äÄ]$", "^$", r"\d", "(?:a|b){2}", "a|Ä", r"\*", r"%_?")
others = st.one_of(
    st.tuples(st.just("source_ip"), many(st.sampled_from((*ADDRESSES, "10.0.0.*")))),
    st.tuples(st.just("source_ip|cidr"), many(st.sampled_from(NETWORKS))),
    st.tuples(st.just("source_ip|cidr|neq"), many(st.sampled_from(NETWORKS))),
    st.tuples(switch(("user_name|exists", "ROWS|exists", "entity|exists|neq")), st.booleans()),
    st.tuples(switch(("IS_MANAGED", "ROWS", "entity")), st.booleans()),
    st.tuples(
        st.builds("{}|re{}".format, switch(TEXT_FIELDS), switch(("", "|i", "|m", "|s|i"))),
        st.sampled_from(PATTERNS),
    ),
    st.tuples(
        switch(
            (
                "time|hour",
                "time|hour|gte",
                "time|day|lt",
                "time|week|gt",
                "time|month",
                "time|minute",
                "time|year|lte",
            )
        ),
        st.sampled_from((0, 3, 9, 12, 20, 2026)),
    ),
    st.tuples(switch(("user_name|pair", "user_name|pair|neq")), st.just(["words", "source_ip"])),
    st.tuples(switch(("time|weekday", "time|weekday|gte", "time|weekday|neq")), switch((1, 5, 7))),
    st.tuples(
        st.builds(
            "{}|fieldref|{}".format,
            switch(("ROWS", "record_count", "PREFIXES_SEARCHED")),
            switch(("gt", "gte", "lt", "lte", "gt|neq")),
        ),
        switch(("ROWS", "record_count", "score", "entity")),
    ),
    st.tuples(st.sampled_from(sorted(LISTED)), switch(("", "|contains", "|startswith"))).map(
        lambda pair: (f"{LISTED[pair[0]]}{pair[1]}|expand", f"%{pair[0]}%")
    ),
    st.tuples(switch(("user_id|expand|neq", "source_ip|expand|all")), many(st.just("%ids%"))),
    st.tuples(
        switch(
            (
                "query|base64",
                "query|base64offset|contains",
                "query|wide|base64offset|contains",
                "query|utf16be|base64",
                "query|utf16|base64|contains|cased",
            )
        ),
        st.just("secret"),
    ),
    st.tuples(
        switch(("time|startswith", "record_count|endswith", "score|contains")),
        st.sampled_from(("2026-02", "5", ".", "1")),
    ),
)
items = st.one_of(
    *(text_items(), number_items(), id_items(), id_items(), list_items(), references(), others)
)
keywords = st.one_of(
    many(texts.filter(lambda text: text.strip("*?")) | st.sampled_from(WORDS) | st.just(5)),
    st.fixed_dictionaries({"|all": many(st.sampled_from(("e", "D", "s*t", "-?")), 2)}),
    st.fixed_dictionaries({"|re": st.sampled_from(PATTERNS)}),
    st.fixed_dictionaries({"|cased|contains": st.sampled_from(("D", "d"))}),
)
mappings = st.lists(items, min_size=1, max_size=3).map(dict)
selections = st.one_of(mappings, mappings, mappings, many(mappings, 2), keywords)
conditions = st.recursive(
    st.sampled_from(("s0", "s1", "x2", "1 of s*", "all of s*", "1 of them", "all of them")),
    lambda inner: st.one_of(
        inner.map("not ({})".format),
        st.tuples(inner, inner).map(lambda pair: "({}) and ({})".format(*pair)),
        st.tuples(inner, inner).map(lambda pair: "({}) or ({})".format(*pair)),
    ),
    max_leaves=4,
)
alone = st.fixed_dictionaries(
    {"s": items.map(lambda one: dict([one])), "condition": st.sampled_from(("s", "not s"))}
)
together = st.fixed_dictionaries(
    {"s0": selections, "s1": selections, "x2": selections, "condition": conditions}
)
rules = st.tuples(*[alone] * 6, *[together] * 3)
"""Single items tell best what is wrong; the others try what holds them together."""


# ---- what both say


class PlainDumper(yaml.CSafeDumper):
    """Repeats a value that occurs again: rules are served no aliases."""

    def ignore_aliases(self, _: object) -> bool:
        return True


@pytest.fixture(scope="module")
def known(tmp_path_factory) -> lists.ValueLists:
    folder = tmp_path_factory.mktemp("rules") / "lists"
    folder.mkdir()
    for name, entries in ENTRIES.items():
        (folder / f"{name}.yml").write_text(
            yaml.safe_dump({"entries": entries}, allow_unicode=True)
        )
    return lists.load_lists([folder.parent])


@pytest.fixture(scope="module")
def predicates(known, tmp_path_factory):
    """The SQL of detections, each of which has been a rule in a file."""
    path = tmp_path_factory.mktemp("generated") / "rules.yml"
    schema = detect.EventSchema(
        column_types={**TYPES, "source_ip_key": "VARCHAR"},
        resolve_column=lambda field, _: field,
        list_fields=lambda _: None,
        list_event_types=lambda: frozenset({"Anything"}),
    )

    def load(chosen):
        documents = [
            {
                "title": "A rule",
                "name": f"rule-{number}",
                "id": f"0d9ff9fb-6f0f-4c55-9f0b-{number:012d}",
                "level": "low",
                "logsource": {"product": "salesforce"},
                "detection": detection,
                "collector": {
                    "time_zone": str(ZONES[number % 2]),
                    "unknown_fields": "allow",
                },
            }
            for number, detection in enumerate(chosen)
        ]
        path.write_text(yaml.dump_all(documents, Dumper=PlainDumper), encoding="utf-8")
        return [
            rule.predicate
            for rule in loader.load_rule_set([path], schema=schema, lists=known).rules
        ]

    return load


@settings(
    max_examples=60,  # of nine rules each, since most of the time goes into starting
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(rules, st.lists(events, min_size=1, max_size=15))
def test_the_engine_and_the_oracle_agree_on_every_event(predicates, connection, chosen, data):
    answers = [
        list(column) for column in zip(*_engine(connection, predicates(chosen), data), strict=True)
    ]

    expected = [
        match_rows(each, data, lists=ENTRIES, zone=ZONES[number % 2])
        for number, each in enumerate(chosen)
    ]
    assert expected == answers


def _engine(connection, predicates, data):
    kinds = {name: "VARCHAR" if kind == "TIMESTAMPTZ" else kind for name, kind in TYPES.items()}
    columns = ", ".join(
        f'CAST("{name}" AS TIMESTAMPTZ) AS "{name}"' if kind == "TIMESTAMPTZ" else f'"{name}"'
        for name, kind in TYPES.items()
    )
    rows = (
        "SELECT n, row.* FROM (SELECT unnest(range(len(parsed))) AS n, unnest(parsed) AS row FROM"
        f" (SELECT from_json(?, '{json.dumps([kinds])}') AS parsed))"
    )
    rows = select_addresses(f"(SELECT n, {columns} FROM ({rows}))", "source_ip")
    rows = f"SELECT *, read_address_key AS source_ip_key FROM ({rows})"
    written = json.dumps(data, default=datetime.isoformat)
    query = f"SELECT {', '.join(predicates)} FROM ({rows}) ORDER BY n"
    return connection.execute(query, [written]).fetchall()
