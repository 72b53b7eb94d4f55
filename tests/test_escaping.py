"""Text from outside can be read after an escape, and does nothing."""

from __future__ import annotations

import html
import re
import sqlite3
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector import escaping
from hostile.strings import HOSTILE_STRINGS

ANY_TEXT = st.text(st.characters(exclude_categories=()))
LIMITS = st.integers(min_value=1, max_value=60)
OUTPUTS = (
    escaping.escape_terminal,
    escaping.escape_plain,
    escaping.escape_header,
    escaping.escape_slack_plain,
    escaping.escape_slack_mrkdwn,
)
"""What takes a limit. Any of them may be shown any text."""

output = pytest.mark.parametrize("escape", OUTPUTS, ids=lambda escape: escape.__name__)


def utf16(value: str) -> int:
    """How long Slack thinks that a text is."""
    return len(value.encode("utf-16-le")) // 2


# ---- laws of every output


@output
@pytest.mark.parametrize("limit", [1, 2, 20, 3_000])
def test_hostile_text_is_printable_on_one_line_and_within_the_limit(
    escape: Callable[[str, int], str], limit: int
) -> None:
    for value in HOSTILE_STRINGS:
        shown = escape(value, limit)

        assert shown.isprintable()
        assert utf16(shown) <= limit


@output
@given(value=ANY_TEXT, limit=LIMITS)
def test_any_text_is_printable_on_one_line_and_within_the_limit(
    escape: Callable[[str, int], str], value: str, limit: int
) -> None:
    shown = escape(value, limit)

    assert shown.isprintable()
    assert utf16(shown) <= limit


@output
def test_ordinary_text_stays_as_it_is(escape: Callable[[str, int], str]) -> None:
    for value in ("Data Loader 62.0", "Jürgen Groß", "東京支社", "Москва", "O'Neill (EMEA), 50 %"):
        assert escape(value, 100) == value


@output
def test_what_is_too_long_ends_with_an_ellipsis(escape: Callable[[str, int], str]) -> None:
    assert escape("x" * 101, 100) == "x" * 99 + "…"
    assert escape("x" * 100, 100) == "x" * 100


# ---- visible


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b31m", r"\x9b31m"),
        ("a\x00b", r"a\x00b"),
        ("safe\rEVIL", r"safe\rEVIL"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("ad\u200bmin", r"ad\u200bmin"),
        ("\ufeffadmin", r"\ufeffadmin"),
        ("\u3164", r"\u3164"),
        ("a\U000e0100", r"a\U000e0100"),
        ("\U000e0041", r"\U000e0041"),
        ("\ud800", r"\ud800"),
        ("\u2028", r"\u2028"),
        ("\ue000", r"\ue000"),
        ("one\ntwo\r\nthree", "one⏎two⏎three"),
        ("a\tb\u00a0c\u3000d", "a b c d"),
        ("❤\ufe0f", "❤\ufe0f"),
    ],
)
def test_what_cannot_be_seen_is_shown(value: str, shown: str) -> None:
    assert escaping.escape_invisible(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("\u0430dmin@acme.com", r"\u0430dmin@acme.com"),
        ("p\u0430yp\u0430l", r"p\u0430yp\u0430l"),
        ("\u03bfffice", r"\u03bfffice"),
        ("\uff41dmin", r"\uff41dmin"),
        ("Москва Moscow", "Москва Moscow"),
        ("Ελλάδα", "Ελλάδα"),
        ("naïve Ångström", "naïve Ångström"),
    ],
)
def test_a_letter_that_poses_as_a_latin_one_is_shown(value: str, shown: str) -> None:
    assert escaping.escape_invisible(value) == shown


def test_marks_do_not_pile_up() -> None:
    shown = escaping.escape_invisible("Z" + "\u0351" * 40)

    assert shown == "Z" + "\u0351" * 4 + r"\u0351" * 36


