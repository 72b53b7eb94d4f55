"""Every modifier of Sigma is served, or refused in a sentence; so is every pair of them."""

from __future__ import annotations

import itertools

import pytest
from sigma.modifiers import modifier_mapping

from collector.detect.language.detection_checks import MODIFIERS, find_item_problem
from collector.detect.language.field_scope import FieldScope
from collector.detect.language.modifier_checks import find_modifier_problem

VALUES = ("abc -x", 5, True, None, "10.0.0.0/8", "detail", "%nobody%")
FIELDS = ("user_name", "time", "source_ip", "record_count", "user_id", "")
SERVED_ALONE = (
    MODIFIERS
    - {"i", "m", "s", "ignorecase", "multiline", "dotall"}
    - {*("wide", "utf16le", "utf16", "utf16be"), "pair"}
)


@pytest.fixture
def scope(schema):
    """Over a type whose columns nobody knows, so that any may be named."""
    return FieldScope(schema=schema, event_types=("Undocumented",))


def test_every_modifier_that_pysigma_knows_is_known():
    assert frozenset(modifier_mapping) == MODIFIERS


@pytest.mark.parametrize("modifier", sorted(SERVED_ALONE))
def test_a_modifier_is_served_for_some_field_and_value(modifier, scope):
    found = {find_item_problem(f"{f}|{modifier}", v, scope) for f in FIELDS for v in VALUES}

    assert None in found


def test_no_pair_of_modifiers_fails_without_a_sentence(scope):
    for one, other in itertools.permutations(sorted(MODIFIERS), 2):
        for value in ("abc -x", 5, True):
            for field in ("user_name", "time", ""):
                message = find_item_problem(f"{field}|{one}|{other}", value, scope)

                assert message is None or "incompatible to value type" not in message
                assert message is None or "Sigma" not in message


REFUSED = [
    ("user_name|re|startswith", "a", "say with ^ and $ where"),
    ("user_name|cased|re", "a", "a regular expression minds case anyway"),
    ("user_name|i", "a", "i must come after re"),
    ("user_name|contains|base64", "a", "contains must come after base64"),
    ("user_name|cased|windash", "a", "cased must come after windash"),
    ("user_name|fieldref|cased", "detail", "cased does not go with fieldref"),
    ("user_name|contains|contains", "a", "contains stands there twice"),
    ("user_name|endswith|expand", "%x%", "so endswith does not go with expand"),
    ("user_name|pair", "x", "pair needs a list and the other field"),
    ("user_name|pair|all", ["x", "source_ip"], "all does not go with pair"),
    ("user_name|pair", ["x", "source_ip"], "unknown list 'x'"),
    ("user_name|pair", ["x", "sourceip"], "no field 'sourceip'"),
    ("time|weekday", 8, "weekday is 1 (Monday) to 7 (Sunday)"),
    ("record_count|weekday", 1, "weekday is served for time and received, not for record_count"),
    ("record_count|gt|fieldref", "score", "gt must come after fieldref"),
    ("record_count|fieldref|gt|lt", "score", "gt stands alone with fieldref"),
    ("record_count|fieldref|lt", "time", "record_count is a number, which no time"),
    ("source_ip|cidr|expand", "%x%", "so cidr does not go with expand"),
    ("time|hour|day", 5, "hour and day do not go together"),
    ("|startswith", "a", "startswith needs a field"),
    ("|expand", "%x%", "expand needs a field"),
    ("ROWS|gte", "5", "gte needs a number"),
    ("ROWS|gte", True, "gte needs a number"),
    ("user_name|contains", None, "contains needs a text"),
    ("user_name|exists", "yes", "exists needs true or false"),
    ("user_name|fieldref", 5, "fieldref needs a text"),
    ("CLIENT_IP|cidr", "10.0.0.0/8", "cidr is served for source_ip, whose address is known"),
    ("source_ip|cidr", "10.0.0.1/8", "has host bits set"),
    ("source_ip|cidr|contains", "10.0.0.0/8", "cidr and contains do not go together"),
    ("time|hour", "5", "hour needs a number"),
    ("user_name|hour", 5, "hour is served for time and received"),
    ("user_name|re", "(?=a)", "no look-around"),
    ("user_name|contians", "a", "did you mean 'contains'?"),
    ("user_name|all|re", "a", "only applicable to unmodified values"),
    ("user_name|windash", "-a -b -c -d", "at most three dash"),
    ("user_name|base64", "a*", "with wildcards"),
    (None, True, "without a field, a value is text, a number or a regular expression"),
]


@pytest.mark.parametrize(("key", "value", "words"), REFUSED)
def test_what_does_not_go_together_is_refused_in_words(key, value, words, scope):
    assert words in (find_item_problem(key, value, scope) or "")


def test_modifiers_that_go_together_are_no_mismatch():
    assert (
        find_modifier_problem("user_name", ("windash", "contains", "cased", "all"), ("a",)) is None
    )
    assert find_modifier_problem("user_name", ("wide", "base64offset", "contains"), ("a",)) is None
    assert find_modifier_problem("time", ("hour", "gte"), (5,)) is None
    assert find_modifier_problem("", ("contains", "all"), ("a",)) is None
