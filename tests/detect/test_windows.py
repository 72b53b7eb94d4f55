"""Correlations over a few events, in words."""

from datetime import timedelta

import pytest

from collector.detect import correlation_sql
from collector.detect.correlation_sql.rule_overlaps import join_by_types
from collector.model import MemberCondition, Severity, SeverityCase, SeverityStep
from fakes.correlation_samples import (
    MINUTE,
    NOON,
    build_correlation,
    build_event,
    build_leaf_source,
    index_rules,
)


@pytest.fixture
def run(connection):
    """The rows of `members` or `anchors`, by column, in the order of time and uid."""

    def rows(rule, rules=None, ask=correlation_sql.select_firing_events, **events):
        by_name = rules or index_rules(rule)
        given = {leaf: events.get(leaf, ()) for leaf in ("login", "query", "export")}
        sql = ask(rule, by_name, build_leaf_source(given))
        result = connection.execute(f"SELECT * FROM ({sql}) ORDER BY time, event_uid")
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    return rows


@pytest.fixture
def members(run):
    """The uids of the members."""

    def uids(rule, rules=None, **events):
        return [row["event_uid"] for row in run(rule, rules, **events)]

    return uids


def at(*minutes, **fields):
    return [build_event(f"e{n}", minute, **fields) for n, minute in enumerate(minutes)]


# ---- lists


def test_the_members_of_a_list_are_counted_each_once_and_events_once(run):
    rule = build_correlation(type="value_count", field="entity", operator="gte", limit=3)
    sets = ["Account", "Account,Lead", None, "lead ; Case, Account"]
    events = [build_event(f"e{n}", n, entity=entity) for n, entity in enumerate(sets)]

    rows = run(rule, ask=correlation_sql.select_anchors, login=events)
    assert [1, 2, 2, 4] == [row["metric"] for row in rows]
    assert [1, 2, 3, 4] == [row["event_count"] for row in rows]


def test_what_two_rules_match_has_each_of_its_members_once(run):
    over = {"type": "value_count", "field": "entity", "operator": "gte", "limit": 3}
    rule = build_correlation(rules=("login", "query"), **over)
    event = build_event("e0", 0, entity="Account,Lead,Case")

    (row,) = run(rule, login=[event], query=[event])
    assert (3, 1) == (row["metric"], row["event_count"])


def test_an_event_is_in_the_group_of_each_member(run):
    rule = build_correlation(group_by=("entity",), limit=2)
    sets = ["Account,Lead,Account", "Lead", "Case"]
    events = [build_event(f"e{n}", n, entity=entity) for n, entity in enumerate(sets)]

    rows = run(rule, login=events)
    assert [("e0", "Lead"), ("e1", "Lead")] == [(row["event_uid"], row["entity"]) for row in rows]


def test_cases_and_keys_have_the_whole_of_a_list_whose_members_are_counted(run):
    condition = MemberCondition(
        predicate="COALESCE(\"entity\" = 'Account,Lead', FALSE)",
        columns={"entity": "VARCHAR"},
        is_about_all=True,
    )
    rule = build_correlation(
        type="value_count",
        field="entity",
        operator="gte",
        limit=2,
        member_conditions=(condition,),
        carried=("entity",),
    )
    events = [build_event("e0", 0, entity="Account,Lead"), build_event("e1", 1, entity="Case")]

    rows = run(rule, login=events)
    assert [("e0", "Account,Lead", 1), ("e1", "Case", 0)] == [
        (row["event_uid"], row["entity"], row[condition.name_answer(0)]) for row in rows
    ]


def test_windows_are_told_apart_by_the_members_of_lists_that_their_events_have(run):
    inner = build_correlation(name="inner", group_by=("user_id",), limit=1)
    rule = build_correlation(rules=("inner",), group_by=("entity",), limit=2)
    events = [
        build_event("e0", 0, user_id="u1", entity="Account,Lead"),
        build_event("e1", 1, user_id="u2", entity="Lead"),
    ]

    rows = run(rule, index_rules(inner, rule), login=events)
    assert [("e0", "Lead"), ("e1", "Lead")] == [(row["event_uid"], row["entity"]) for row in rows]


def test_an_event_with_several_members_counts_once_for_a_window_over_its_windows(run):
    inner = build_correlation(name="inner", group_by=("entity",), limit=1)
    rule = build_correlation(rules=("inner",), group_by=("user_id",), limit=2)
    (event,) = at(0, user_id="u1", entity="Account,Lead")

    rows = run(rule, index_rules(inner, rule), correlation_sql.select_anchors, login=[event])
    assert [1] == [row["event_count"] for row in rows]


