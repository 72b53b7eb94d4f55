"""Every subject is a header that any reader decodes to the text that it was made of."""

from __future__ import annotations

import re
from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.channels.email.subject_header import fold_subject

ENCODED_WORD = re.compile(r"=\?utf-8\?b\?[A-Za-z0-9+/]+=*\?=")
SUBJECTS = [
    "[acme] High: Bulk API job",
    "[acme] Hoch: Müller hat 50.000 Sätze gelesen " + "und noch mehr " * 6,
    "データローダー連携アプリ" * 8,
    "😀" * 60,
    "x" * 160,
    "a  b",
    " a",
    "word " * 30 + "end",
]


@pytest.mark.parametrize("text", SUBJECTS)
def test_a_subject_is_read_as_it_was_written(text: str) -> None:
    check_subject(text)


@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=160)
)
def test_any_subject_is_read_as_it_was_written(text: str) -> None:
    check_subject(text.replace("=?", "= ?"))


def check_subject(text: str) -> None:
    folded = fold_subject(text)
    lines = f"Subject: {folded}".split("\r\n")

    assert str(make_header(decode_header(folded.replace("\r\n", "")))) == text
    assert max(map(len, lines)) <= 78
    assert all(line.startswith(" ") for line in lines[1:])
    assert folded.isascii()
    assert "?==?" not in folded
    words = [word for word in folded.split() if word.startswith("=?")]
    assert all(len(word) <= 75 and ENCODED_WORD.fullmatch(word) for word in words)
