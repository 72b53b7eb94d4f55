"""What state and configuration say of each org, from which the coverage of rules is computed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from collector.rules.coverage import OrgView
from collector.settings import Settings
from collector.store import ledger
from collector.store.ledger import PollStatus
from collector.store.ledger_totals import LedgerTotal


def list_org_views(
    settings: Settings, polls: Sequence[PollStatus], totals: Sequence[LedgerTotal]
) -> list[OrgView]:
    """A view of each org of the configuration, in its order."""
    return [
        OrgView(
            org=org.name,
            polls=[poll for poll in polls if poll.stream.org == org.name],
            seen_types={
                total.event_type for total in totals if total.org == org.name and total.rows
            },
            sources=org.sources,
        )
        for org in settings.orgs
    ]


def list_current_polls(connection: sa.Connection, settings: Settings) -> list[PollStatus]:
    """How the last poll of every stream of the configuration's orgs went.

    The failures of a whole source that it has recovered from since are left out.
    """
    polls = [
        poll
        for org in settings.orgs
        for poll in ledger.list_poll_statuses(connection, org=org.name)
    ]
    newest: dict[tuple[str, str], datetime] = {}
    for poll in polls:
        source = (poll.stream.org, poll.stream.source)
        newest[source] = max(poll.last_attempt, newest.get(source, poll.last_attempt))
    return [
        poll
        for poll in polls
        if poll.stream.name != "*"
        or poll.last_attempt == newest[poll.stream.org, poll.stream.source]
    ]