# ---- counts


def test_a_burst_has_all_events_of_its_windows_and_no_other(members):
    assert ["e1", "e2", "e3"] == members(build_correlation(), login=at(-30, 0, 1, 2, 30))


def test_both_ends_of_a_window_belong_to_it(members):
    assert ["e0", "e1", "e2"] == members(build_correlation(), login=at(0, 5, 10))


def test_an_event_before_the_window_does_not_belong_to_it(members):
    assert [] == members(build_correlation(), login=at(0, 5, 10.0001))


def test_events_of_one_time_are_all_in_each_others_windows(members):
    assert ["e0", "e1", "e2"] == members(build_correlation(), login=at(0, 0, 0))


def test_windows_overlap_into_a_longer_row_of_members(members):
    assert [f"e{n}" for n in range(5)] == members(build_correlation(), login=at(0, 5, 10, 14, 19))


def test_groups_are_apart(members):
    ann, bob = at(0, 1), [build_event("b0", 2, user="bob")]

    assert [] == members(build_correlation(), login=[*ann, *bob])


def test_groups_compare_exactly(members):
    users = ("ann", "Ann", "ann ")

    assert [] == members(build_correlation(), login=[build_event(u, 0, user=u) for u in users])


def test_empty_text_is_a_group_and_no_value_is_none(members):
    empty = [build_event(f"e{n}", n, user="") for n in range(3)]
    missing = [build_event(f"n{n}", n, user=None) for n in range(3)]

    assert ["e0", "e1", "e2"] == members(build_correlation(), login=[*empty, *missing])


def test_a_group_is_left_out_where_one_of_its_names_has_no_value(members):
    rule = build_correlation(group_by=("user", "ip"))
    logins = [build_event(f"e{n}", n, ip=ip) for n, ip in enumerate(("a", "a", None, "a"))]

    assert ["e0", "e1", "e3"] == members(rule, login=logins)


def test_without_group_by_all_events_are_one_group(members):
    logins = [build_event(user or "none", 0, user=user) for user in ("ann", "bob", None)]

    assert ["ann", "bob", "none"] == members(build_correlation(group_by=()), login=logins)


def test_an_event_that_two_rules_match_counts_once(members):
    rule = build_correlation(rules=("login", "query"))

    assert [] == members(rule, login=at(0, 1), query=at(0, 1))


def test_events_of_several_rules_count_together(members):
    rule = build_correlation(rules=("login", "query"))

    assert ["e0", "e1", "q"] == members(rule, login=at(0, 1), query=[build_event("q", 2)])


def test_an_alias_joins_fields_of_different_names(members):
    aliases = {"who": {"login": "user", "query": "actor"}}
    rule = build_correlation(rules=("login", "query"), group_by=("who",), aliases=aliases)
    query = build_event("q", 2, user=None, actor="ann")

    assert ["e0", "e1", "q"] == members(rule, login=at(0, 1), query=[query])


def test_an_event_with_a_group_for_each_rule_is_a_member_in_both(run):
    aliases = {"who": {"query": "target"}}
    rule = build_correlation(rules=("login", "query"), group_by=("who",), aliases=aliases, limit=1)
    login = build_event("e", 0, who="ann", target="bob")

    assert {"ann", "bob"} == {row["who"] for row in run(rule, login=[login], query=[login])}


@pytest.mark.parametrize(
    ("operator", "limit", "expected"),
    [
        ("gt", 1, [False, False, True]),
        ("gte", 2, [False, False, True]),
        ("lt", 2, [True, True, False]),
        ("lte", 1, [True, True, False]),
        ("eq", 2, [False, False, True]),
        ("neq", 2, [True, True, False]),
        ("gt", 1.5, [False, False, True]),
    ],
)
def test_each_condition_asks_for_its_own_windows(run, operator, limit, expected):
    """Of three events only the last two are near to each other: the windows hold 1, 1 and 2."""
    rule = build_correlation(operator=operator, limit=limit)

    rows = run(rule, ask=correlation_sql.select_anchors, login=at(-30, 0, 1))
    assert expected == [row["fires"] for row in rows]


# ---- values


def values(*given):
    return [build_event(f"e{n}", n, rows=value) for n, value in enumerate(given)]


def metrics(run, rule, *given):
    return [
        row["metric"] for row in run(rule, ask=correlation_sql.select_anchors, login=values(*given))
    ]