@given(value=st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_printable_ascii_is_left_alone(value: str) -> None:
    assert escaping.escape_invisible(value) == value


@example(value="\x1f𝕊")
@given(value=ANY_TEXT)
def test_what_is_visible_stays_visible(value: str) -> None:
    """Escaping twice changes nothing more."""
    once = escaping.escape_invisible(value)

    assert escaping.escape_invisible(once) == once


# ---- cut


@given(value=ANY_TEXT.map(lambda value: "".join(value.split())), limit=LIMITS)
def test_a_cut_text_is_a_prefix_that_ends_between_letters(value: str, limit: int) -> None:
    short = escaping.truncate_text(value, limit)

    if short != value:
        kept = short.removesuffix("…")
        assert value.startswith(kept)
        assert unicodedata.category(value[len(kept)])[0] != "M" or not kept


@pytest.mark.parametrize(
    ("value", "limit", "short"),
    [
        ("e\u0301" * 10, 5, "e\u0301e\u0301…"),
        ("e\u0301" * 10, 4, "e\u0301…"),
        ("😀😀😀", 4, "😀…"),
        ("😀😀😀", 5, "😀😀…"),
        ("👍🏽👍🏽", 4, "…"),
        ("\u0301\u0301\u0301", 2, "…"),
        ("two words", 5, "two…"),
        ("abc", 3, "abc"),
        ("abc", 1, "…"),
    ],
)
def test_a_cut_never_parts_a_letter_from_its_marks(value: str, limit: int, short: str) -> None:
    assert escaping.truncate_text(value, limit) == short


# ---- one line


@given(value=ANY_TEXT)
def test_prose_has_single_blanks(value: str) -> None:
    line = escaping.collapse_whitespace(value)

    assert line.split(" ") == ([""] if not line else line.split())


# ---- headers


def test_a_header_holds_no_second_one() -> None:
    shown = escaping.escape_header("x\r\nBcc: evil@evil.example", 100)

    assert shown == "x Bcc: evil@evil.example"


def test_a_header_holds_no_encoded_word() -> None:
    for value in HOSTILE_STRINGS:
        assert "=?" not in escaping.escape_header(value, 1_000)


# ---- Slack


@given(value=ANY_TEXT | st.sampled_from(HOSTILE_STRINGS), limit=st.integers(1, 300))
def test_mrkdwn_holds_no_tag_and_no_broken_entity(value: str, limit: int) -> None:
    shown = escaping.escape_slack_mrkdwn(value, limit)

    assert "<" not in shown
    assert ">" not in shown
    assert "&" not in re.sub("&(amp|lt|gt);", "", shown)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("<!channel>", "&lt;!channel&gt;"),
        ("&lt;!channel&gt;", "&amp;lt;!channel&amp;gt;"),
        ("@here", "＠here"),
        ("*bold* and _slanted_", "∗bold∗ and ˍslantedˍ"),
        ("`code` ~gone~", "ˋcodeˋ ∼gone∼"),
        ("under_score 2*3*4", "under_score 2*3*4"),
        (":tada: at 12:30:45", "∶tada: at 12:30:45"),
        ("see https://evil.example", "see https[:]//evil.example"),
    ],
)
def test_mrkdwn_has_no_mention_format_emoji_or_link(value: str, shown: str) -> None:
    assert escaping.escape_slack_mrkdwn(value, 100) == shown


@given(
    value=st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="@*_~`:"))
)
def test_mrkdwn_reads_as_the_text_that_it_was_made_of(value: str) -> None:
    assert html.unescape(escaping.escape_slack_mrkdwn(value, 10_000)) == (value or "-")


@pytest.mark.parametrize("escape", [escaping.escape_slack_mrkdwn, escaping.escape_slack_plain])
@pytest.mark.parametrize("value", ["", " ", "\t\u3000"])
def test_slack_never_gets_an_empty_text(escape: Callable[[str, int], str], value: str) -> None:
    assert escape(value, 10) == "-"


# ---- SQL


@given(value=st.text())
def test_a_literal_is_the_value_and_nothing_else(value: str) -> None:
    [[back]] = sqlite3.connect(":memory:").execute(f"SELECT {escaping.quote_literal(value)}")

    assert back == value.replace("\0", "")


def test_an_identifier_is_one_name() -> None:
    for value in HOSTILE_STRINGS:
        quoted = escaping.quote_identifier(value)

        assert re.fullmatch(r'"([^"\0]|"")*"', quoted)


# ---- files


def test_a_hostile_name_is_no_file_name() -> None:
    harmless = re.compile(r"[A-Za-z0-9_-]{1,80}")
    for value in HOSTILE_STRINGS:
        assert escaping.is_file_name(value) <= bool(harmless.fullmatch(value))


@pytest.mark.parametrize("name", ["a", "0AT5f000001", "x_y-z", "a" * 80])
def test_a_plain_name_is_a_file_name(name: str) -> None:
    assert escaping.is_file_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", "-rf", "a/b", "a.b", "a\n", "a" * 81, "é"])
def test_a_name_that_is_more_than_a_name_is_no_file_name(name: str) -> None:
    assert not escaping.is_file_name(name)


# ---- links


@pytest.mark.parametrize("value", ["0055f00000HyJSw", "0055f00000HyJSwXXY"])
def test_a_record_id_may_stand_in_a_link(value: str) -> None:
    assert escaping.check_record_id(value) == value


@pytest.mark.parametrize(
    "value", ["", "0055f0", "0055f00000HyJSw/..", "a" * 19, "é" * 15, "a" * 15 + "\n"]
)
def test_nothing_else_may(value: str) -> None:
    assert escaping.check_record_id(value) is None


def test_no_hostile_text_may() -> None:
    assert [escaping.check_record_id(value) for value in HOSTILE_STRINGS] == [None] * len(
        HOSTILE_STRINGS
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://attack.mitre.org/techniques/T1078/004/",
        "https://help.salesforce.com/s/articleView?id=1&type=1#top",
        "http://127.0.0.1:8080/005",
        "http://localhost/x",
        "http://[::1]:80/",
    ],
)
def test_a_plain_url_is_a_link(url: str) -> None:
    assert escaping.check_link_target(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://acme.com/",
        "javascript:alert(1)",
        "https://",
        "https:///x",
        "//acme.com",
        "https://a@b.example/",
        "https://acme.com/ x",
        "https://acme.com/\n",
        "https://acme.com/<b>",
        'https://acme.com/"x',
        "https://acme.com/|x",
        "https://аcme.com/",
        "https://acme.com:99999/",
        "https://[::1/",
        "https://acme.com/" + "x" * 600,
    ],
)
def test_anything_else_is_not(url: str) -> None:
    assert escaping.check_link_target(url) is None
