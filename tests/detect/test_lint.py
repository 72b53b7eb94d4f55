"""What is odd about rules that can be run, each told at its line."""

from __future__ import annotations

import pytest

from collector.detect import loader
from collector.detect.lint import lint_rules
from collector.detect.lists import ValueList, ValueLists, load_lists

COMPLETE = """\
description: What it means.
references: [https://example.com]
falsepositives: [An honest mistake]
"""
TESTED = """\
  tests:
    - {name: one, event_type: Login, events: [{USER_NAME: x}], expect: {alerts: 1}}
"""


@pytest.fixture
def found(rule_file, schema):
    """The warnings of a rule, as (line counted from the body's first, message)."""

    def lint(body, *, head_lines=4, **changes):
        path = rule_file(body, **changes)
        rules = loader.load_rule_set([path], schema=schema)
        return [
            (each.problem.line - head_lines, each.problem.message)
            for each in lint_rules(rules, schema=schema)
        ]

    return lint


def body(detection, block="", *, tags="", service="service: Login", more=COMPLETE):
    tagged = f"tags: [{tags}]\n" if tags else ""
    return (
        f"logsource: {{product: salesforce, {service}}}\ndetection:\n{detection}"
        f"collector:\n{block}{TESTED}{more}{tagged}"
    )


def messages(warned):
    return [message for _, message in warned]


LOGIN = "  a: {USER_NAME: x}\n  condition: a\n"
BOTH = "  event_types: [Login, ApiEvent]\n"


def test_nothing_is_odd_about_a_complete_rule(found):
    assert [] == found(body(LOGIN, tags="attack.initial-access, attack.t1078"))


def test_a_value_that_no_member_of_a_list_has_is_told(found):
    text = body(
        '  a: {entity|contains: "Lead,Case", operation: "x,y"}\n  condition: a\n',
        service="service: BulkJob",
    )

    (warning,) = [each for each in messages(found(text)) if "is a list" in each]
    assert warning.startswith("entity is a list, of which each member is compared")


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("  first_seen: {key: [user_id, operation]}\n", ["Login never has 'operation'"]),
        ("  first_seen: {key: [user_id, operation], missing: value}\n", []),
        (
            "  baseline: {metric: count, group_by: [operation, user_name]}\n",
            ["Login never has 'operation'", "ApiEvent never has 'user_name'"],
        ),
        ("  baseline: {metric: count, group_by: [user_id]}\n", []),
        (
            "  baseline: {metric: count, group_by: [user_id], peers: operation}\n",
            ["Login never has 'operation'"],
        ),
    ],
)
def test_types_that_never_have_a_part_of_the_key_are_told(found, block, expected):
    detection = "  a: {user_id: x}\n  condition: a\n"
    warned = messages(found(body(detection, BOTH + block, service="")))

    assert expected == [each.partition(":")[0] for each in warned if "never has" in each]


def test_types_that_are_in_no_group_of_a_correlation_are_told(found):
    base = body("  a: {user_id: x}\n  condition: a\n", BOTH, service="")
    over = "{type: event_count, rules: [a-rule], group-by: [user_name], timespan: 1h,"
    text = (
        f"{base}---\ntitle: Often\nid: 0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9a02\nname: often\n"
        f"level: high\ncorrelation: {over} condition: {{gte: 2}}}}\n"
    )

    (warning,) = [each for each in messages(found(text)) if "in no group" in each]
    assert warning.startswith("ApiEvent never has 'user_name': what a-rule matches there")


# ---- metadata


def test_what_a_reader_will_miss_is_told_at_the_title(found):
    text = "logsource: {product: salesforce, service: Login}\ndetection:\n" + LOGIN
    warned = found(text, head_lines=0)

    assert {1} == {line for line, _ in warned}
    assert ["no description", "no references", "no falsepositives", "no tests"] == [
        message.partition(":")[0] for message in messages(warned)
    ]


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ("attack.t9999", "T9999 is no technique that this version knows"),
        ("attack.t1078, attack.mischief", "'mischief' is no tactic that this version knows"),
        (
            "attack.t1078, attack.exfiltration",
            "no technique of exfiltration is named beside the tactic",
        ),
        ("attack.persistence", "no technique of persistence is named beside the tactic"),
    ],
)
def test_an_odd_attack_tag_is_told(found, tags, message):
    assert [message] == messages(found(body(LOGIN, tags=tags)))


@pytest.mark.parametrize(
    "tags",
    [
        "attack.initial_access, attack.t1078",
        "attack.stealth, attack.t1078",
        "attack.g0016, attack.s0002",
        "attack.t1078.004, attack.t1567, attack.exfiltration",
        "cve.2025-1",
    ],
)
def test_a_sound_attack_tag_is_not_mentioned(found, tags):
    assert [] == found(body(LOGIN, tags=tags))


