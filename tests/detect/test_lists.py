"""Value lists: what is read out of files, what rules find by them, and what is wrong with them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sigma.exceptions import SigmaError

from collector.detect import lists
from collector.detect.language.detection_checks import parse_item
from collector.detect.lists.value_list import ListEntry, ValueList
from collector.detect.predicates import condition_sql
from collector.detect.predicates.equality import MAX_INLINE_VALUES
from collector.detect.predicates.field_columns import FieldColumns
from collector.errors import RulesError
from collector.normalize.ip_address_sql import select_addresses

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = "0055f00000Hyy1Q"
TYPES = {
    **dict.fromkeys(("user_name", "user_id", "source_ip", "source_ip_key"), "VARCHAR"),
    "operation": "VARCHAR",
    "record_count": "BIGINT",
    "time": "TIMESTAMPTZ",
}
SHIPPED = Path(__file__).parents[2] / "rules"

WHOLE = """\
name: thieves
description: Who was there.
campaign: UNC1
source: A report
confidence: high
first_seen: 2026-01-02
entries:
  - plain text
  - 10.0.0.0/8
  - {value: 198.51.100.7, campaign: UNC2, last_seen: 2026-02-03, expires: 2026-08-02, note: Tor}
  - {cidr: "2001:DB8::/32", confidence: low}
  - {prefix: curl/}
  - {contains: "*"}
