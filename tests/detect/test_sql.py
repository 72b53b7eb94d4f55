"""What each modifier of Sigma means in SQL."""

from base64 import b64encode
from datetime import UTC, datetime

import pytest
from sigma.exceptions import SigmaError
from sigma.rule.detection import EmptySigmaDetections, SigmaDetectionItem

from collector.detect.predicates import condition_sql
from collector.detect.predicates.field_columns import FieldColumns
from collector.escaping import quote_identifier

AGENT = "Salesforce-CLI/1.0"

TABLE = [
    # item of a selection, values that fit, values that do not
    ({"user_name": "Jo"}, ["Jo", "JO", "jo"], ["Joe", "", None]),
    ({"user_name": ["jo", "SAM"]}, ["Jo", "sam"], ["joe", None]),
    ({"user_name|cased": "Jo"}, ["Jo"], ["JO", "jo", None]),
    ({"user_name|cased": ["Jo", "Sam"]}, ["Jo", "Sam"], ["sam", None]),
    ({"user_name|cased|contains": "o%"}, ["Jo%", "o%x"], ["JO%", "ox"]),
    ({"user_agent|startswith": "salesforce-cli/"}, [AGENT, AGENT.upper()], [f" {AGENT}", None]),
    ({"user_agent|endswith": "/1.0"}, [AGENT, "/1.0"], ["/1.00", None]),
    ({"user_agent|contains": "force-"}, [AGENT, "FORCE-"], ["force", None]),
    ({"user_agent|contains": ["sales", "nothing"]}, [AGENT], ["curl"]),
    ({"user_agent|contains|all": ["sales", "cli"]}, [AGENT, "cli of sales"], ["sales", "cli"]),
    ({"user_name": "j*o"}, ["jo", "j\no", "Jxxo"], ["jox", None]),
    ({"user_name": "j?o"}, ["jxo", "j\no", "jäo", "j😀o"], ["jo", "jxxo"]),
    ({"user_name": "*"}, ["x", " "], [None]),
    ({"user_name": r"j\*o"}, ["j*o"], ["jxo", "jo"]),
    ({"user_name": r"j\?o*"}, ["j?o", "j?ox"], ["jxo"]),
    ({"user_name": r"a\b"}, [r"a\b", r"A\B"], ["ab"]),
    ({"user_name": "a\\b*"}, ["a\\bc"], ["ab", "a!bc"]),
    ({"user_name": "100%_*"}, ["100%_", "100%_x"], ["100x_", "100%x"]),
    ({"user_name": "a!*"}, ["a!", "a!b"], ["ab"]),
    ({"user_name": ""}, ["", None], [" ", "x"]),
    ({"user_name": None}, [None], ["", "x"]),
    ({"user_name": ["jo", None]}, ["jo", None], ["", "x"]),
    ({"user_name|exists": True}, ["x", ""], [None]),
    ({"user_name|exists": False}, [None], ["x"]),
    ({"user_name|neq": "jo"}, ["sam", "", None], ["jo", "JO"]),
    ({"user_name|neq": ["jo", "sam"]}, ["joe", None], ["jo", "Sam"]),
    ({"IS_MANAGED": True}, ["1", "true", "TRUE", "True"], ["0", "false", "", "yes", None]),
    ({"IS_MANAGED": False}, ["0", "false", "False"], ["1", "true", "", None]),
    ({"user_name|re": "^j.o$"}, ["jxo"], ["j\no", "JXO", "xjxo", None]),
    ({"user_name|re": "o"}, ["jo", "ok"], ["JO", "x"]),
    ({"user_name|re|i": "^JO"}, ["jo", "Joe"], ["xjo"]),
    ({"user_name|re|m": "^o"}, ["o", "j\no"], ["jo"]),
    ({"user_name|re|s": "j.o"}, ["j\no", "jxo"], ["jo"]),
    ({"user_name|re|i|m|s": "^O.X$"}, ["j\no\nx\n"], ["jox"]),
    ({"user_name|re": r"\d{2,}'\\"}, ["12'\\"], ["1'\\", "12'"]),
    ({"USER_AGENT": 5238}, ["5238", "5238.0", " 5238"], ["52380", "Mozilla", "", None]),
    ({"ROWS|gte": 100}, ["100", "1e3", "100.0"], ["99.9", "1,000", "inf", "nan", "x", "", None]),
    ({"ROWS|gt": 100}, ["101", "100.5"], ["100", None]),
    ({"ROWS|lt": 0.5}, ["0.4", "-7"], ["0.5", "x", None]),
    ({"ROWS|lte": 0.5}, ["0.5", "0"], ["0.51", None]),
    ({"ROWS": [1, 2]}, ["1", "2.0"], ["3", "12"]),
    ({"uri|windash|contains": " -x"}, ["a -x", "a /x", "a –x"], ["a x", "-x"]),
    ({"detail|base64": "secret"}, [b64encode(b"secret").decode()], ["secret"]),
    (
        {"detail|base64offset|contains": "secret"},
        [b64encode(pad + b"secret!!").decode() for pad in (b"", b"a", b"ab")],
        ["secret", b64encode(b"sacred!!").decode()],
    ),
    (
        {"detail|wide|base64offset|contains": "secret"},
        [b64encode(pad + "secret".encode("utf-16le") + b"!!").decode() for pad in (b"", b"a")],
        [b64encode(b"secret").decode()],
    ),
    (
        {"detail|utf16|base64": "hi"},
        [b64encode(b"\xff\xfe" + "hi".encode("utf-16le")).decode()],
        [b64encode("hi".encode("utf-16le")).decode()],
    ),
    ({"detail|utf16be|base64": "hi"}, [b64encode("hi".encode("utf-16be")).decode()], ["hi"]),
    ({"detail|wide|base64": "hi"}, [b64encode("hi".encode("utf-16le")).decode()], ["hi"]),
    ({"detail|base64|cased": "hi"}, ["aGk="], ["AGK=", None]),
    ({"user_name|re|ignorecase|multiline|dotall": "^O.X$"}, ["j\no\nx\n"], ["jox"]),
    ({"user_name": "ÄRGER"}, ["ärger", "Ärger"], ["arger"]),
    ({"user_name|contains": ["é", "x"]}, ["caf\u00e9", "CAF\u00c9", "X"], ["cafe"]),
    ({"user_name": "İstanbul"}, ["İstanbul"], [None, "stanbul"]),
]