def test_different_values_are_counted_as_text(run):
    rule = build_correlation(type="value_count", field="rows")

    assert [1, 2, 3, 3, 3] == metrics(run, rule, "a", "A", "", "a", None)


def test_numbers_are_summed_exactly_and_other_text_is_none(run):
    rule = build_correlation(type="value_sum", field="rows")

    found = metrics(run, rule, "abc", "0.1", "0.2", "1e3", "nan", "inf", "", "-0.3")
    assert [None, 0.1, 0.3, 1000.3, 1000.3, 1000.3, 1000.3, 1000.0] == found


def test_sums_of_the_greatest_numbers_do_not_stop_a_rule(run):
    rule = build_correlation(type="value_sum", field="rows")

    assert [9e18, 1.8e19, 1.8e19] == metrics(run, rule, "9" + "0" * 18, "9" + "0" * 18, "1e40")


def test_averages_are_over_numbers_alone(run):
    rule = build_correlation(type="value_avg", field="rows")

    assert [2, 2, 3] == metrics(run, rule, "2", "many", "4")


def test_percentiles_lie_between_values(run):
    rule = build_correlation(type="value_percentile", field="rows", percentile=75)

    assert [10, 17.5, 25, 25] == metrics(run, rule, "10", "20", "30", None)


def test_the_median_lies_in_the_middle(run):
    rule = build_correlation(type="value_median", field="rows")

    assert [10, 15, 20] == metrics(run, rule, "10", "20", "30")


def test_windows_without_a_number_fire_under_no_condition(members):
    rule = build_correlation(type="value_sum", field="rows", operator="lt", limit=5)

    assert [] == members(rule, login=values("many", None))


def test_the_greatest_value_counts_of_an_event_that_has_two(run):
    aliases = {"n": {"login": "rows", "query": "size"}}
    rule = build_correlation(type="value_sum", field="n", rules=("login", "query"), aliases=aliases)
    both = [build_event("e", 0, rows="9", size="10")]

    assert [10] == [
        r["metric"] for r in run(rule, ask=correlation_sql.select_anchors, login=both, query=both)
    ]


# ---- every rule, in any order


def temporal(*rules, **changes):
    asked = {"type": "temporal", "operator": None, "limit": None}
    return build_correlation(rules=rules, **(asked | changes))


def test_all_rules_in_any_order(run):
    rows = run(temporal("login", "query"), query=[build_event("q", 0)], login=[build_event("e", 9)])

    assert [("q", None, None), ("e", 2.0, 2)] == [
        (row["event_uid"], row["metric"], row["event_count"]) for row in rows
    ]


def test_a_rule_too_long_ago_is_missing(members):
    assert [] == members(temporal("login", "query"), query=[build_event("q", 0)], login=at(10.1))


def test_one_event_stands_for_one_rule(members):
    rule = temporal("login", "query")

    assert [] == members(rule, login=at(0), query=at(0))
    assert ["e0", "e1"] == members(rule, login=at(0, 1), query=at(0, 1))
    assert ["e0", "e1"] == members(rule, login=at(0), query=at(0, 1))


def test_three_rules_do_not_share_two_events(members):
    """Each pair of rules has two events, all three have not three."""
    rule = temporal("login", "query", "export")

    assert [] == members(rule, login=at(0, 1), query=at(0, 1), export=at(0, 1))
    assert ["e0", "e1", "e2"] == members(rule, login=at(0, 1), query=at(0, 1), export=at(0, 1, 2))


def test_some_of_the_rules_are_enough_and_the_metric_says_how_many_fit(run):
    rule = temporal("login", "query", "export", operator="gte", limit=2)
    rows = run(
        rule, ask=correlation_sql.select_anchors, login=at(0, 1), query=at(0, 1, 2), export=at(0, 1)
    )

    assert [(1.0, False), (2.0, True), (3.0, True)] == [
        (row["metric"], row["fires"]) for row in rows
    ]


@pytest.mark.parametrize(
    ("types", "groups"),
    [
        ([{"A"}, {"B"}, {"C"}], ((0,), (1,), (2,))),
        ([{"A"}, {"B"}, {"A", "C"}], ((0, 2), (1,))),
        ([{"A"}, {"B"}, {"A", "B"}], ((0, 1, 2),)),
        ([{"A"}, set(), {"B"}], ((0, 1, 2),)),
        ([set(), {"A"}], ((0, 1),)),
    ],
)
def test_rules_of_different_types_share_no_event(types, groups):
    assert groups == join_by_types(list(map(frozenset, types)))


# ---- every rule, in order


