"""Which events tell of one fact: SQL that pairs them, stage by stage."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from collector.escaping import quote_identifier
from collector.normalize.fact_types import SECOND_SHIFTS, FactPairing, FactType

_CHUNKS = -1
"""The number of the pairs that are further chunks of a telling, each with its first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairingStage:
    """One pairing by one kind of key.

    Attributes:
        pairing: the place of the pairing in `FactType.pairings`; negative for chunks.
        one, other: the places of the tellers.
        cells: SQL over keyed events, for both sides: what is equal in a pair. One cell is tried
            after the other.
        is_likeness: whether what pairs them is likeness, and not that they name each other.
    """

    pairing: int
    one: int
    other: int
    cells: tuple[tuple[str, str], ...]
    is_likeness: bool = False


KnownPairs = Mapping[str, PairingStage]
"""FROM items with pairs, and the stage that has found them."""


def build_keyed_select(fact: FactType, relation: str, present: Collection[int]) -> str:
    """SQL: the events of the present tellers, with what pairs are found by.

    That is `event_uid`, `time`, `second`, `identity`, `teller` (the place of its tellers), and the
    keys of the pairings, NULL where they do not apply.
    """
    tellers = {place: fact.tellers[place].selection for place in sorted(present)}
    cases = " ".join(f"WHEN {condition} THEN {place}" for place, condition in tellers.items())
    keys = "".join(
        f", CASE WHEN {tellers[place]} THEN org || '|' || {key} END AS {quote_identifier(name)}"
        for name, place, key in _list_keys(fact, present)
    )
    condition = " OR ".join(f"({each})" for each in tellers.values())
    return (
        "SELECT event_uid, time, epoch_us(time) // 1000000 AS second,"
        f" {fact.identity} AS identity, CASE {cases} END AS teller{keys} FROM {relation}"
        f" WHERE {condition}"
    )


def list_stages(fact: FactType, present: Collection[int]) -> list[PairingStage]:
    """The stages in which events of the present tellers are paired, in their order.

    First those that name each other, then those that are alike.
    """
    stages = [
        PairingStage(pairing=_CHUNKS, one=place, other=place, cells=((key, key),))
        for place in sorted(present)
        if fact.tellers[place].chunk_key
        for key in [quote_identifier(f"chunk{place}")]
    ]
    numbered = [
        (number, pairing)
        for number, pairing in enumerate(fact.pairings)
        if {pairing.one, pairing.other} <= set(present)
    ]
    stages += [
        PairingStage(
            pairing=number,
            one=pairing.one,
            other=pairing.other,
            cells=(_name_keys(number, f"link{place}of"),),
        )
        for number, pairing in numbered
        for place in range(len(pairing.links))
    ]
    for number, pairing in numbered:
        if pairing.likeness:
            stages += _list_likeness_stages(number, pairing)
    return stages


def build_stage_select(fact: FactType, stage: PairingStage, keyed: str, known: KnownPairs) -> str:
    """SQL: the pairs that a stage adds, as `one` and `other` (uids), from `keyed`, a FROM item."""
    if stage.pairing == _CHUNKS:
        return _build_chunk_select(stage, keyed)
    others = [name for name, each in known.items() if each.other == stage.other]
    taken = (_list_taken_ones(fact, stage, known), [f"SELECT other FROM {name}" for name in others])
    names = [f"step{place}" for place in range(len(stage.cells))]
    steps = [
        _build_step(stage, cells, keyed, taken, names[:place])
        for place, cells in enumerate(stage.cells)
    ]
    if len(steps) == 1:
        return steps[0]
    named = ", ".join(f"{name} AS ({step})" for name, step in zip(names, steps, strict=True))
    return f"WITH {named} {_select_all('one, other', names)}"


def build_assignment(keyed: str, known: KnownPairs) -> str:
    """SQL: each keyed event with its `fact`, which is the event_uid of one of its tellings."""
    if not known:
        return f"SELECT event_uid, event_uid AS fact FROM {keyed}"
    # A telling may have joined another one that is, or has become, the other of a third.
    pairs = f"({_select_all('one, other', known)})"
    return (
        "SELECT keyed.event_uid, coalesce(heads.one, pairs.one, keyed.event_uid) AS fact"
        f" FROM {keyed} AS keyed LEFT JOIN {pairs} AS pairs ON pairs.other = keyed.event_uid"
        f" LEFT JOIN {pairs} AS heads ON heads.other = pairs.one"
    )