@pytest.mark.parametrize(("item", "fits", "others"), TABLE, ids=[str(row[0]) for row in TABLE])
def test_a_modifier_selects_the_values_that_sigma_says(item, fits, others, where):
    """A selection holds for the values on the left and for none on the right; so does its NOT."""
    field = next(iter(item)).partition("|")[0]
    rows = [{field: value} for value in [*fits, *others]]
    expected = [True] * len(fits) + [False] * len(others)

    assert expected == where({"s": item, "condition": "s"}, rows)
    assert [not each for each in expected] == where({"s": item, "condition": "not s"}, rows)


NUMBERS = [
    ({"record_count|gte": 100000}, 100000, True),
    ({"record_count|gte": 100000}, 99999, False),
    ({"record_count|gte": 0}, None, False),
    ({"record_count": 5}, 5, True),
    ({"record_count": "5"}, 5, True),
    ({"record_count|startswith": "15"}, 150000, True),
    ({"record_count|exists": False}, None, True),
    ({"score|lt": 20}, 19.99, True),
    ({"score|lt": 20}, None, False),
]


@pytest.mark.parametrize(("item", "value", "expected"), NUMBERS)
def test_a_number_is_compared_as_one_and_unknown_fits_nothing(item, value, expected, where):
    field = next(iter(item)).partition("|")[0]

    assert [expected] == where({"s": item, "condition": "s"}, [{field: value}])


def test_parts_of_a_time_are_in_utc(where):
    row = {"time": datetime(2026, 11, 10, 23, 15, tzinfo=UTC)}
    night = {"late": {"time|hour|gte": 22}, "early": {"time|hour|lt": 6}, "condition": "1 of *"}

    assert [True] == where(night, [row])
    assert [True] == where({"s": {"time|day": 10, "time|minute": 15}, "condition": "s"}, [row])
    assert [True] == where({"s": {"time|week": 46, "time|year": 2026}, "condition": "s"}, [row])
    assert [False] == where({"s": {"time|week": 45}, "condition": "s"}, [row])
    assert [False] == where({"s": {"time|month": [1, 12]}, "condition": "s"}, [row])


NETWORKS = [
    ("10.0.0.0/8", "00000000000000000000ffff0a010203", True),
    ("10.0.0.0/8", "00000000000000000000ffff0b010203", False),
    ("10.0.0.0/9", "00000000000000000000ffff0a7fffff", True),
    ("10.0.0.0/9", "00000000000000000000ffff0a800000", False),
    ("198.51.100.7/32", "00000000000000000000ffffc6336407", True),
    ("198.51.100.7/32", "00000000000000000000ffffc6336408", False),
    ("0.0.0.0/0", "00000000000000000000ffffffffffff", True),
    ("0.0.0.0/0", "20010db8000000000000000000000001", False),
    ("2001:db8::/33", "20010db87fff00000000000000000001", True),
    ("2001:db8::/33", "20010db8800000000000000000000001", False),
    ("::/0", "20010db8000000000000000000000001", True),
    ("::/0", None, False),
]


@pytest.mark.parametrize(("network", "key", "expected"), NETWORKS)
def test_a_network_holds_its_own_addresses_alone(network, key, expected, where):
    found = where({"s": {"source_ip|cidr": network}, "condition": "s"}, [{"source_ip_key": key}])

    assert [expected] == found