def ordered(*rules):
    return temporal(*rules, type="temporal_ordered")


@pytest.mark.parametrize(
    ("login", "query", "export", "fires"),
    [
        (0, 1, 2, True),
        (0, 0, 0, True),
        (0, 5, 10, True),
        (0, 5, 10.1, False),
        (1, 0, 2, False),
        (0, 2, 1, False),
    ],
)
def test_a_chain_is_in_order_and_within_the_window(members, login, query, export, fires):
    uids = members(
        ordered("login", "query", "export"),
        login=[build_event("e", login)],
        query=[build_event("q", query)],
        export=[build_event("x", export)],
    )

    assert fires == bool(uids)


def test_a_chain_takes_the_latest_start(members):
    """An old first step does not stand in the way of a new one."""
    logins = [build_event("old", 0), build_event("new", 15)]

    found = members(ordered("login", "query"), login=logins, query=[build_event("q", 20)])
    assert ["new", "q"] == found


def test_a_chain_does_not_fire_before_its_last_step(run):
    rows = run(
        ordered("login", "query"),
        ask=correlation_sql.select_anchors,
        login=[build_event("e0", 0), build_event("e2", 2)],
        query=[build_event("q1", 1)],
    )

    assert [False, True, False] == [row["fires"] for row in rows]


@pytest.mark.parametrize(
    ("logins", "query", "fires"),
    [((0,), 1, False), ((0, 1), 2, True), ((0, 0), 0, True), ((0, 2), 1, False)],
)
def test_a_rule_that_is_named_twice_needs_two_events(members, logins, query, fires):
    uids = members(
        ordered("login", "login", "query"), login=at(*logins), query=[build_event("q", query)]
    )

    assert fires == bool(uids)


def test_a_rule_that_comes_again_later_needs_another_event(members):
    rule, query = ordered("login", "query", "login"), [build_event("q", 0)]

    assert [] == members(rule, login=at(0), query=query)
    assert ["e0", "e1", "q"] == members(rule, login=at(0, 0), query=query)


def test_one_event_is_one_step(members):
    rule = ordered("login", "query")

    assert [] == members(rule, login=at(0), query=at(0))
    assert ["e0", "e1"] == members(rule, login=at(0), query=at(0, 0))
    assert ["e0", "e1"] == members(rule, login=at(0), query=at(0, 1))


# ---- correlations of correlations


BURST = build_correlation("burst")


def test_a_correlation_looks_at_the_firing_events_of_another(members):
    outer = temporal("burst", "export", timespan=timedelta(hours=1))

    found = members(
        outer, index_rules(outer, BURST), login=at(0, 1, 2, 30), export=[build_event("x", 40)]
    )
    assert ["e2", "x"] == found


def test_a_correlation_computes_with_what_another_has_measured(run):
    outer = build_correlation("sum", type="value_sum", field="metric", rules=("burst",), limit=7)

    (*_, last) = run(outer, index_rules(outer, BURST), login=at(0, 1, 2, 3))
    assert (7.0, 2) == (last["metric"], last["event_count"])


def test_a_window_has_what_the_event_has_with_which_it_ends(members):
    """Only the windows that end with an event of address b are of group b."""
    outer = build_correlation("other", rules=("burst",), group_by=("ip",), limit=2)
    logins = [build_event(f"e{n}", n, ip=ip) for n, ip in enumerate("aaabba")]

    assert ["e3", "e4"] == members(outer, index_rules(outer, BURST), login=logins[:5])
    assert ["e2", "e3", "e4", "e5"] == members(outer, index_rules(outer, BURST), login=logins)


def test_a_wider_group_has_an_event_of_two_narrower_ones_once(run):
    inner = build_correlation("inner", limit=1, rules=("login", "query"), group_by=("user", "ip"),
        aliases={"ip": {"query": "other"}})  # fmt: skip
    outer = build_correlation("outer", limit=1, rules=("inner",))
    both = [build_event("e", 0, ip="a", other="b")]

    rows = run(outer, index_rules(outer, inner), login=both, query=both)
    assert [("e", 1)] == [(row["event_uid"], row["event_count"]) for row in rows]


# ---- what is told of a member


def test_a_member_shows_the_window_that_it_ends(run):
    rows = run(build_correlation(), login=at(0, 1, 2, 3))

    start, end = NOON - 8 * MINUTE, NOON + 2 * MINUTE
    assert [
        *[(None, None, None, None)] * 2,
        (3.0, 3, start, end),
        (4.0, 4, start + MINUTE, end + MINUTE),
    ] == [
        (row["metric"], row["event_count"], row["window_start"], row["window_end"]) for row in rows
    ]


