"""What can be wrong with a correlation beyond its shape, each at its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from collector.detect.language.block import KEY as BLOCK
from collector.detect.language.block import Block
from collector.detect.language.check_over import group_problems
from collector.detect.language.computed import with_groups
from collector.detect.language.correlation import KEY, OPERATORS, Condition, Correlation
from collector.detect.language.document import Document, Place
from collector.detect.language.draft import Draft
from collector.detect.language.library import Library, name_of, normal
from collector.detect.language.scope import Scope, of_windows
from collector.errors import Problem

DEEPEST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """All that a correlation may look at.

    Attributes:
        called: documents by what they may be called.
        drafts, mappings: the rules and correlations in which nothing is wrong as such, by name.
    """

    library: Library
    called: Mapping[str, Document]
    drafts: Mapping[str, Draft]
    mappings: Mapping[str, Correlation]

    def name(self, reference: str) -> str | None:
        """The name of the rule that a reference leads to."""
        found = self.called.get(normal(reference))
        return None if found is None else name_of(found)

    def scope(self, name: str) -> Scope | None:
        """What may be named of what that rule matches; None while something is wrong with it."""
        if name in self.mappings:
            groups = self.mappings[name].group_by
            return of_windows(with_groups({"metric": "DOUBLE"}, groups))
        return self.drafts[name].scope if name in self.drafts else None

    def below(self, name: str) -> Iterator[str]:
        """The correlations that a correlation looks at."""
        for reference in self.mappings[name].rules:
            if (found := self.name(reference)) in self.mappings and found is not None:
                yield found


def correlation_problems(
    document: Document, mapping: Correlation, around: Neighbours
) -> Iterator[Problem]:
    """What is wrong with the `correlation:` mapping among the rules that there are."""
    yield from _reference_problems(document, mapping, around)
    yield from _circle_problems(document, around)
    yield from _condition_problems(document, mapping)
    yield from _alias_problems(document, mapping, around)
    yield from group_problems(document, mapping.group_by, (KEY, "group-by"))
    yield from _field_problems(document, mapping, around)


def foreign_problems(document: Document, block: Block) -> Iterator[Problem]:
    """Keys of the block that only rules over events have."""
    for name in ("event_types", "first_seen", "baseline"):
        if name in block.model_fields_set:
            message = f"a correlation has no {name!r}; the rules that it looks at have"
            yield document.problem((BLOCK, name), message)


# ---- rules


def _reference_problems(
    document: Document, mapping: Correlation, around: Neighbours
) -> Iterator[Problem]:
    taken: set[str] = set()
    for position, reference in enumerate(mapping.rules):
        place = (KEY, "rules", position)
        name = around.name(reference)
        if name is None:
            yield document.problem(place, around.library.missing(reference))
            continue
        if name in taken and mapping.type != "temporal_ordered":
            yield document.problem(place, f"rule {reference!r} stands here twice")
        taken.add(name)
        draft = around.drafts.get(name)
        if draft and (draft.block.first_seen or draft.block.baseline):
            message = f"rule {name!r} looks at more than one event; it cannot be correlated"
            yield document.problem(place, message)


def _circle_problems(document: Document, around: Neighbours) -> Iterator[Problem]:
    way = _longest_way(name_of(document), around, ())
    shown = " → ".join(way)
    if way[-1] in way[:-1]:
        yield document.problem((KEY, "rules"), f"correlations that go round: {shown}")
    elif len(way) > DEEPEST:
        message = f"correlations of correlations, more than {DEEPEST} deep: {shown}"
        yield document.problem((KEY, "rules"), message)


def _longest_way(name: str, around: Neighbours, above: tuple[str, ...]) -> tuple[str, ...]:
    """Down through correlations; ends with a name that it has already where they go round."""
    way = (*above, name)
    if name in above or len(way) > DEEPEST:
        return way
    ways = [_longest_way(each, around, way) for each in around.below(name)]
    return max((way, *ways), key=lambda found: (found[-1] in found[:-1], len(found)))


# ---- numbers


def _condition_problems(document: Document, mapping: Correlation) -> Iterator[Problem]:
    condition = mapping.condition
    if condition is None:
        if not mapping.is_temporal:
            yield document.problem((KEY,), "missing key 'condition'")
        return
    place = (KEY, "condition")
    if len(condition.limits) != 1:
        message = f"a condition has one limit, which is one of {', '.join(OPERATORS)}"
        yield document.problem(place, message)
    elif mapping.is_temporal and not _asks_for_all(condition, len(set(mapping.rules))):
        message = f"{mapping.type} asks for every rule once or more; leave the condition out"
        yield document.problem(place, message)
    yield from _computed_problems(document, mapping, condition)


def _asks_for_all(condition: Condition, rules: int) -> bool:
    return condition.limits in ({"gte": rules}, {"eq": rules})


def _computed_problems(
    document: Document, mapping: Correlation, condition: Condition
) -> Iterator[Problem]:
    needed = {
        "field": mapping.type.startswith("value_"),
        "percentile": mapping.type == "value_percentile",
    }
    for name, needs in needed.items():
        has = getattr(condition, name) is not None
        if needs and not has:
            yield document.problem((KEY, "condition"), f"{mapping.type} needs a {name!r}")
        if has and not needs:
            yield document.problem((KEY, "condition", name), f"{mapping.type} has no {name!r}")


# ---- fields


def _alias_problems(
    document: Document, mapping: Correlation, around: Neighbours
) -> Iterator[Problem]:
    looked_at = {around.name(each) for each in mapping.rules}
    for alias, fields in mapping.aliases.items():
        for reference in fields:
            if around.name(reference) not in looked_at:
                message = f"an alias for {reference!r}, which is none of the correlation's rules"
                yield document.problem((KEY, "aliases", alias, reference), message)


def _field_problems(
    document: Document, mapping: Correlation, around: Neighbours
) -> Iterator[Problem]:
    for name in dict.fromkeys(filter(None, map(around.name, mapping.rules))):
        scope = around.scope(name)
        if scope is None:
            continue
        for place, used in _used(mapping):
            reference, field = _alias(mapping, used, name, around) or (None, used)
            if not scope.knows(field):
                where = (KEY, "aliases", used, reference) if reference else place
                yield document.problem(where, f"in rule {name!r} {scope.unknown(field)}")


def _used(mapping: Correlation) -> Iterator[tuple[Place, str]]:
    """The fields and aliases that are used, and where."""
    for position, group in enumerate(mapping.group_by):
        yield (KEY, "group-by", position), group
    if mapping.condition and mapping.condition.field:
        yield (KEY, "condition", "field"), mapping.condition.field


def _alias(
    mapping: Correlation, used: str, name: str, around: Neighbours
) -> tuple[str, str] | None:
    """The reference to a rule below an alias, and the field that it stands for there."""
    for reference, field in mapping.aliases.get(used, {}).items():
        if around.name(reference) == name:
            return reference, field
    return None