def test_a_list_of_networks_is_one_comparison_per_length(where):
    networks = ["10.0.0.0/8", "192.168.0.0/16", "11.0.0.0/8"]
    keys = ["0a000001", "0b000001", "c0a80001", "c0a90001"]
    rows = [{"source_ip_key": f"00000000000000000000ffff{key}"} for key in keys]

    found = where({"s": {"source_ip|cidr": networks}, "condition": "s"}, rows)

    assert [True, True, True, False] == found


REFERENCES = [
    ("user_name|fieldref", "jo", "JO", True),
    ("user_name|fieldref", "jo", "sam", False),
    ("user_name|fieldref", None, None, False),
    ("user_name|fieldref|startswith", "jo.smith", "Jo", True),
    ("user_name|fieldref|startswith", "jo", "jo.smith", False),
    ("user_name|fieldref|endswith", "x@acme.com", "ACME.com", True),
    ("user_name|fieldref|contains", "a%b_c", "%B_", True),
    ("user_name|fieldref|contains", "abc", "%", False),
]


@pytest.mark.parametrize(("key", "one", "other", "expected"), REFERENCES)
def test_two_fields_are_compared_without_regard_to_case(key, one, other, expected, where):
    row = {"user_name": one, "detail": other}

    assert [expected] == where({"s": {key: "detail"}, "condition": "s"}, [row])


def test_a_number_is_text_where_it_is_compared_with_text_or_in_part(where):
    def found(key, other, **row):
        return where({"s": {key: other}, "condition": "s"}, [row])

    assert [True] == found("record_count|fieldref", "detail", record_count=15, detail="15")
    assert [False] == found("record_count|fieldref", "detail", record_count=15, detail="15.0")
    assert [True] == found("record_count|fieldref", "score", record_count=15, score=15.0)
    assert [True] == found("score|fieldref|startswith", "record_count", score=15.5, record_count=15)


def test_keywords_are_looked_for_in_the_text_columns(where):
    """A value without a field is found anywhere inside a text column, whatever the case."""
    rows = [
        {"query": "SELECT Secret__c FROM x"},
        {"uri": "/secret__C"},
        {"user_id": "secret__c"},
        {},
    ]

    assert [True, True, False, False] == where({"k": ["secret__c", "zz"], "condition": "k"}, rows)
    assert [True, False, False, False] == where(
        {"k": {"|all": ["secret__c", "from"]}, "condition": "k"}, rows
    )
    assert [True, False, False, False] == where({"k": {"|re": "F[R]OM"}, "condition": "k"}, rows)
    assert [False, False] == where({"k": [42], "condition": "k"}, [{"query": "4 2"}, {}])


@pytest.mark.parametrize(
    "row",
    [
        {"user_name": "eve@acme.example"},
        {"target_user_name": "Eve@Acme.example"},
        {"source_ip": "203.0.113.9", "old_value": "to eve@acme.example"},
        {"app_name": "for eve@acme.example", "permission": "Manage Users"},
    ],
)
def test_a_keyword_is_looked_for_in_all_that_an_event_says(where, row):
    assert [True] == where({"k": ["EVE@acme.example"], "condition": "k"}, [row])


def test_keywords_that_must_all_be_there_may_be_in_different_fields(where):
    rows = [
        {"source_ip": "203.0.113.9", "new_value": "Manage Users", "status": "LOGIN_NO_ERROR"},
        {"source_ip": "203.0.113.90", "new_value": "Manage Users"},
        {"source_ip": "203.0.113.9", "permission": "Manage Users"},
    ]
    words = {"|all": ["203.0.113.9", "manage users", "no_error"]}

    assert [True, False, False] == where({"k": words, "condition": "k"}, rows)


def test_selections_are_counted_by_their_names(where):
    detection = {
        "sel_a": {"user_name": "a"},
        "sel_b": {"detail": "b"},
        "other": {"user_name": "z"},
    }
    rows = [{"user_name": "a"}, {"user_name": "a", "detail": "b"}, {"user_name": "z"}, {}]

    def found(condition):
        return where({**detection, "condition": condition}, rows)

    assert [True, True, False, False] == found("1 of sel_*")
    assert [False, True, False, False] == found("all of sel_*")
    assert [True, True, True, False] == found("1 of them")
    assert [True, False, False, False] == found("sel_a and not sel_b")
    assert [False, False, True, True] == found("not 1 of sel_*")
    assert [True, True, True, False] == found(["sel_a", "other"])


def test_a_list_of_mappings_holds_when_one_of_them_does(where):
    detection = {"s": [{"user_name": "a", "detail": "b"}, {"user_name": "c"}], "condition": "s"}
    rows = [{"user_name": "a"}, {"user_name": "a", "detail": "b"}, {"user_name": "c"}]

    assert [False, True, True] == where(detection, rows)


