"""Why there is an alert: its events, asked once more by the rule as it is written now."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

from collector import normalize, records
from collector.archive import read
from collector.detect import RuleSet, Schema, windows
from collector.detect import explain as asking
from collector.detect.explain import Explanation
from collector.detect.explain.ladder import Ladder
from collector.detect.explain.questions import Subject
from collector.detect.failure import reason
from collector.model import Alert, Baseline, Correlation, Event, Rule
from collector.records import Records
from collector.store import ledger, trail

WINDOW = "window:"
"""What the uids of matches begin with that stand for whole windows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """An event of an alert.

    Attributes:
        event: as the archive has it; where it is not `archived`, as the alert has kept it.
        fits: what the rule says of it; for a correlation, each of its rules that it matches.
        failures: rules that could not be asked, in sentences.
    """

    event: Event
    archived: bool = True
    fits: tuple[Explanation, ...] = ()
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Why there is an alert.

    Attributes:
        rule: as it is now; None where it is gone.
        line: where the rule begins in its file.
        remarks: what keeps this from being the whole truth, in sentences.
        windows: by its place in the alert's context, how a window of several events came to its
            severity.
        witnesses: some of its events.
        more: how many others it has.
    """

    alert: Alert
    rule: Rule | None
    line: int
    remarks: tuple[str, ...]
    windows: Mapping[int, Ladder]
    witnesses: tuple[Witness, ...]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What an account is given on.

    Attributes:
        state: a view of the state.
        engine: a connection of `engine`.
        root: where the archive lies.
        rules: the rules as they are now.
        schema: the event table.
    """

    state: sa.Connection
    engine: duckdb.DuckDBPyConnection
    root: Path
    rules: RuleSet
    schema: Schema


def account(ground: Ground, alert: Alert, *, limit: int) -> Account:
    """Why there is this alert, with at most so many of its events."""
    rule = ground.rules.by_name.get(alert.rule)
    if rule is None:
        return _stored(alert, limit)
    witnesses = tuple(_witnesses(ground, alert, rule, _uids(ground, alert, limit)))
    return Account(
        alert=alert,
        rule=rule,
        line=ground.rules.documents[rule.name].line(()),
        remarks=tuple(_remarks(alert, rule, witnesses)),
        windows=dict(_windows(ground, alert, rule)),
        witnesses=witnesses,
        more=max(0, alert.count - len(witnesses)),
    )


def _stored(alert: Alert, limit: int) -> Account:
    """What the alert itself says."""
    remark = (
        f"{alert.rule} is not among the rules of this configuration any more: it was removed,"
        " renamed or disabled. This is what the alert has kept."
    )
    kept = alert.evidence[:limit]
    return Account(
        alert=alert,
        rule=None,
        line=0,
        remarks=(*_fate(alert), remark),
        windows={},
        witnesses=tuple(Witness(event=event, archived=False) for event in kept),
        more=max(0, alert.count - len(kept)),
    )


def _remarks(alert: Alert, rule: Rule, witnesses: Sequence[Witness]) -> Iterator[str]:
    """What became of the alert, and what rule and archive do not say any more, or not alike."""
    yield from _fate(alert)
    kept = (alert.description, alert.attack, alert.triage, alert.references)
    if kept != (rule.description, rule.attack, rule.triage, rule.references):
        yield (
            "The rule has been changed since: its description, ATT&CK ids, triage or references"
            " are not those of the alert. This is what it says now."
        )
    if any(not witness.failures and not _fits(witness) for witness in witnesses):
        yield "Not all events match the rule as it is now: it or they have changed since."
    if not all(witness.archived for witness in witnesses):
        yield (
            "The archive does not hold all of the events any more: those are asked as the alert has"
            " kept them, without the rest of long texts."
        )
    yield from dict.fromkeys(failure for witness in witnesses for failure in witness.failures)


def _fate(alert: Alert) -> Iterator[str]:
    if alert.merged_into:
        yield f"It went on in alert {alert.merged_into}, which has its events now."
    if alert.reason:
        yield f"It does not hold any more. {alert.reason}"


def _fits(witness: Witness) -> bool:
    return any(fit.holds for fit in witness.fits)


# ---- windows


def _windows(ground: Ground, alert: Alert, rule: Rule) -> Iterator[tuple[int, Ladder]]:
    """How the windows of the alert's context came to their severity, by their places in it."""
    written = ground.rules.documents[rule.name]
    for place, context in enumerate(alert.context):
        values = _values(context)
        if values and isinstance(rule.over, Correlation | Baseline):
            known = {**alert.entities, **context.get("group", {}), **values}
            yield place, asking.judge(rule, written, ground.engine, known)