"""


@pytest.fixture
def folder(tmp_path):
    """A folder of rules, with a function that puts a file into its `lists`."""

    def write(text, name="thieves.yml"):
        path = tmp_path / "rules" / "lists" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return tmp_path / "rules"

    return write


def plain(text):
    return ListEntry(form="value", text=text)


# ---- reading


def test_a_whole_list_is_read_with_what_is_known_of_each_entry(folder):
    known = lists.load_lists([folder(WHOLE)])

    about = {"source": "A report", "first_seen": date(2026, 1, 2)}
    every = {"campaign": "UNC1", "confidence": "high", **about}
    assert {"thieves"} == known.names
    assert (
        ListEntry(form="value", text="plain text", **every),
        ListEntry(form="cidr", text="10.0.0.0/8", **every),
        ListEntry(
            form="value",
            text="198.51.100.7",
            campaign="UNC2",
            confidence="high",
            last_seen=date(2026, 2, 3),
            expires=date(2026, 8, 2),
            note="Tor",
            **about,
        ),
        ListEntry(form="cidr", text="2001:db8::/32", **{**every, "confidence": "low"}),
        ListEntry(form="prefix", text="curl/", **every),
        ListEntry(form="contains", text="*", **every),
    ) == known["thieves"].entries


def test_a_list_without_a_name_is_called_as_its_file_is(folder):
    assert {"vpn-exits"} == lists.load_lists([folder("entries: []", "vpn-exits.yaml")]).names


def test_only_files_in_folders_called_lists_are_lists(folder, tmp_path):
    (folder("entries: [a]") / "rule.yml").write_text("title: No list")
    (tmp_path / "rules" / "deep" / "lists").mkdir(parents=True)
    (tmp_path / "rules" / "deep" / "lists" / "more.yml").write_text("entries: [b]")

    assert {"thieves", "more"} == lists.load_lists([tmp_path / "rules"]).names
    assert lists.NO_LISTS == lists.load_lists([tmp_path / "rules" / "lists"])


def test_the_lists_beside_a_file_of_rules_count(folder, tmp_path):
    rule = folder("entries: [a]") / "rule.yml"

    assert {"thieves"} == lists.load_lists([rule]).names


def test_a_text_file_has_one_value_or_network_a_line(tmp_path):
    path = tmp_path / "exits.txt"
    path.write_bytes(
        b"\xef\xbb\xbf# Tor\r\n185.220.101.33\r\n\r\n  10.0.0.0/8 \n185.220.101.33\na # b\n"
    )

    known = lists.load_lists([], {"tor_exits": path})

    network = ListEntry(form="cidr", text="10.0.0.0/8")
    assert (plain("185.220.101.33"), network, plain("a")) == known["tor_exits"].entries


LINES = [
    ("1.2.3.4 # x", plain("1.2.3.4")),
    ("1.2.3.4#x", plain("1.2.3.4")),
    ("1.2.3.4 ; SBL1", plain("1.2.3.4")),
    ("1.10.16.0/20 ; SBL256894", ListEntry(form="cidr", text="1.10.16.0/20")),
    ('"1.2.3.4"', plain("1.2.3.4")),
    ("'1.2.3.4', seen 2026-03-01", plain("1.2.3.4")),
    ("1.2.3.4,2026-03-01,bad", plain("1.2.3.4")),
    ("1.2.3.4\tbad", plain("1.2.3.4")),
    ("1.2.3.4 bad", plain("1.2.3.4")),
    ("1.2.3.4|bad", plain("1.2.3.4")),
    ("2001:db8::/32,bad", ListEntry(form="cidr", text="2001:db8::/32")),
    ("[2001:db8::1]:443 # x", plain("[2001:db8::1]:443")),
    ("Mozilla/5.0 (X11; Linux, x86_64)", plain("Mozilla/5.0 (X11; Linux, x86_64)")),
    ("C# client # x", plain("C# client")),
    ("drift ; x", plain("drift")),
    ('"Team # 1" # x', plain("Team # 1")),
    ("app\tx", plain("app")),
]


@pytest.mark.parametrize(("line", "entry"), LINES, ids=[row[0] for row in LINES])
def test_what_stands_beside_an_entry_is_no_part_of_it(line, entry, tmp_path):
    path = tmp_path / "feed.txt"
    path.write_text(f"; a feed\n{line}\n")

    known = lists.load_lists([], {"feed": path})

    assert known["feed"].entries == (entry,)
    assert known.warnings == ()


@pytest.mark.parametrize(
    "text",
    ["1.2.3.4.5", "1.2.3.300", "10.0.0.1-10.0.0.20", "10.0.0.1, 10.0.0.2", "10.0.0.*", "::1::"],
)
def test_a_value_that_begins_like_an_address_and_is_none_is_told(text, tmp_path, folder):
    feed = tmp_path / "feed.txt"
    feed.write_text(f"# mine\n{text}\n".replace(", ", "_"))
    path = folder(f"entries:\n  - fine\n  - {{value: '{text}'}}\n  - {{prefix: 10.0.0.}}")

    known = lists.load_lists([path], {"feed": feed, "own": ["9.9.9.9", text]})

    told = [(each.path.name, each.line) for each in known.warnings]
    assert told == [("feed.txt", 2), ("rules.lists.own", 2), ("thieves.yml", 3)]
    assert "begins like an address and is none" in known.warnings[0].message


def test_lists_of_one_name_are_one_list(folder, tmp_path):
    own = tmp_path / "own.yml"
    own.write_text("entries: [plain text, further]")
    path = folder("entries: [plain text]")

    known = lists.load_lists([path], {"thieves": own, "apps": ["b", "10.0.0.0/8", "b"]})

    assert (plain("plain text"), plain("further")) == known["thieves"].entries
    assert (plain("b"), ListEntry(form="cidr", text="10.0.0.0/8")) == known["apps"].entries


def test_an_entry_is_the_same_as_long_as_it_finds_the_same():
    entry = ListEntry(form="value", text="a", campaign="x", note="y")

    assert plain("a").digest == entry.digest
    others = [
        plain("A"),
        ListEntry(form="prefix", text="a"),
        ListEntry(form="value", text="a", expires=date(2026, 1, 1)),
    ]
    assert 4 == len({each.digest for each in [entry, *others]})


# ---- what is wrong

WRONG = [
    (
        "entires: [a]",
        ["1:1: unknown key 'entires', did you mean 'entries'?", "1:1: 'entries' must be a list"],
    ),
    ("entries: a", ["1:1: 'entries' must be a list; [] is an empty one"]),
    ("entries: [5]", ["1:11: an entry is text: put it into quotes"]),
    ("entries:\n  - a\n  - b\n  - a", ["4:5: 'a' stands here twice"]),
    (
        "entries: [{value: a, prefix: b}]",
        ["1:11: an entry has one of value, cidr, prefix, contains"],
    ),
    ("entries: [{note: a}]", ["1:11: an entry has one of value, cidr, prefix, contains"]),
    (
        "entries: [{valeu: a}]",
        ["1:11: an entry has one of", "1:12: unknown key 'valeu', did you mean 'value'?"],
    ),
    ("entries: [10.0.0.1/8]", ["1:11: must be a network: 10.0.0.0/8 is the one around it"]),
    ("entries: [10.0.0.0/33]", ["1:11: must be a network such as"]),
    ("entries: [{cidr: x}]", ["1:11: 'cidr' must be a network such as"]),
    ("entries: [{cidr: 10.0.0.1}]", ["1:11: must be a network such as"]),
    ("entries: ['']", ["1:11: an entry has 1 to 1,000 characters"]),
    (r'entries: ["a\0"]', ["1:11: no event holds NUL characters"]),
    ("entries: [{value: a, expires: soon}]", ["1:22: 'expires' must be a date such as 2026-06-30"]),
    ("entries: [{value: a, expires: 2026-02-30}]", ["1:22: 'expires' is no day of a calendar"]),
    (
        "entries: [{value: a, confidence: 5}]",
        ["1:22: 'confidence' must be one of low, medium, high"],
    ),
    ("entries: [{value: a, note: [b]}]", ["1:22: 'note' must be text"]),
    (
        "entries: [{value: a, first_seen: 2026-02-02, last_seen: 2026-01-01}]",
        ["1:46: 'last_seen' is before 'first_seen'"],
    ),
    ("name: No Slug\nentries: []", ["1:1: the name of a list must consist of"]),
    ("confidence: sure\nentries: []", ["1:1: 'confidence' must be one of"]),
    ("description: [a]\nentries: []", ["1:1: 'description' must be text"]),
    ("", ["1:1: a file of a list holds one document"]),
    ("entries: []\n---\nentries: []", ["1:1: a file of a list holds one document"]),
    ("entries: [*a]", ["1:11: aliases"]),
]


@pytest.mark.parametrize(("text", "expected"), WRONG, ids=[row[0] for row in WRONG])
def test_every_mistake_is_told_at_its_place(text, expected, folder):
    path = folder(text)

    with pytest.raises(RulesError) as caught:
        lists.load_lists([path])

    lines = str(caught.value).replace(f"{path / 'lists' / 'thieves.yml'}:", "").splitlines()
    assert len(expected) == len(lines)
    for words, line in zip(expected, lines, strict=True):
        assert line.startswith(words)


def test_the_mistakes_of_all_files_are_told_at_once(folder, tmp_path):
    (tmp_path / "feed.txt").write_text("a\n10.0.0.1/8\n")
    folder("entries: [5]")
    path = folder("entries: a", "other.yml")

    with pytest.raises(RulesError) as caught:
        lists.load_lists([path], {"feed": tmp_path / "feed.txt", "gone": tmp_path / "gone.txt"})

    told = [(each.path.name, each.line) for each in caught.value.problems]
    assert [("feed.txt", 2), ("gone.txt", 1), ("other.yml", 1), ("thieves.yml", 1)] == told


def test_a_file_says_the_name_that_the_configuration_says(tmp_path):
    path = tmp_path / "mine.yml"
    path.write_text("name: theirs\nentries: []")

    with pytest.raises(RulesError, match="1:1: the configuration calls this list 'mine'"):
        lists.load_lists([], {"mine": path})


def test_a_list_has_an_end(tmp_path):
    path = tmp_path / "long.txt"
    path.write_text("\n".join(map(str, range(50_001))))

    with pytest.raises(RulesError, match="more than 50,000 entries"):
        lists.load_lists([], {"long": path})


def test_what_is_no_text_is_told_with_its_line(tmp_path):
    path = tmp_path / "bytes.txt"
    path.write_bytes(b"a\nb\xff\n")

    with pytest.raises(RulesError, match=r"bytes\.txt:2:2: not UTF-8 text"):
        lists.load_lists([], {"bytes": path})


# ---- rules


@pytest.fixture
def holds(connection):
    """Which rows `field|expand: '%list%'` holds for."""

    def run(entries, field, values, *, times=None, key="expand"):
        columns = columns_with(entries)
        predicate = condition_sql.compile_predicate(
            parse_item(f"{field}|{key}", "%known%"), columns
        )
        return asked(connection, predicate, field, values, times or [NOON] * len(values))

    return run


def columns_with(entries):
    known = lists.ValueLists(by_name={"known": ValueList(name="known", entries=tuple(entries))})
    return FieldColumns(column_types=TYPES, resolve_column=lambda field: field, lists=known)


def asked(connection, predicate, field, values, times):
    """The predicate over one row a value, with the address's key as the real normalizer has it."""
    written = json.dumps(
        [{"v": value, "t": time.isoformat()} for value, time in zip(values, times, strict=True)]
    )
    rows = """SELECT n, row.v AS v, CAST(row.t AS TIMESTAMPTZ) AS "time" FROM (
        SELECT unnest(range(len(p))) AS n, unnest(p) AS row
        FROM (SELECT from_json(?, '[{"v": "VARCHAR", "t": "VARCHAR"}]') AS p))"""
    rows = (
        "SELECT * EXCLUDE (read_address, read_address_key), read_address_key AS source_ip_key,"
        f" v AS {field} FROM ({select_addresses(f'({rows})', 'v')})"
    )
    found = connection.execute(f"SELECT {predicate} FROM ({rows}) ORDER BY n", [written])
    return [row[0] for row in found.fetchall()]


