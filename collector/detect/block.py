"""The `collector:` block of a rule file: its keys, their types, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from collector.detect.document import Document, Place
from collector.detect.names import nearest
from collector.errors import Problem, RulesError
from collector.settings.values import Duration, SeverityName

KEY = "collector"
DEFAULT_KEY = ("user_id", "source_ip")

NOT_SERVED = frozenset({"first_seen", "baseline"})
"""Keys that the rule language knows and this version does not."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Case(_Part):
    """A rung of the severity ladder: a condition over selections, a comparison, or both."""

    when: str | None = None
    field: str | None = None
    gte: float | None = None
    gt: float | None = None
    lte: float | None = None
    lt: float | None = None
    eq: str | int | float | bool | None = None
    level: SeverityName

    @property
    def comparisons(self) -> dict[str, Any]:
        """Sigma detection items that say the same as the comparison."""
        bounds = {name: getattr(self, name) for name in ("gte", "gt", "lte", "lt")}
        items = {
            f"{self.field}|{name}": limit for name, limit in bounds.items() if limit is not None
        }
        return items if self.eq is None else {**items, f"{self.field}": self.eq}


class Dedup(_Part):
    """What makes matches one episode; `fallback` is the key of events without any of `key`."""

    key: Annotated[list[str], Field(min_length=1)] = list(DEFAULT_KEY)
    fallback: list[str] = []
    window: Duration = timedelta(minutes=60)


class Expect(_Part):
    """What a test says that its events lead to; `severity` and `title` are of every alert."""

    alerts: Annotated[int, Field(ge=0)] = 1
    severity: SeverityName | None = None
    title: str | None = None


class Example(_Part):
    """A test: records as Salesforce serves them, and what is expected of them."""

    name: str
    event_type: str | None = None
    events: Annotated[list[dict[str, Any]], Field(min_length=1)]
    expect: Expect


class Block(_Part):
    """All of the block."""

    event_types: list[str] = []
    severity: list[Case] = []
    title: str | None = None
    dedup: Dedup = Dedup()
    triage: str = ""
    tests: list[Example] = []
    alert: bool = True


_PARTS: Mapping[Place, type[BaseModel]] = {
    (): Block,
    ("severity",): Case,
    ("dedup",): Dedup,
    ("tests",): Example,
    ("tests", "expect"): Expect,
}


def parse(document: Document) -> Block:
    """The block of a document, with its defaults. Raises RulesError with all that is wrong."""
    try:
        return Block.model_validate(document.data.get(KEY) or {})
    except ValidationError as error:
        raise RulesError(list(_problems(document, error))) from None


def _problems(document: Document, error: ValidationError) -> Iterator[Problem]:
    told = set()
    for details in error.errors(include_url=False, include_input=False):
        place = _in_file(details["loc"])
        if place not in told:  # pydantic says of a union that it is none of its members, one by one
            told.add(place)
            yield document.problem((KEY, *place), _sentence(details))


def _in_file(place: Place) -> Place:
    """Without the members of unions, which pydantic writes as steps of the way."""
    return tuple(step for step in place if step not in {"str", "int", "float", "bool"})


def _sentence(details: ErrorDetails) -> str:
    place: Place = (KEY, *_in_file(details["loc"]))
    last = place[-1]
    match details["type"]:
        case "extra_forbidden" if last in NOT_SERVED:
            return f"{last!r} is not served by this version"
        case "extra_forbidden":
            names = tuple(step for step in place[1:-1] if isinstance(step, str))
            return f"unknown key {last!r}{nearest(str(last), _PARTS[names].model_fields)}"
        case "missing":
            return f"missing key {last!r}"
        case "model_type":
            return f"{last!r} should be a mapping"
        case "value_error":
            return f"{last!r} {details['ctx']['error']}"
    return f"{last!r} {details['msg'].removeprefix('Input ').replace('a valid', 'a')}"
