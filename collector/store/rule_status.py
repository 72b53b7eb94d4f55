"""What is remembered of rules: faults at run time, how loading went, and which entries of lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.model.rules import strip_copy_mark
from collector.store import tables
from collector.store.chunks import split_chunks
from collector.store.upsert import build_insert, upsert_row

_SINGLE_ROW_ID = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFault:
    """A rule that failed in an org: how often, when first and last, and why the last time."""

    rule: str
    org: str
    count: int
    first: datetime
    last: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLoadStatus:
    """How loading the rule files went last.

    `rules` is how many are at work; with `problems`, sentences that begin with file:line:column,
    they are those of the loading before.
    """

    changed: datetime
    rules: int
    problems: tuple[str, ...] = ()


def record_faults(
    connection: sa.Connection, org: str, reasons: Mapping[str, str], *, now: datetime
) -> None:
    """Write down that rules failed just now, with the reason of each; copies as their rules."""
    table = tables.rule_faults
    for rule, reason in {strip_copy_mark(name): each for name, each in reasons.items()}.items():
        insert = build_insert(connection, table).values(
            rule=rule, org=org, count=1, first=now, last=now, reason=reason
        )
        updates = {"count": table.c.count + 1, "last": now, "reason": reason}
        connection.execute(
            insert.on_conflict_do_update(index_elements=["rule", "org"], set_=updates)
        )


def list_faults(connection: sa.Connection) -> list[RuleFault]:
    """All that failed since the rules were last loaded, by name."""
    table = tables.rule_faults
    query = sa.select(table).order_by(table.c.rule, table.c.org)
    return [RuleFault(**row._asdict()) for row in connection.execute(query)]


def save_load_status(connection: sa.Connection, status: RuleLoadStatus) -> None:
    """Write how loading went. Where it succeeded, the faults of rules are deleted."""
    if not status.problems:
        connection.execute(sa.delete(tables.rule_faults))
    values = {
        "id": _SINGLE_ROW_ID,
        "changed": status.changed,
        "rules": status.rules,
        "problems": list(status.problems),
    }
    upsert_row(connection, tables.rule_load_status, values)


def read_load_status(connection: sa.Connection) -> RuleLoadStatus | None:
    """How loading went last; None before the first time."""
    row = connection.execute(sa.select(tables.rule_load_status)).first()
    if row is None:
        return None
    return RuleLoadStatus(changed=row.changed, rules=row.rules, problems=tuple(row.problems))


def read_matched_entries(connection: sa.Connection) -> dict[str, frozenset[str]]:
    """By list, the digests of the entries with which the archive has been matched."""
    digests_by_list: dict[str, set[str]] = {}
    for row in connection.execute(sa.select(tables.list_entries)):
        digests_by_list.setdefault(row.list, set()).add(row.digest)
    return {name: frozenset(digests) for name, digests in digests_by_list.items()}


def save_matched_entries(connection: sa.Connection, name: str, digests: Iterable[str]) -> None:
    """Record that the archive has been matched with exactly these entries of a list."""
    table = tables.list_entries
    wanted = frozenset(digests)
    stored = read_matched_entries(connection).get(name, frozenset())
    for chunk in split_chunks(sorted(stored - wanted)):
        connection.execute(sa.delete(table).where(table.c.list == name, table.c.digest.in_(chunk)))
    rows = [{"list": name, "digest": digest} for digest in sorted(wanted - stored)]
    if rows:
        connection.execute(sa.insert(table), rows)