ENTRY = ListEntry
FOUND = [
    ([plain("Drift")], "user_name", ["drift", "DRIFT", "Drift "], [True, True, False]),
    ([plain("*")], "user_name", ["*", "x"], [True, False]),
    ([ENTRY(form="prefix", text="50%")], "user_name", ["50%x", "50x"], [True, False]),
    ([ENTRY(form="contains", text="a_b")], "user_name", ["xA_Bx", "axb"], [True, False]),
    ([plain(ID)], "user_id", [f"{ID}AAQ", ID.upper(), ID], [True, False, True]),
    ([plain(f"{ID}AAQ")], "user_id", [ID, f"{ID}x"], [True, False]),
    ([ENTRY(form="prefix", text="005f")], "user_id", ["005f1", "005F1"], [True, False]),
    ([plain("2001:db8::1")], "source_ip", ["2001:DB8:0::1", "2001:db8::2"], [True, False]),
    ([plain("10.0.0.1")], "source_ip", ["::ffff:10.0.0.1", "10.0.0.10"], [True, False]),
    (
        [ENTRY(form="cidr", text="10.0.0.0/9")],
        "source_ip",
        ["10.1.1.1", "10.200.0.1"],
        [True, False],
    ),
    ([plain("Salesforce.com IP")], "source_ip", ["salesforce.com ip", "x"], [True, False]),
    ([plain("10.0.0.1")], "source_ip", ["8.8.8.8, 10.0.0.1", "8.8.8.8, 10.0.0.2"], [True, False]),
    ([plain("010.0.0.01:443")], "source_ip", ["10.0.0.1", "10.0.0.1:80"], [True, True]),
    ([plain("[2001:DB8::1%eth0]")], "source_ip", ["2001:db8::1", "2001:db8::2"], [True, False]),
    (
        [ENTRY(form="cidr", text="10.0.0.0/9")],
        "source_ip",
        ["8.8.8.8, 9.9.9.9:1, 10.1.1.1", "8.8.8.8, 10.200.0.1"],
        [True, False],
    ),
    ([plain(' "Ｄｒｉｆｔ%20App" ')], "user_name", ["drift app", "driftapp"], [True, False]),
    ([ENTRY(form="prefix", text=' "Ｄrift\u200b ')], "user_name", ["Drift App"], [True]),
    ([ENTRY(form="contains", text="%28x")], "user_name", ["a(X11", "a %28x"], [True, False]),
    ([plain("a%20b")], "operation", ["a b", "a%20b"], [False, True]),
    ([], "user_name", ["", "x", None], [False, False, False]),
    ([plain("a")], "user_name", [None], [False]),
]