def _values(context: Mapping[str, Any]) -> dict[str, float | None] | None:
    """What the cases of a rule over several events compare, by the names that they use."""
    if context.get("kind") == "window":
        return {name: context.get(name) for name in ("metric", "event_count")}
    if context.get("kind") != "baseline":
        return None
    value, mean, deviation = context.get("value"), context.get("mean"), context.get("stddev")
    return {
        "metric": value,
        "event_count": context.get("event_count"),
        "mean": mean,
        "deviations": None if value is None or mean is None else _ratio(value - mean, deviation),
        "history": context.get("windows"),
    }


def _ratio(one: float, other: float | None) -> float | None:
    return one / other if other else None


# ---- the events


def _uids(ground: Ground, alert: Alert, limit: int) -> list[str]:
    """The events that tell most, and then others."""
    kept = [str(event["event_uid"]) for event in alert.evidence]
    others = trail.members(ground.state, alert.id, limit=limit + len(kept))
    distinct = dict.fromkeys([*kept, *map(windows.event_uid, others)])
    return [uid for uid in distinct if not uid.startswith(WINDOW)][:limit]


def _witnesses(ground: Ground, alert: Alert, rule: Rule, uids: Sequence[str]) -> list[Witness]:
    """The events in the order of their times."""
    judges = dict.fromkeys(_judges(ground, rule))
    types = _types([ground.rules.by_name[name] for name in judges])
    files = ledger.archive_files(
        ground.state, org=alert.org, event_types=types, between=_span(alert, rule)
    )
    found = records.find(ground.engine, uids, files=files, root=ground.root)
    witnesses = [witness for each in found for witness in _asked(ground, judges, each)]
    lost = set(uids) - {witness.event["event_uid"] for witness in witnesses}
    for event in alert.evidence:
        if event["event_uid"] in lost:
            kept = _asked(ground, judges, records.kept(event, alert.org))
            witnesses += [replace(witness, archived=False) for witness in kept]
    return sorted(witnesses, key=lambda each: (each.event["time"], each.event["event_uid"]))


def _judges(ground: Ground, rule: Rule) -> Iterator[str]:
    """The names of the rules over events by which an event gets into the alert."""
    if not isinstance(rule.over, Correlation):
        yield rule.name
        return
    for name in rule.over.rules:
        yield from _judges(ground, ground.rules.by_name[name])


def _types(judges: Sequence[Rule]) -> list[str] | None:
    """The stored event types to look into; None for all."""
    if any(not rule.event_types for rule in judges):
        return None
    types = {name for rule in judges for name in rule.event_types}
    derived = [normalize.DERIVED[name] for name in types if name in normalize.DERIVED]
    return sorted(types.union(*(each.sources for each in derived)))


def _span(alert: Alert, rule: Rule) -> tuple[datetime, datetime]:
    """The time in which its events, and what they are made of, can lie."""
    reach = max(each.reach for each in normalize.DERIVED.values())
    window = rule.over.window if isinstance(rule.over, Baseline) else timedelta()
    return alert.first_time - window - reach, alert.last_time + window + reach


def _asked(ground: Ground, judges: Collection[str], found: Records) -> Iterator[Witness]:
    """The events with what each of the rules that look at them says."""
    fits: dict[str, list[Explanation]] = {}
    failures: list[str] = []
    for rule in _looking(ground, judges, found.event_type):
        subject = Subject(
            rule=rule,
            document=ground.rules.documents[rule.name],
            event_type=found.event_type,
            schema=ground.schema,
            lists=ground.rules.lists,
        )
        columns = read.columns(ground.engine, found.relation)
        try:
            said = asking.explain(subject, ground.engine, relation=found.relation, columns=columns)
        except duckdb.Error as error:
            failures.append(f"{rule.name} cannot be run: {reason(error)}")
            continue
        for each in said:
            fits.setdefault(each.event["event_uid"], []).append(each)
    for event in records.events(ground.engine, found.relation):
        own = fits.get(event["event_uid"], [])
        holding = [fit for fit in own if fit.holds]
        yield Witness(event=event, fits=tuple(holding or own), failures=tuple(failures))


def _looking(ground: Ground, judges: Collection[str], event_type: str) -> Iterator[Rule]:
    """Those of the rules that look at events of that type, compiled for it."""
    for rule in ground.rules.for_type(event_type):
        if rule.name in judges and (rule.event_types or event_type not in normalize.DERIVED):
            yield rule
