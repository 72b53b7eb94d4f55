"""A cell of exported CSV is never a formula, whatever a spreadsheet trims before it looks."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.escaping import escape_csv_cell
from hostile.strings import HOSTILE_STRINGS

LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
ACTIVE = "=+-@＝＋－＠"
CELLS = st.text(st.sampled_from(LINE_ENDS + ACTIVE + "\t \xa0\u3000'a1"), max_size=12)


def runs(cell: str) -> bool:
    """What a generous spreadsheet would take for a formula: in any line, after any white space."""
    lines = re.split(f"[{LINE_ENDS}]", cell)
    leading = [line[: len(line) - len(line.lstrip())] for line in lines]
    starts = {line.lstrip()[:1] for line in lines} - {""}
    return bool(
        re.match(r"\s*\r", cell) or any("\t" in blank for blank in leading) or starts & set(ACTIVE)
    )


def exported(value: str) -> str:
    """The cell as it comes back out of a CSV file."""
    page = io.StringIO(newline="")
    csv.writer(page, quoting=csv.QUOTE_ALL).writerow([escape_csv_cell(value)])
    ((cell,),) = csv.reader(io.StringIO(page.getvalue(), newline=""))
    return cell


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r'=1"),
        (" \xa0=1", "' \xa0=1"),
        ("two\n=1", "two\n'=1"),
        ("two\r\n  @x\r\nthree", "two\r\n'  @x\r\nthree"),
        ("＝1", "'＝1"),
        ("\t", "'\t"),
    ],
)
def test_each_line_that_begins_like_a_formula_gets_an_apostrophe(value, cell):
    assert cell == escape_csv_cell(value)


@given(value=CELLS)
def test_no_text_becomes_a_formula(value):
    assert not runs(exported(value))


@pytest.mark.parametrize("value", HOSTILE_STRINGS)
def test_no_hostile_text_becomes_a_formula(value):
    assert not runs(exported(value))


@given(value=CELLS)
def test_a_cell_that_is_safe_stays_as_it_is(value):
    assert escape_csv_cell(value) == escape_csv_cell(escape_csv_cell(value))
    if not runs(value):
        assert value == escape_csv_cell(value)


@pytest.mark.parametrize("value", ["", "a=b", "ada@acme.com", "one\r\n\r\ntwo", "x - y", "'=1"])
def test_ordinary_text_stays_as_it_is(value):
    assert value == escape_csv_cell(value)
