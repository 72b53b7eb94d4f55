"""Small rules over small rows: DuckDB and a slow evaluator in Python say the same."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

FIELDS = ("user_name", "detail")
ALPHABET = "aAbB%_!\\'\"*?äÄ\n .1"
texts = st.text(ALPHABET, max_size=5)
rows = st.lists(
    st.fixed_dictionaries({field: st.none() | texts for field in FIELDS}), min_size=1, max_size=6
)
FORMS = ("", "|contains", "|startswith", "|endswith", "|contains|all")


@st.composite
def items(draw: st.DrawFn) -> tuple[str, Any]:
    field = draw(st.sampled_from(FIELDS))
    if draw(st.integers(0, 9)) == 0:
        return f"{field}|exists", draw(st.booleans())
    cased, neq = (draw(st.sampled_from(("", word))) for word in ("|cased", "|neq"))
    form = draw(st.sampled_from(FORMS))
    plain = not (cased or form)
    values = st.lists(texts | st.none() if plain else texts, min_size=1, max_size=3)
    return f"{field}{cased}{form}{neq}", draw(values)


selections = st.lists(items(), min_size=1, max_size=2).map(dict)
conditions = st.recursive(
    st.sampled_from(("s0", "s1", "s2")),
    lambda inner: (
        st.tuples(st.just("not"), inner) | st.tuples(st.sampled_from(("and", "or")), inner, inner)
    ),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(st.tuples(selections, selections, selections), conditions, rows)
def test_sql_and_python_agree_on_every_row(where, chosen, condition, data):
    named = {f"s{number}": selection for number, selection in enumerate(chosen)}

    found = where({**named, "condition": _text(condition)}, data)

    assert [_holds(condition, named, row) for row in data] == found


# ---- the slow evaluator


def _text(condition: Any) -> str:
    match condition:
        case "not", inner:
            return f"not ({_text(inner)})"
        case operator, left, right:
            return f"({_text(left)}) {operator} ({_text(right)})"
    return condition


def _holds(condition: Any, named: dict[str, dict[str, Any]], row: dict[str, Any]) -> bool:
    match condition:
        case "not", inner:
            return not _holds(inner, named, row)
        case "and", left, right:
            return _holds(left, named, row) and _holds(right, named, row)
        case "or", left, right:
            return _holds(left, named, row) or _holds(right, named, row)
    return all(_item(key, value, row) for key, value in named[condition].items())


def _item(key: str, value: Any, row: dict[str, Any]) -> bool:
    field, *modifiers = key.split("|")
    if "exists" in modifiers:
        return (row[field] is not None) is value
    found = [_value(each, modifiers, row[field]) for each in value]
    return (all(found) if "all" in modifiers else any(found)) is ("neq" not in modifiers)


def _value(wanted: str | None, modifiers: list[str], given: str | None) -> bool:
    is_whole = not {"contains", "startswith", "endswith"} & set(modifiers)
    if wanted is None or (wanted == "" and is_whole):
        return given is None or (given == "" and wanted == "")
    if given is None:
        return False
    pattern = _pattern(wanted if "cased" in modifiers else wanted.lower())
    before = ".*" if {"contains", "endswith"} & set(modifiers) else ""
    after = ".*" if {"contains", "startswith"} & set(modifiers) else ""
    subject = given if "cased" in modifiers else given.lower()
    return re.fullmatch(before + pattern + after, subject, re.DOTALL) is not None


def _pattern(text: str) -> str:
    """Sigma: `*` is any text, `?` any character, a backslash takes that from them and itself."""
    pieces = re.findall(r"\\[*?\\]|.", text, re.DOTALL)
    special = {"*": ".*", "?": "."}
    return "".join(special.get(piece) or re.escape(piece[-1]) for piece in pieces)