@pytest.mark.parametrize(("entries", "field", "values", "expected"), FOUND)
def test_a_rule_finds_what_a_list_holds(entries, field, values, expected, holds):
    assert expected == holds(entries, field, values)


def test_an_entry_counts_to_the_end_of_its_last_day(holds):
    entry = ListEntry(form="value", text="a", expires=date(2026, 3, 1))
    end = datetime(2026, 3, 2, tzinfo=UTC)
    times = [end - timedelta(microseconds=1), end, end - timedelta(days=900)]

    assert [True, False, True] == holds([entry], "user_name", ["a"] * 3, times=times)
    assert [True, True, True] == holds([entry, plain("a")], "user_name", ["a"] * 3, times=times)


def test_what_is_in_no_list_is_found_by_neq(holds):
    assert [False, True, True] == holds(
        [plain("a")], "user_name", ["A", "b", None], key="neq|expand"
    )


@pytest.mark.parametrize("separator", ["", "\x1f", "'", "ä"])
def test_a_long_list_means_the_same_as_a_short_one(separator, holds):
    entries = [plain(f"App{separator}{number}") for number in range(2 * MAX_INLINE_VALUES)]
    values = [
        f"aPP{separator}0",
        f"app{separator}{2 * MAX_INLINE_VALUES - 1}",
        f"app{separator}{2 * MAX_INLINE_VALUES}",
        None,
        "",
    ]

    assert [True, True, False, False, False] == holds(entries, "operation", values)