def test_a_tactic_beside_an_unknown_technique_may_be_its(found):
    warned = found(body(LOGIN, tags="attack.t9999, attack.impact"))

    assert ["T9999 is no technique that this version knows"] == messages(warned)


def test_a_building_block_that_nobody_uses_is_told(found):
    warned = found(body(LOGIN, "  alert: false\n", more=""))

    assert [
        (6, "no correlation looks at this rule, and it tells nobody of what it finds")
    ] == warned


def test_a_building_block_in_use_needs_no_prose(found):
    many = (
        "---\ntitle: Many\nname: many\nid: 0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9a02\nlevel: high\n"
        "correlation:\n  {type: event_count, rules: [a-rule], group-by: [user_id], timespan: 5m,"
        " condition: {gte: 3}}\n"
    )
    warned = found(body(LOGIN, "  alert: false\n", more="") + many + COMPLETE)

    assert ["no tests: nobody knows whether it can fire"] == messages(warned)


def test_what_a_filter_adds_is_asked_for(found):
    exception = (
        "---\ntitle: But not these\nlogsource: {product: salesforce}\n"
        "filter:\n  rules: [a-rule]\n  us: {USER_NAME: us}\n  condition: not us\n"
    )

    assert [] == found(body(LOGIN) + exception)


# ---- selections


def test_a_selection_that_nobody_asks_for_is_told(found):
    detection = "  a: {USER_NAME: x}\n  b: {USER_NAME: y}\n  condition: a\n"

    assert [(4, "nobody asks for the selection 'b'")] == found(body(detection))


@pytest.mark.parametrize("condition", ["all of them", "1 of b*", "a or not b", "1 of *"])
def test_a_selection_that_is_asked_for_in_any_way_is_not_mentioned(found, condition):
    a = "" if condition == "1 of b*" else "  a: {USER_NAME: x}\n"

    assert [] == found(body(f"{a}  b: {{USER_NAME: y}}\n  condition: {condition}\n"))


def test_them_does_not_mean_what_begins_with_an_underscore(found):
    detection = "  a: {USER_NAME: x}\n  _b: {USER_NAME: y}\n  condition: 1 of them\n"

    assert ["nobody asks for the selection '_b'"] == messages(found(body(detection)))


def test_a_selection_that_a_case_asks_for_is_not_mentioned(found):
    detection = "  a: {USER_NAME: x}\n  b: {USER_NAME: y}\n  condition: a\n"
    block = "  severity:\n    - {when: b, level: high}\n"

    assert [] == found(body(detection, block))


def test_a_type_for_which_the_rule_never_fires_is_told_with_what_it_lacks(found):
    detection = "  a: {LOGIN_STATUS: x}\n  b: {Operation: x}\n  condition: a and not b\n"

    assert [(7, "the condition never holds for ApiEvent, which has no LOGIN_STATUS")] == found(
        body(detection, BOTH, service="definition: any")
    )


def test_a_type_that_some_selection_fits_is_not_mentioned(found):
    detection = "  a: {LOGIN_STATUS: x}\n  b: {Operation: x}\n  condition: a or b\n"

    assert [] == found(body(detection, BOTH, service="definition: any"))


def test_a_selection_that_asks_for_another_event_type_never_holds(found):
    detection = (
        "  a: {event_type: Logout, USER_NAME: x}\n  b: {USER_NAME: x}\n  condition: a or b\n"
    )

    assert [(3, "'a' never holds for Login")] == found(body(detection))


def test_a_selection_over_fields_of_different_types_never_holds(found):
    detection = "  a: {LOGIN_STATUS: x, Operation: x}\n  b: {user_id: x}\n  condition: a or b\n"

    assert [(3, "'a' never holds for Login or ApiEvent")] == found(
        body(detection, BOTH, service="definition: any")
    )


def test_an_empty_range_is_told_at_the_item_that_makes_it_empty(found):
    detection = "  a:\n    RowsProcessed|gte: 100\n    RowsProcessed|lt: 100\n  condition: a\n"
    text = body(detection, service="service: ApiEvent").replace("Login, events", "ApiEvent, events")

    assert [(5, "no number is in this range of RowsProcessed: the selection never holds")] == found(
        text
    )


def test_a_list_without_entries_is_told_where_a_value_must_be_on_it(rule_file, schema):
    lists = ValueLists(by_name={name: ValueList(name=name, entries=()) for name in ("bad", "good")})
    detection = (
        "  a: {USER_NAME|expand: '%bad%'}\n  b: {USER_NAME|expand: '%good%'}\n"
        "  condition: a and not b\n"
    )
    rules = loader.load_rule_set([rule_file(body(detection))], schema=schema, lists=lists)
    (warned,) = lint_rules(rules, schema=schema)

    assert "the list 'bad' is empty: nothing fits it until somebody fills it" == (
        warned.problem.message
    )
    assert (7, "a-rule") == (warned.problem.line, warned.rule)