def test_what_leads_to_a_firing_window_is_not_grave_by_itself(run):
    rule = build_correlation(rule={"level": Severity.CRITICAL})

    assert [0, 0, 4, 4] == [row["severity"] for row in run(rule, login=at(0, 1, 2, 3))]


def test_a_step_sees_the_window(run):
    few = SeverityStep(predicate='"event_count" = 3', increment=1, max_severity=Severity.CRITICAL)
    rule = build_correlation(rule={"severity_steps": (few,)})

    rows = run(rule, login=at(0, 1, 2, 3))
    assert [(3, 3), (2, 4)] == [(r["severity"], r["event_count"]) for r in rows[2:]]


def test_cases_see_the_metric_and_the_group(run):
    cases = (
        SeverityCase(predicate="\"user\" = 'bob'", level=Severity.LOW),
        SeverityCase(predicate='"metric" >= 4', level=Severity.CRITICAL),
    )
    ann, bob = at(0, 1, 2, 3), [build_event(f"b{n}", n, user="bob") for n in range(4)]

    rows = run(build_correlation(rule={"severity_cases": cases}), login=[*ann, *bob])
    firing = [row for row in rows if row["metric"] == 4]
    assert {("ann", 4), ("bob", 1)} == {(row["user"], row["severity"]) for row in firing}


def test_a_window_is_complete_when_the_last_of_its_events_was_received(run):
    logins = [
        build_event("e0", 0, late=60),
        build_event("e1", 1, late=600),
        build_event("e2", 2, late=1),
    ]

    rows = run(build_correlation(), login=logins)
    assert [60, 601, 601] == [(row["complete"] - NOON) // MINUTE for row in rows]


def test_columns_of_members(run):
    (row, *_) = run(build_correlation(group_by=("user", "ip")), login=at(0, 1, 2, ip="a"))

    assert [
        *("event_uid", "event_type", "time", "received", "user", "ip", "metric", "event_count"),
        *("window_start", "window_end", "severity", "complete"),
    ] == list(row)


def test_a_group_may_be_what_every_event_has(run):
    rule = build_correlation(group_by=("event_type",))

    rows = run(rule, login=at(0, 1, 2))
    assert [("Login", None)] * 2 + [("Login", 3.0)] == [
        (row["event_type"], row["metric"]) for row in rows
    ]


def test_hostile_names_of_fields_are_only_names(members):
    rule = build_correlation(group_by=('a"; DROP TABLE x; --', "metric'"))
    fields = {'a"; DROP TABLE x; --': "v", "metric'": "w"}

    assert ["e0", "e1", "e2"] == members(rule, login=at(0, 1, 2, **fields))


# ---- what a source is asked for


ALIASED = build_correlation(
    "aliased",
    type="value_sum",
    field="rows",
    rules=("login", "query", "login"),
    group_by=("who", "event_type"),
    aliases={"who": {"query": "actor"}},
)
NESTED = temporal("aliased", "export", timespan=timedelta(hours=1), group_by=("who",))
RULES = index_rules(ALIASED, NESTED)


def test_leaves_are_the_plain_rules_each_once():
    assert ("login", "query", "export") == correlation_sql.list_leaves(NESTED, RULES)


def test_fields_are_those_that_are_read_by_the_names_of_the_leaf():
    assert ("who", "rows") == correlation_sql.list_leaf_fields(ALIASED, RULES, "login")
    assert ("actor", "rows") == correlation_sql.list_leaf_fields(NESTED, RULES, "query")
    assert ("who",) == correlation_sql.list_leaf_fields(NESTED, RULES, "export")


def test_the_reach_of_a_correlation_is_that_of_its_deepest_nesting():
    assert 10 * MINUTE == correlation_sql.compute_reach(ALIASED, RULES)
    assert 70 * MINUTE == correlation_sql.compute_reach(NESTED, RULES)


def test_groups_are_told_where_they_come_straight_from_the_leaf():
    assert ("actor", "event_type") == correlation_sql.list_group_fields(ALIASED, RULES, "query")
    assert ("who",) == correlation_sql.list_group_fields(NESTED, RULES, "export")
    assert (None,) == correlation_sql.list_group_fields(NESTED, RULES, "query")


def test_only_correlations_have_windows():
    with pytest.raises(TypeError, match="login is no correlation"):
        correlation_sql.select_firing_events(RULES["login"], RULES, build_leaf_source({}))