def _list_likeness_stages(number: int, pairing: FactPairing) -> Iterator[PairingStage]:
    one, other = _name_keys(number, "like")
    for shifts in (SECOND_SHIFTS[:1], SECOND_SHIFTS[1:]):
        yield PairingStage(
            pairing=number,
            one=pairing.one,
            other=pairing.other,
            cells=tuple(
                (f"({one} || '|' || second)", f"({other} || '|' || (second + {shift}))")
                for shift in shifts
            ),
            is_likeness=True,
        )


def _build_step(
    stage: PairingStage,
    cells: tuple[str, str],
    keyed: str,
    taken: tuple[Sequence[str], Sequence[str]],
    earlier_steps: Sequence[str],
) -> str:
    sides = []
    places = (("one", stage.one), ("other", stage.other))
    for (side, teller), cell, used in zip(places, cells, taken, strict=True):
        excluded = [*used, *(f"SELECT {side} FROM {name}" for name in earlier_steps)]
        free = f" AND event_uid NOT IN ({' UNION ALL '.join(excluded)})" if excluded else ""
        sides.append(
            f"(SELECT event_uid, identity, {cell} AS cell, row_number() OVER"
            f" (PARTITION BY {cell} ORDER BY time, event_uid) AS place FROM {keyed}"
            f" WHERE teller = {teller} AND {cell} IS NOT NULL{free}) AS {side}"
        )
    doubt = " AND (one.identity IS NULL OR other.identity IS NULL)" if stage.is_likeness else ""
    return (
        f"SELECT one.event_uid AS one, other.event_uid AS other FROM {sides[0]} JOIN {sides[1]}"
        f" ON one.cell = other.cell AND one.place = other.place{doubt}"
    )


def _list_taken_ones(fact: FactType, stage: PairingStage, known: KnownPairs) -> list[str]:
    """SQL: the uids of events whose fact the other tellers of a stage have told already."""

    def select_pairs(one: int, other: int) -> str:
        """A FROM item with the known pairs of two tellers; empty where there are none."""
        names = [
            name
            for name, each in known.items()
            if (each.one, each.other) == (one, other) and each.pairing != _CHUNKS
        ]
        return f"({_select_all('one, other', names)})" if names else ""

    own = select_pairs(stage.one, stage.other)
    taken = [f"SELECT one FROM {own} AS own"] if own else []
    taken += [
        f"SELECT other FROM {name}" for name, each in known.items() if each.pairing == _CHUNKS
    ]
    for third in range(len(fact.tellers)):
        near, far = select_pairs(stage.one, third), select_pairs(third, stage.other)
        if near and far:
            taken.append(
                f"SELECT near.one FROM {near} AS near JOIN {far} AS far ON near.other = far.one"
            )
        near = select_pairs(third, stage.one)
        if near and far:
            taken.append(
                f"SELECT near.other FROM {near} AS near JOIN {far} AS far ON near.one = far.one"
            )
    return taken


def _build_chunk_select(stage: PairingStage, keyed: str) -> str:
    """SQL: each further chunk as the `other` of the first one of its telling."""
    ((key, _),) = stage.cells
    return (
        "SELECT one, other FROM (SELECT event_uid AS other,"
        f" first_value(event_uid) OVER (PARTITION BY {key} ORDER BY time, event_uid) AS one"
        f" FROM {keyed} WHERE teller = {stage.one} AND {key} IS NOT NULL) AS chunks"
        " WHERE one <> other"
    )


def _select_all(columns: str, relations: Iterable[str]) -> str:
    return " UNION ALL ".join(f"SELECT {columns} FROM {each}" for each in relations)


def _name_keys(number: int, kind: str) -> tuple[str, str]:
    return quote_identifier(f"{kind}{number}one"), quote_identifier(f"{kind}{number}other")


def _list_keys(fact: FactType, present: Collection[int]) -> Iterator[tuple[str, int, str]]:
    """The keys of events: the column's name, of which tellers it is, and its SQL."""
    for place in sorted(present):
        if fact.tellers[place].chunk_key:
            yield f"chunk{place}", place, fact.tellers[place].chunk_key
    for number, pairing in enumerate(fact.pairings):
        if not {pairing.one, pairing.other} <= set(present):
            continue
        kinds = {f"link{place}of": link for place, link in enumerate(pairing.links)}
        kinds |= {"like": pairing.likeness} if pairing.likeness else {}
        for kind, (one, other) in kinds.items():
            yield f"{kind}{number}one", pairing.one, one
            yield f"{kind}{number}other", pairing.other, other
