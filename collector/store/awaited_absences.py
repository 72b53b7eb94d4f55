"""Up to when it is known what has not come, by org and by the rule that waits for it.

A window is judged once it ends no later than that. It moves in the transaction that writes what the
rule found in the windows that have become past by it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from collector.clock import EPOCH, from_micros, to_micros
from collector.store import tables
from collector.store.upsert import build_insert, upsert_row


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceHorizon:
    """Up to when all is known that happened.

    Attributes:
        until: windows that end by then are past.
        unread: by stream (`stored_events/ApiEvent`), up to when it was read, of those that were not
            read up to `until`, although they may bring what is waited for.
        has_begun: whether somebody has asked how far streams were read, since the rule is there;
            before that no window is judged, and `until` is where that begins.
    """

    until: datetime
    unread: Mapping[str, datetime] = field(default_factory=dict)
    has_begun: bool = True

    @property
    def known_until(self) -> datetime:
        """Windows that end by then are judged with every batch."""
        return self.until if self.has_begun else EPOCH


def read_horizons(connection: sa.Connection, org: str) -> dict[str, AbsenceHorizon]:
    """By rule, up to when its windows over the org's events have been judged."""
    table = tables.awaited_absences
    rows = connection.execute(sa.select(table).where(table.c.org == org))
    return {
        row.rule: AbsenceHorizon(
            until=row.until,
            unread={stream: from_micros(micros) for stream, micros in row.unread.items()},
            has_begun=row.begun,
        )
        for row in rows
    }


def save_horizon(connection: sa.Connection, org: str, rule: str, horizon: AbsenceHorizon) -> None:
    """Write up to when a rule's windows have been judged."""
    upsert_row(connection, tables.awaited_absences, _build_row(org, rule, horizon))


def begin_horizon(connection: sa.Connection, org: str, rule: str, horizon: AbsenceHorizon) -> None:
    """Write where the judging of a rule's windows begins, unless it has begun."""
    connection.execute(
        build_insert(connection, tables.awaited_absences).on_conflict_do_nothing(),
        [_build_row(org, rule, horizon)],
    )


def list_rules(connection: sa.Connection) -> set[str]:
    """The rules of which something is kept, of any org."""
    return set(connection.scalars(sa.select(tables.awaited_absences.c.rule).distinct()))


def forget_rules(connection: sa.Connection, rules: Collection[str]) -> None:
    """Delete what is kept of these rules."""
    table = tables.awaited_absences
    connection.execute(sa.delete(table).where(table.c.rule.in_(sorted(rules))))


def _build_row(org: str, rule: str, horizon: AbsenceHorizon) -> dict[str, object]:
    unread = {stream: to_micros(until) for stream, until in sorted(horizon.unread.items())}
    return {
        "org": org,
        "rule": rule,
        "until": horizon.until,
        "unread": unread,
        "begun": horizon.has_begun,
    }
