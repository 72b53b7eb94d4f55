"""The plain form of names: SQL and Python write the same, for every character that there is."""

from __future__ import annotations

import sys
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector import plain_names
from collector.normalize.plain_name_sql import select_plain_names
from collector.normalize.value_readers import read_name

NAMES_READ = select_plain_names(
    f"(SELECT x, {read_name('x')} AS given, 'a' AS other FROM (SELECT unnest(?::VARCHAR[]) AS x))",
    {"plain": "given", "plain_other": "other"},
)
CHARACTERS = [
    chr(code)
    for code in range(1, sys.maxunicode + 1)
    if not 0xD800 <= code < 0xE000 and unicodedata.category(chr(code)) not in {"Cn", "Co"}
]


def is_invisible(character):
    return unicodedata.category(character) in {"Cc", "Cf"} and not character.isspace()


def test_what_nobody_sees_is_no_part_of_a_name():
    assert [
        c for c in CHARACTERS if is_invisible(c) and plain_names.simplify_name(f"a{c}b") != "ab"
    ] == []


def test_white_space_of_every_kind_is_a_blank():
    assert {plain_names.simplify_name(f"a{c}b") for c in CHARACTERS if c.isspace()} == {"a b"}


@pytest.mark.slow
def test_every_character_is_written_as_nfkc_has_it(evaluate):
    texts = [f"a{c}b" for c in CHARACTERS if not "\U00020000" <= c < "\U000e0000"]

    assert evaluate("plain", texts, NAMES_READ) == list(map(plain_names.simplify_name, texts))


PARTS = st.sampled_from(
    [
        *"aB \"'%+",
        "%20",
        "%C3%A9",
        "%ff",
        "%2",
        "%252D",
        "%2525",
        "\u2010",
        "–",
        "\u200b",
        "\t",
        "ﬁ",
        "Ａ",
        "é",
        "e\u0301",
        "ー",
        "™",
        "«",
    ]
)


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(st.lists(PARTS, max_size=6).map("".join), min_size=1, max_size=30))
def test_sql_and_python_have_one_plain_form(evaluate, texts):
    plain = [None if is_nothing(text) else plain_names.simplify_name(text) for text in texts]

    assert evaluate("plain", texts, NAMES_READ) == plain


def is_nothing(text):
    return not plain_names.simplify_part(f":{text}")[1:].strip(plain_names.TRIMMED_CHARACTERS)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0%"), max_size=10))
def test_escapes_make_no_difference(text):
    shown = f"a{text}b"

    plain = plain_names.simplify_name(shown)
    once, twice, thrice = quote(shown), quote(quote(shown)), quote(quote(quote(shown)))
    assert [plain] * 3 == list(map(plain_names.simplify_name, (once, twice, thrice)))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Salesforce%252DCLI", "Salesforce-CLI"),
        ("Salesforce%25252dCLI", "Salesforce-CLI"),
        ("Salesforce\u2010CLI", "Salesforce-CLI"),
        ("Salesforce%E2%80%91CLI", "Salesforce-CLI"),
        ("Salesforce\u2212CLI", "Salesforce-CLI"),
        ("100%25", "100%"),
        ("a%2525b", "a%b"),
        ("5%25ff", "5%ff"),
    ],
)
def test_what_was_escaped_twice_and_every_dash_is_read(evaluate, text, plain):
    assert plain_names.simplify_name(text) == plain
    assert evaluate("plain", [text], NAMES_READ) == [plain]


def test_ends_are_trimmed_where_they_are_ends():
    assert plain_names.simplify_beginning(' "Data ') == "Data "
    assert plain_names.simplify_end(' Data" ') == " Data"
    assert plain_names.simplify_part(" Data\u200b ") == " Data "
    assert plain_names.simplify_name("  ") == "  "