def test_a_long_list_finds_every_address_of_a_record(holds):
    entries = [plain(f"198.51.100.{number}") for number in range(2 * MAX_INLINE_VALUES)]
    values = ["198.51.100.99", "8.8.8.8, 198.51.100.99", "8.8.8.8, 198.51.100.100", "8.8.8.8"]

    assert [True, True, False, False] == holds(entries, "source_ip", values)


def test_a_long_list_is_one_text_and_not_thousands():
    columns = columns_with([plain(f"app{number}") for number in range(5000)])

    assert (
        condition_sql.compile_predicate(parse_item("user_name|expand", "%known%"), columns).count(
            "'"
        )
        <= 4
    )


def test_the_lists_and_columns_of_a_rule_are_remembered():
    columns = columns_with([ListEntry(form="value", text="1.1.1.1", expires=date(2026, 1, 1))])

    condition_sql.compile_predicate(parse_item("source_ip|expand", "%known%"), columns)

    assert {"known"} == columns.accessed_lists
    assert (
        {"source_ip_key", "time", "source_ip"}
        >= columns.accessed_columns
        >= {"source_ip_key", "time"}
    )


NETWORK = ListEntry(form="cidr", text="10.0.0.0/8")
REFUSED = [
    ([], "user_name|expand", "%knwon%", "unknown list 'knwon', did you mean 'known'?"),
    ([], "user_name|expand", "x%known%", "write '%name%' alone"),
    ([], "user_name|endswith|expand", "%known%", "write '%name%' alone"),
    ([], "user_name|expand|cased", "%known%", "write '%name%' alone"),
    ([], "|expand", "%known%", "a list needs a field"),
    ([NETWORK], "user_name|expand", "%known%", "cidr is served for source_ip"),
    ([], "record_count|expand", "%known%", "a list holds text, and record_count is none"),
]


@pytest.mark.parametrize(("entries", "key", "value", "words"), REFUSED)
def test_what_no_list_can_be_asked_is_refused_in_words(entries, key, value, words):
    with pytest.raises(SigmaError, match=words.replace("?", r"\?")):
        condition_sql.compile_predicate(parse_item(key, value), columns_with(entries))


def test_where_there_is_no_time_no_entry_can_expire():
    entry = ListEntry(form="value", text="a", expires=date(2026, 1, 1))
    known = lists.ValueLists(by_name={"known": ValueList(name="known", entries=(entry,))})
    columns = FieldColumns(column_types={}, resolve_column=lambda field: field, lists=known)

    with pytest.raises(SigmaError, match="entries that expire"):
        condition_sql.compile_predicate(parse_item("user_name|expand", "%known%"), columns)


# ---- what an alert tells

