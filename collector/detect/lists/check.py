"""What can be wrong with a list in YAML, each at its line; and an entry in which nothing is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, get_args

from collector.detect.language.document import Document, Place
from collector.detect.lists.entries import Confidence, Form, ListEntry
from collector.detect.names import nearest
from collector.errors import Problem
from collector.settings.values import is_list_name, network

FORMS: tuple[Form, ...] = get_args(Form)
TEXTS = ("source", "campaign", "note")
DATES = ("first_seen", "last_seen", "expires")
ABOUT = frozenset({*TEXTS, *DATES, "confidence"})
"""What may be said of an entry, or of a whole list for those of its entries that do not say it."""

LIST_KEYS = frozenset({"name", "description", "entries"}) | ABOUT
ENTRY_KEYS = ABOUT | frozenset(FORMS)
MAX_LENGTH = 1000

_CONFIDENCES: tuple[Confidence, ...] = get_args(Confidence)
_DATE = re.compile(r"(19|20)\d\d-\d\d-\d\d", re.ASCII)
_IMPOSSIBLE = re.compile("[\0\ud800-\udfff]")


# ---- entries in which nothing is wrong


def plain_entry(text: str) -> ListEntry:
    """An entry of which nothing but its text is known. Raises ValueError for what cannot be one."""
    found = network(_text(text))
    return ListEntry(form="cidr" if found else "value", text=found or text)


def entry_of(written: Any, about: Mapping[str, Any]) -> ListEntry:
    """An entry as it stands in a list, which itself says `about` it what the entry does not."""
    known = {**about, **(written if isinstance(written, dict) else {})}
    form, text = _form_and_text(written)
    return ListEntry(
        form=form,
        text=text,
        source=known.get("source"),
        campaign=known.get("campaign"),
        note=known.get("note"),
        first_seen=_date(known, "first_seen"),
        last_seen=_date(known, "last_seen"),
        expires=_date(known, "expires"),
        confidence=known.get("confidence"),
    )


def _form_and_text(written: Any) -> tuple[Form, str]:
    if isinstance(written, str):
        plain = plain_entry(written)
        return plain.form, plain.text
    form = next(form for form in FORMS if form in written)
    return form, (_network(written[form]) if form == "cidr" else _text(written[form]))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("an entry is text: put it into quotes")  # noqa: TRY004 - told as a problem
    if not value or len(value) > MAX_LENGTH:
        raise ValueError(f"an entry has 1 to {MAX_LENGTH:,} characters")
    if _IMPOSSIBLE.search(value):
        raise ValueError("no event holds NUL characters or half surrogate pairs")
    return value


def _network(value: Any) -> str:
    text = _text(value)
    found = network(text if "/" in text else f"{text}/")
    if found is None:
        raise ValueError("'cidr' must be a network such as 10.0.0.0/8 or 2001:db8::/32")
    return found


def _date(known: Mapping[str, Any], key: str) -> date | None:
    value = known.get(key)
    if value is None:
        return None
    if isinstance(value, str) and _DATE.fullmatch(value):
        return date.fromisoformat(value)
    raise ValueError(f"{key!r} must be a date such as 2026-06-30")


# ---- what is wrong


def list_problems(document: Document, name: str | None) -> Iterator[Problem]:
    """What is wrong with a list that rules are to know as `name`, or as it says itself."""
    data = document.data
    yield from _unknown_keys(document, (), data, LIST_KEYS)
    yield from _name_problems(document, name)
    yield from _about_problems(document, (), data)
    if not isinstance(data.get("description", ""), str):
        yield document.problem(("description",), "'description' must be text")
    entries = data.get("entries")
    if not isinstance(entries, list):
        yield document.problem(("entries",), "'entries' must be a list; [] is an empty one")
    else:
        yield from _entries_problems(document, entries)


def _name_problems(document: Document, name: str | None) -> Iterator[Problem]:
    said = document.data.get("name", name or document.path.stem)
    if not isinstance(said, str) or not is_list_name(said):
        message = "the name of a list must consist of 1 to 60 of a-z, 0-9, '_' and '-'"
        yield document.problem(("name",), message)
    elif name is not None and said != name:
        yield document.problem(("name",), f"the configuration calls this list {name!r}")


def _entries_problems(document: Document, entries: list[Any]) -> Iterator[Problem]:
    seen: set[tuple[Form, str]] = set()
    for position, written in enumerate(entries):
        place = ("entries", position)
        found = list(_entry_problems(document, place, written))
        yield from found
        if found:
            continue
        key = _form_and_text(written)
        if key in seen:
            yield document.problem(place, f"{key[1]!r} stands here twice")
        seen.add(key)


def _entry_problems(document: Document, place: Place, written: Any) -> Iterator[Problem]:
    if isinstance(written, dict):
        yield from _unknown_keys(document, place, written, ENTRY_KEYS)
        yield from _about_problems(document, place, written)
        if len(written.keys() & set(FORMS)) != 1:
            yield document.problem(place, f"an entry has one of {', '.join(FORMS)}")
            return
    try:
        _form_and_text(written if isinstance(written, dict) else _text(written))
    except ValueError as error:
        yield document.problem(place, str(error))


def _about_problems(document: Document, place: Place, data: dict[str, Any]) -> Iterator[Problem]:
    for key in TEXTS:
        if key in data and not isinstance(data[key], str):
            yield document.problem((*place, key), f"{key!r} must be text")
    if data.get("confidence", "low") not in _CONFIDENCES:
        message = f"'confidence' must be one of {', '.join(_CONFIDENCES)}"
        yield document.problem((*place, "confidence"), message)
    yield from _date_problems(document, place, data)


def _date_problems(document: Document, place: Place, data: dict[str, Any]) -> Iterator[Problem]:
    dates = {}
    for key in DATES:
        try:
            dates[key] = _date(data, key)
        except ValueError as error:
            message = str(error) if "must be" in str(error) else f"{key!r} is no day of a calendar"
            yield document.problem((*place, key), message)
    first, last = dates.get("first_seen"), dates.get("last_seen")
    if first and last and last < first:
        yield document.problem((*place, "last_seen"), "'last_seen' is before 'first_seen'")


def _unknown_keys(
    document: Document, place: Place, data: dict[str, Any], known: frozenset[str]
) -> Iterator[Problem]:
    for key in data.keys() - known:
        yield document.problem((*place, key), f"unknown key {key!r}{nearest(key, known)}")