SPELLED = [
    ({"user_name": "Jo"}, """lower("user_name") = 'jo'"""),
    ({"user_name": ["Jo", "Sam"]}, """lower("user_name") IN ('jo', 'sam')"""),
    ({"user_name|cased": "Jo"}, """"user_name" = 'Jo'"""),
    ({"user_name": "Jo*"}, """lower("user_name") LIKE 'jo%'"""),
    ({"user_name": "50%*"}, """lower("user_name") LIKE '50!%%' ESCAPE '!'"""),
    ({"user_name": "a\\b*"}, """lower("user_name") LIKE 'a\\b%' ESCAPE '!'"""),
    ({"user_name": "*"}, """"user_name" IS NOT NULL"""),
    ({"user_name": "Ä"}, """lower("user_name") = lower('Ä')"""),
    (
        {"user_id": "0055f00000Hyy1QAAQ"},
        """(substr("user_id", 1, 15) = '0055f00000Hyy1Q' AND length("user_id") IN (15, 18))""",
    ),
    ({"ROWS|gte": 5}, """TRY_CAST("ROWS" AS DECIMAL(38, 9)) >= 5"""),
    (
        {"source_ip|cidr": ["10.0.0.0/8", "11.0.0.0/8"]},
        (
            f"""(substr("source_ip_key", 1, 26) IN ('{"0" * 20}ffff0a', '{"0" * 20}ffff0b')"""
            """ OR CASE WHEN length("source_ip_key") > 32 THEN"""
            f""" regexp_matches("source_ip_key", ' (?:{"0" * 20}ffff0a|{"0" * 20}ffff0b)') END)"""
        ),
    ),
]


@pytest.mark.parametrize(("item", "expected"), SPELLED, ids=[row[1] for row in SPELLED])
def test_the_words_are_those_that_other_engines_know_too(item, expected):
    """ANSI LIKE with an ESCAPE wherever a backslash could be one, IN, substr."""
    columns = FieldColumns(
        column_types={"source_ip_key": "VARCHAR"}, resolve_column=lambda field: field
    )
    ((key, value),) = item.items()
    condition = SigmaDetectionItem.from_mapping(key, value).postprocess(EmptySigmaDetections())

    assert f"COALESCE({expected}, FALSE)" == condition_sql.compile_predicate(condition, columns)


HOSTILE = [
    "'",
    "''; DROP TABLE events; --",
    '"',
    "%",
    "_",
    "\\",
    "\\\\",
    "a\\'b",
    "!",
    "!%!_",
    "\n",
    "a\r\nb",
    "\t",
    "😀",
    "ñ'",
    "\u202e'x",
    "{field}",
    "$1",
    "?" * 3,
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("modifiers", ["", "|cased", "|contains", "|startswith", "|endswith"])
def test_no_text_is_anything_but_text(text, modifiers, where):
    """Every text finds itself and no other, however SQL, LIKE or Sigma would like to read it."""
    escaped = text.replace("\\", "\\\\").replace("?", "\\?").replace("*", "\\*")
    rows = [{"operation": text}, {"operation": f"x{len(text)}"}]

    found = where({"s": {f"operation{modifiers}": escaped}, "condition": "s"}, rows)

    assert [True, False] == found


REFUSED = [
    ({"CLIENT_IP|cidr": "10.0.0.0/8"}, "cidr is served for source_ip"),
    ({"user_name|expand": "%admins%"}, "unknown list 'admins'"),
    ({"user_name|wide": "ab"}, "NUL"),
    ({"user_name|utf16": "ab"}, "NUL"),
    ({"user_name|utf16be": "ab"}, "NUL"),
    ({"user_name": "a\x00b"}, "NUL"),
    ({"user_name": "a\ud800"}, "surrogate"),
    ({"user_name|re": "a\x00"}, "NUL"),
    ({"detail|hour": 5}, "hour is served for time and received"),
    ({"|contains": ""}, "must hold some text"),
]


@pytest.mark.parametrize(("item", "words"), REFUSED)
def test_what_cannot_be_said_is_refused_in_words(item, words, where):
    with pytest.raises(SigmaError, match=words):
        where({"s": item, "condition": "s"}, [{}])


def test_no_field_name_is_anything_but_a_name(connection):
    name = "a\"b'; --"
    columns = FieldColumns(column_types={}, resolve_column=lambda field: field)
    condition = SigmaDetectionItem.from_mapping(name, "x").postprocess(EmptySigmaDetections())
    predicate = condition_sql.compile_predicate(condition, columns)

    found = connection.execute(f"SELECT {predicate} FROM (SELECT 'X' AS {quote_identifier(name)})")

    assert (True,) == found.fetchone()
    assert {name} == columns.accessed_columns