TEXTS = ("a", "A", "ä", "Ä", "a1", "1a", "%", "İ", "i", "ς", "Σ")
IDS = (ID, f"{ID}AAQ", f"{ID}-AQ", f"{ID}AAQx", ID.upper(), f"{ID.upper()}AA1", "0055f", "0055F")
ADDRESSES = (
    *("10.0.0.1", "10.0.0.2", "::ffff:10.0.0.1", "::FFFF:0a00:1", "2001:db8::1", "2001:DB8:0::1"),
    *("fe80::1%eth0", "10.0.0.256", "1::2::3", "::", "0.0.0.0", "1.2.3", "01.2.3.4", "10."),
)
NETWORKS = ("10.0.0.0/8", "10.0.0.2/32", "2001:db8::/32", "::/0", "0.0.0.0/0")
POOLS = {"user_name": TEXTS, "user_id": IDS, "source_ip": ADDRESSES}
LAST = date(2026, 3, 1)
END = datetime(2026, 3, 2, tzinfo=UTC)
TIMES = (NOON, END - timedelta(microseconds=1), END, END + timedelta(days=1))
dates = st.sampled_from((None, date(2026, 2, 28), LAST, date(2026, 3, 2)))


@st.composite
def questions(draw):
    """A field, entries that it may be compared with, and values that it may have."""
    field = draw(st.sampled_from(sorted(POOLS)))
    texts = st.sampled_from(POOLS[field])
    forms = st.sampled_from(("value", "value", "prefix", "contains"))
    entries = st.builds(ListEntry, form=forms, text=texts, expires=dates)
    ranges = st.builds(
        ListEntry, form=st.just("cidr"), text=st.sampled_from(NETWORKS), expires=dates
    )
    chosen = st.lists(entries | ranges if field == "source_ip" else entries, max_size=4)
    return field, draw(chosen), draw(st.lists(texts, min_size=1, max_size=8))


@settings(max_examples=80, deadline=None)
@given(questions(), st.sampled_from(TIMES))
@pytest.mark.slow
def test_find_names_an_entry_exactly_where_the_rule_holds(connection, question, at):
    field, entries, values = question
    columns = columns_with(entries)
    predicate = condition_sql.compile_predicate(parse_item(f"{field}|expand", "%known%"), columns)

    found = [columns.lists.find_entry("known", value, at, field=field) for value in values]

    assert asked(connection, predicate, field, values, [at] * len(values)) == [
        each is not None for each in found
    ]
    assert {each for each in found if each} <= set(entries)


def test_without_a_field_a_value_is_text_and_an_address_if_it_is_one():
    known = lists.ValueLists(
        by_name={"known": ValueList(name="known", entries=(NETWORK, plain(ID)))}
    )

    assert NETWORK == known.find_entry("known", "::ffff:10.9.9.9", NOON)
    assert plain(ID) == known.find_entry("known", ID.upper(), NOON)
    assert known.find_entry("unknown", ID, NOON) is None


# ---- what comes with the collector


def test_the_shipped_lists_are_there_and_those_of_the_operator_are_empty():
    known = lists.load_lists([SHIPPED])

    empty = {name for name in known.names if not known[name].entries}
    assert {name for name in known.names if known[name].is_optional} == empty
    assert {"approved_apps", "integration_users", "privileged_users", "trusted_ips"} < empty
    assert known.names - empty > {
        *("ioc_user_agents", "ioc_user_agent_codes", "ioc_ip", "lure_app_names"),
        *("compromised_integrations", "recon_objects", "sensitive_objects", "tor_networks"),
    }


def test_networks_of_tor_say_whose_they_are():
    known = lists.load_lists([SHIPPED])

    assert "Emerald Onion" in known.find_entry("tor_networks", "23.129.64.7", NOON).source
    assert known.find_entry("tor_networks", "192.0.2.7", NOON) is None
    assert all(entry.source and entry.confidence for entry in known["tor_networks"].entries)


def test_every_shipped_indicator_says_who_told_of_it_and_whose_it_is():
    known = lists.load_lists([SHIPPED])

    for name in ("ioc_user_agents", "ioc_user_agent_codes", "ioc_ip", "lure_app_names"):
        for entry in known[name].entries:
            assert entry.source
            assert entry.campaign
            assert entry.confidence


def test_every_shipped_address_expires_after_it_was_seen():
    addresses = lists.load_lists([SHIPPED])["ioc_ip"].entries

    assert 27 == len(addresses)
    for entry in addresses:
        assert entry.expires > (entry.last_seen or entry.first_seen)
