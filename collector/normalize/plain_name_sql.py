"""SQL that gives the plain form of a name, as `collector.plain_names` says it.

Almost every name is plain already, which one regular expression sees; the rest is rare and dear.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from collector.escaping import quote_literal
from collector.plain_names import DASHES, INVISIBLE_CHARACTERS, TRIMMED_CHARACTERS, WHITE_SPACE

_EDGE = "[!#-&(-_a-~]"
PLAIN_NAME_PATTERN = f"{_EDGE}(?:[ -~]*{_EDGE})?"
"""Printable ASCII with neither blank nor quote at its ends."""

_COMPATIBLE_BLOCKS = (
    *((0xFF00, 0xFFF0), (0x1D400, 0x1D800), (0xA0, 0x3400), (0xA690, 0xAB70), (0xFB00, 0xFF00)),
    *((0x10780, 0x107C0), (0x1E030, 0x1E070), (0x1EE00, 0x1EF00), (0x1F100, 0x1F300)),
    (0x1FBF0, 0x1FC00),
)
"""Where NFKC writes a character otherwise than NFC; what is written most comes first."""

_FILLER = "\x1f"


def select_plain_names(relation: str, names: Mapping[str, str]) -> str:
    """A SELECT of a FROM item's columns, and of the plain forms of names without %-escapes.

    `names` are the columns with the names, by those that get their plain forms; what is nothing in
    its plain form is NULL.
    """
    are_plain = match_plain_names(names.values())
    # In one list, since to plan the expression takes longer than to read a few hundred rows.
    written = (
        f"list_transform([{', '.join(names.values())}], lambda name: {_build_visible('name')})"
    )
    plain = _build_trimmed(_build_hyphens(_build_nfkc("name")))
    written = f"list_transform({written}, lambda name: {plain})"
    rows = (
        f"SELECT *, CASE WHEN NOT ({are_plain}) THEN {written} END AS plain_names FROM {relation}"
    )
    results = "".join(
        f", CASE WHEN plain_names IS NULL THEN {name} ELSE plain_names[{place}] END AS {result}"
        for place, (result, name) in enumerate(names.items(), start=1)
    )
    return f"SELECT * EXCLUDE (plain_names){results} FROM ({rows})"


def select_same_names(relation: str, names: Mapping[str, str]) -> str:
    """What `select_plain_names` gives where all names are plain (`match_plain_names`)."""
    results = "".join(f", {name} AS {result}" for result, name in names.items())
    return f"SELECT *{results} FROM {relation}"


def match_plain_names(names: Iterable[str]) -> str:
    """SQL: whether each of the names in SQL expressions is nothing, or its own plain form."""
    pattern = quote_literal(PLAIN_NAME_PATTERN)
    return " AND ".join(f"coalesce(regexp_full_match({name}, {pattern}), TRUE)" for name in names)


def _build_visible(text: str) -> str:
    """The text without what nobody sees, blanks for other white space."""
    shown = f"regexp_replace({text}, {quote_literal(f'[{WHITE_SPACE}]')}, ' ', 'g')"
    return f"regexp_replace({shown}, {quote_literal(f'[{INVISIBLE_CHARACTERS}]')}, '', 'g')"


def _build_hyphens(text: str) -> str:
    return f"regexp_replace({text}, {quote_literal(f'[{DASHES}]')}, '-', 'g')"


def _build_trimmed(text: str) -> str:
    return f"nullif(trim({text}, {quote_literal(TRIMMED_CHARACTERS)}), '')"


@cache
def _build_nfkc(text: str) -> str:
    """The text in NFKC, which the engine has no function for: character by character, then NFC."""
    plain_texts = _map_compatible_characters()
    width = max(map(len, plain_texts.values()))
    written = quote_literal("".join(plain_texts))
    plain = quote_literal("".join(each.ljust(width, _FILLER) for each in plain_texts.values()))
    place = f"{width} * (instr({written}, sign)::BIGINT - 1) + 1"
    sign = (
        f"CASE WHEN contains({written}, sign)"
        f" THEN rtrim(substring({plain}, {place}, {width}), {quote_literal(_FILLER)})"
        " ELSE sign END"
    )
    compatible = quote_literal(f"[{_render_ranges(plain_texts)}]")
    return (
        f"nfc_normalize(CASE WHEN regexp_matches({text}, {compatible}) THEN array_to_string("
        f"list_transform(string_split({text}, ''), lambda sign: {sign}), '') ELSE {text} END)"
    )


def _render_ranges(characters: Iterable[str]) -> str:
    """The characters as ranges of a regular expression."""
    ranges: list[list[int]] = []
    for code in sorted(map(ord, characters)):
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


def _map_compatible_characters() -> dict[str, str]:
    return dict(_find_compatible_characters())


def _find_compatible_characters() -> Iterator[tuple[str, str]]:
    for first, end in _COMPATIBLE_BLOCKS:
        for character in map(chr, range(first, end)):
            plain = unicodedata.normalize("NFKC", character)
            if plain != unicodedata.normalize("NFC", character):
                yield character, plain