def test_a_doubtful_entry_of_a_list_is_told_at_its_place(rule_file, schema, tmp_path):
    feed = tmp_path / "feed.txt"
    feed.write_text("1.2.3.4 # fine\n1.2.3.4.5\n")
    lists = load_lists([], {"feed": feed})
    rules = loader.load_rule_set([rule_file(body(LOGIN))], schema=schema, lists=lists)
    (warned,) = lint_rules(rules, schema=schema)

    assert (feed, 2, None) == (warned.problem.path, warned.problem.line, warned.rule)
    assert warned.problem.message.startswith("'1.2.3.4.5' begins like an address and is none")


# ---- dedup


def keyed(key, event_type):
    """A rule with a dedup key, over a type of which every field is known."""
    block = f"  dedup: {{key: {key}}}\n"
    detection = "  a: {event_type: x*}\n  condition: a\n"
    return body(detection, block, service=f"service: {event_type}").replace(
        "Login,", f"{event_type},"
    )


@pytest.mark.parametrize("key", ["[operation]", "[source_ip, user_agent]", "[USER_TYPE]"])
def test_a_dedup_key_without_the_user_is_told(found, key):
    (warned,) = found(keyed(key, "Novelty"))

    assert warned[0] == 6
    assert warned[1].startswith("the key leaves out who did it: what another user does joins")


@pytest.mark.parametrize(
    "key",
    [
        *("[user_id]", "[operation, user_name]", "[session_key]", "[job_id]", "[event_uid]"),
        *("[USER_ID_DERIVED]", "[CreatedById]", "[Username]", "[EventIdentifier]"),
    ],
)
def test_a_dedup_key_that_says_who_is_not_mentioned(found, key):
    assert [] == found(keyed(key, "Novelty"))


def test_a_dedup_key_that_leaves_the_user_out_on_purpose_is_not_mentioned(found):
    assert [] == found(keyed("[operation], across_users: true", "Novelty"))


def test_a_dedup_key_cannot_say_who_did_what_nobody_did(found):
    assert [] == found(keyed("[Subject]", "Nobody"))


# ---- severity


def ladder(*cases):
    return "  severity:\n" + "".join(f"    - {case}\n" for case in cases)


API = "  a: {user_id: x}\n  b: {Operation: x}\n  condition: a or b\n"


@pytest.mark.parametrize(
    ("cases", "line", "message"),
    [
        (
            ["{when: a, level: high}", "{when: a, level: low}"],
            2,
            "the case in line 12 always fits before this one",
        ),
        (
            [
                "{field: record_count, gte: 50, level: high}",
                "{field: record_count, gte: 100, level: low}",
            ],
            2,
            "the case in line 12 always fits before this one",
        ),
        (
            [
                "{when: a, level: high}",
                "{when: a, field: record_count, gte: 100, level: low}",
            ],
            2,
            "the case in line 12 always fits before this one",
        ),
        (
            ["{field: record_count, gte: 100, lt: 100, level: high}"],
            1,
            "no number is in this range of record_count",
        ),
        (
            ["{when: a, level: high}", "{when: b, level: medium}"],
            2,
            "without this case the severity is medium as well: it is the level",
        ),
    ],
)
def test_a_case_that_decides_nothing_is_told(found, cases, line, message):
    text = body(API, ladder(*cases), service="service: ApiEvent").replace("Login, e", "ApiEvent, e")

    assert [(7 + line, message)] == found(text)


@pytest.mark.parametrize(
    "cases",
    [
        [
            "{field: record_count, gte: 100, level: high}",
            "{field: record_count, gte: 50, level: low}",
        ],
        [
            "{field: record_count, gt: 50, level: high}",
            "{field: record_count, gte: 50, level: low}",
        ],
        [
            "{field: record_count, eq: 50, level: high}",
            "{field: record_count, gte: 50, level: low}",
        ],
        ["{when: a, level: medium}", "{when: b, level: high}"],
        ["{when: a, field: record_count, gte: 1, level: high}", "{when: a, level: low}"],
    ],
)
def test_a_case_that_decides_something_is_not_mentioned(found, cases):
    text = body(API, ladder(*cases), service="service: ApiEvent").replace("Login, e", "ApiEvent, e")

    assert [] == found(text)


# ---- titles


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("{entity|records} read", []),
        ("{user_id|userid}", []),
        (
            "{user_id|usr_id} read",
            ["'usr_id' is no field here and is shown as it is written; was 'user_id' meant?"],
        ),
        ("{user_id|made_up_word_of_mine}", []),
    ],
)
def test_words_after_the_last_bar_are_words_and_a_misspelt_field_is_told(title, expected, found):
    block = f'  title: "{title}"\n'
    service = "service: Login" if "entity" not in title else "service: BulkJob"
    detection = LOGIN if "entity" not in title else "  a: {job_id: x}\n  condition: a\n"

    assert expected == messages(found(body(detection, block, service=service)))
