"""Problems of a list in YAML, each at its line, and the entries of a list without any."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from ipaddress import ip_address, ip_network
from typing import Any, get_args

from collector.detect.language.yaml_document import YamlDocument
from collector.detect.lists.value_list import Confidence, EntryForm, ListEntry
from collector.detect.predicates.cidr import parse_address
from collector.errors import Problem
from collector.escaping import truncate_text
from collector.settings.values import is_list_name, parse_network
from collector.yaml_source.nodes import YamlPath
from collector.yaml_source.suggestions import suggest_name

ENTRY_FORMS: tuple[EntryForm, ...] = get_args(EntryForm)
TEXT_KEYS = ("source", "campaign", "note")
DATE_KEYS = ("first_seen", "last_seen", "expires")
METADATA_KEYS = frozenset({*TEXT_KEYS, *DATE_KEYS, "confidence"})
"""The metadata of an entry, or of a list for those of its entries that lack it."""

LIST_KEYS = frozenset({"name", "description", "entries", "optional"}) | METADATA_KEYS
NETWORKS_KEY = "networks"
ENTRY_KEYS = METADATA_KEYS | {*ENTRY_FORMS, NETWORKS_KEY}
MAX_ENTRY_LENGTH = 1000

_CONFIDENCE_LEVELS: tuple[Confidence, ...] = get_args(Confidence)
_DATE_PATTERN = re.compile(r"(19|20)\d\d-\d\d-\d\d", re.ASCII)
_SHOWN_LENGTH = 60
_ADDRESS_BEGINNING = re.compile(
    r"[\s\"'\[]*(?:(?:\d{1,3}\.){3}|[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{0,4}:|::)", re.ASCII
)
_IMPOSSIBLE_CHARACTERS = re.compile("[\0\ud800-\udfff]")


# ---- entries


def build_plain_entry(text: str) -> ListEntry:
    """An entry without metadata. Raises ValueError for what cannot be one."""
    network = parse_network(_check_text(text))
    return ListEntry(form="cidr" if network else "value", text=network or text)


def build_entry(raw_entry: Any, list_metadata: Mapping[str, Any]) -> ListEntry:
    """An entry of a list, with the metadata that the list has for all of its entries.

    Raises ValueError for what cannot be one.
    """
    metadata = {**list_metadata, **(raw_entry if isinstance(raw_entry, dict) else {})}
    form, text = _parse_form(raw_entry)
    return ListEntry(
        form=form,
        text=text,
        source=metadata.get("source"),
        campaign=metadata.get("campaign"),
        note=metadata.get("note"),
        first_seen=_parse_date(metadata, "first_seen"),
        last_seen=_parse_date(metadata, "last_seen"),
        expires=_parse_date(metadata, "expires"),
        confidence=metadata.get("confidence"),
        networks=tuple(map(_parse_paired_network, metadata.get(NETWORKS_KEY, ()))),
    )


def _parse_form(raw_entry: Any) -> tuple[EntryForm, str]:
    if isinstance(raw_entry, str):
        plain = build_plain_entry(raw_entry)
        return plain.form, plain.text
    form = next(form for form in ENTRY_FORMS if form in raw_entry)
    return form, (
        _parse_network(raw_entry[form]) if form == "cidr" else _check_text(raw_entry[form])
    )


def _check_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("an entry is text: put it into quotes")  # noqa: TRY004 - reported as a problem
    if not value or len(value) > MAX_ENTRY_LENGTH:
        raise ValueError(f"an entry has 1 to {MAX_ENTRY_LENGTH:,} characters")
    if _IMPOSSIBLE_CHARACTERS.search(value):
        raise ValueError("no event holds NUL characters or half surrogate pairs")
    return value


def _parse_network(value: Any) -> str:
    text = _check_text(value)
    network = parse_network(text if "/" in text else f"{text}/")
    if network is None:
        raise ValueError("'cidr' must be a network such as 10.0.0.0/8 or 2001:db8::/32")
    return network


def _parse_paired_network(value: Any) -> str:
    """A network, or the one that an address is."""
    try:
        return str(ip_network(ip_address(_check_text(value))))
    except ValueError:
        return _parse_network(value)


def _parse_date(metadata: Mapping[str, Any], key: str) -> date | None:
    value = metadata.get(key)
    if value is None:
        return None
    if isinstance(value, str) and _DATE_PATTERN.fullmatch(value):
        return date.fromisoformat(value)
    raise ValueError(f"{key!r} must be a date such as 2026-06-30")


# ---- doubts


def find_entry_doubt(entry: ListEntry) -> str | None:
    """The warning about a value that begins like an address and is none; None for all others."""
    if entry.form != "value" or not _ADDRESS_BEGINNING.match(entry.text):
        return None
    if parse_address(entry.text) is not None:
        return None
    shown = truncate_text(entry.text, _SHOWN_LENGTH)
    return (
        f"{shown!r} begins like an address and is none: no address matches it;"
        " write one address or network for each entry"
    )


# ---- problems


def find_list_problems(document: YamlDocument, name: str | None) -> Iterator[Problem]:
    """The problems of a list whose name is `name`, or what the list says itself."""
    data = document.data
    yield from _find_unknown_keys(document, (), data, LIST_KEYS)
    yield from _find_name_problems(document, name)
    yield from _find_metadata_problems(document, (), data)
    if not isinstance(data.get("description", ""), str):
        yield document.build_problem(("description",), "'description' must be text")
    if not isinstance(data.get("optional", False), bool):
        yield document.build_problem(("optional",), "'optional' must be true or false")
    entries = data.get("entries")
    if not isinstance(entries, list):
        yield document.build_problem(("entries",), "'entries' must be a list; [] is an empty one")
    else:
        yield from _find_entries_problems(document, entries)


def _find_name_problems(document: YamlDocument, name: str | None) -> Iterator[Problem]:
    own_name = document.data.get("name", name or document.path.stem)
    if not isinstance(own_name, str) or not is_list_name(own_name):
        message = "the name of a list must consist of 1 to 60 of a-z, 0-9, '_' and '-'"
        yield document.build_problem(("name",), message)
    elif name is not None and own_name != name:
        yield document.build_problem(("name",), f"the configuration calls this list {name!r}")


def _find_entries_problems(document: YamlDocument, entries: list[Any]) -> Iterator[Problem]:
    seen: set[tuple[EntryForm, str]] = set()
    for position, raw_entry in enumerate(entries):
        place = ("entries", position)
        problems = list(find_entry_problems(document, place, raw_entry))
        yield from problems
        if problems:
            continue
        key = _parse_form(raw_entry)
        if key in seen:
            yield document.build_problem(place, f"{key[1]!r} stands here twice")
        seen.add(key)


def find_entry_problems(
    document: YamlDocument, place: YamlPath, raw_entry: Any
) -> Iterator[Problem]:
    """The problems of an entry at its place."""
    if isinstance(raw_entry, dict):
        yield from _find_unknown_keys(document, place, raw_entry, ENTRY_KEYS)
        yield from _find_metadata_problems(document, place, raw_entry)
        if len(raw_entry.keys() & set(ENTRY_FORMS)) != 1:
            yield document.build_problem(place, f"an entry has one of {', '.join(ENTRY_FORMS)}")
            return
        yield from _find_network_problems(document, (*place, NETWORKS_KEY), raw_entry)
    try:
        _parse_form(raw_entry if isinstance(raw_entry, dict) else _check_text(raw_entry))
    except ValueError as error:
        yield document.build_problem(place, str(error))


def _find_network_problems(
    document: YamlDocument, place: YamlPath, raw_entry: dict[str, Any]
) -> Iterator[Problem]:
    networks = raw_entry.get(NETWORKS_KEY, [])
    if not isinstance(networks, list):
        yield document.build_problem(place, f"{NETWORKS_KEY!r} must be a list of networks")
        return
    for position, value in enumerate(networks):
        try:
            _parse_paired_network(value)
        except ValueError as error:
            message = str(error).replace("'cidr'", f"each of {NETWORKS_KEY!r}")
            yield document.build_problem((*place, position), message)


def _find_metadata_problems(
    document: YamlDocument, place: YamlPath, data: dict[str, Any]
) -> Iterator[Problem]:
    for key in TEXT_KEYS:
        if key in data and not isinstance(data[key], str):
            yield document.build_problem((*place, key), f"{key!r} must be text")
    if data.get("confidence", "low") not in _CONFIDENCE_LEVELS:
        message = f"'confidence' must be one of {', '.join(_CONFIDENCE_LEVELS)}"
        yield document.build_problem((*place, "confidence"), message)
    yield from _find_date_problems(document, place, data)


def _find_date_problems(
    document: YamlDocument, place: YamlPath, data: dict[str, Any]
) -> Iterator[Problem]:
    dates = {}
    for key in DATE_KEYS:
        try:
            dates[key] = _parse_date(data, key)
        except ValueError as error:
            message = str(error) if "must be" in str(error) else f"{key!r} is no day of a calendar"
            yield document.build_problem((*place, key), message)
    first, last = dates.get("first_seen"), dates.get("last_seen")
    if first and last and last < first:
        yield document.build_problem((*place, "last_seen"), "'last_seen' is before 'first_seen'")


def _find_unknown_keys(
    document: YamlDocument, place: YamlPath, data: dict[str, Any], known: frozenset[str]
) -> Iterator[Problem]:
    for key in data.keys() - known:
        yield document.build_problem(
            (*place, key), f"unknown key {key!r}{suggest_name(key, known)}"
        )
