"""Conditions over the names of rules, Sigma's extended temporal ones: `a and not b`.

pySigma's grammar lets a rule be called by letters, digits and `_` alone; here it is called as it is
called in `rules`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sigma.correlations import (
    CorrelationConditionAND,
    CorrelationConditionItem,
    CorrelationConditionNOT,
    SigmaExtendedCorrelationCondition,
    SigmaRuleReference,
)
from sigma.exceptions import SigmaCorrelationConditionError

from collector.detect.language.document_library import normalize_reference

_TOKEN = re.compile(r"[()]|[^\s()]+")
_WORDS = frozenset({"and", "or", "not", "(", ")"})

ADVICE = (
    "join the names of the rules by 'and', with 'not' before each that must not be there,"
    " such as 'a and not b' or 'a and not (b or c)'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleExpression:
    """What a condition over rules asks for, by references in the form in which they are compared.

    Attributes:
        present: those that have to be there.
        absent: those that must not.
    """

    present: tuple[str, ...]
    absent: tuple[str, ...]


def parse_rule_expression(text: str) -> RuleExpression:
    """What a condition over rules asks for. Raises ValueError, in words for people."""
    tokens = _TOKEN.findall(text)
    references = list(dict.fromkeys(each for each in tokens if each not in _WORDS))
    places = {each: f"r{place}" for place, each in enumerate(references)}
    plain = " ".join(places.get(each, each) for each in tokens)
    try:
        tree = SigmaExtendedCorrelationCondition(plain).parsed
    except SigmaCorrelationConditionError:
        raise ValueError(f"cannot be read as a condition over rules: {ADVICE}") from None
    by_place = dict(zip(places.values(), map(normalize_reference, references), strict=True))
    literals = dict.fromkeys(_list_literals(tree, is_wanted=True))
    present = tuple(by_place[place] for place, is_wanted in literals if is_wanted)
    absent = tuple(by_place[place] for place, is_wanted in literals if not is_wanted)
    if both := set(present) & set(absent):
        raise ValueError(f"{min(both)!r} cannot be there and not be there")
    if not present:
        raise ValueError("asks for no rule that is to be there; a window begins with one")
    return RuleExpression(present=present, absent=absent)


def _list_literals(
    node: CorrelationConditionItem | SigmaRuleReference, *, is_wanted: bool
) -> Iterator[tuple[str, bool]]:
    """Each rule, and whether it is to be there, of a tree that asks for all of these."""
    if isinstance(node, SigmaRuleReference):
        yield node.reference, is_wanted
        return
    if isinstance(node, CorrelationConditionNOT):
        yield from _list_literals(node.args[0], is_wanted=not is_wanted)
        return
    if isinstance(node, CorrelationConditionAND) is not is_wanted:
        message = (
            f"leaves open which of its rules is to be there: {ADVICE}; a temporal correlation"
            " takes {gte: 2} for two of its rules"
        )
        raise ValueError(message)
    for each in node.args:
        yield from _list_literals(each, is_wanted=is_wanted)
