"""Settles versions of the directory: the events of their time are judged again, by all rules.

A version comes to light after events that it holds for. What rules have made of these is put right
in the transaction that settles the version; until then rules do not see it. So whoever dies in
between has settled nothing, and begins again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import duckdb

from collector.directory.fields import ENTRY_KINDS, EntryKind
from collector.evaluation import directory_changes
from collector.evaluation.directory_changes import EntryChange
from collector.evaluation.event_directory import DirectoryState, EventDirectory
from collector.evaluation.rejudged_events import RejudgedEvents
from collector.evaluation.result import EvaluationResult
from collector.evaluation.temp_tables import open_temp_tables
from collector.ingest.ingest_context import ActiveRules, IngestContext
from collector.ingest.rejudged_rules import RejudgedRules, choose_rules
from collector.logs import log
from collector.model import Alert
from collector.sources.spec import Lane
from collector.store import settled_directory
from collector.store.settled_directory import DirectoryVersion, EntryKey

ENTRIES_PER_TURN = 5_000
"""So many entries are settled together, while nobody else commits."""

FEW_ENTRIES = 500
"""So many are settled by whoever has read them, before something else is asked of the org."""

REASON = "What the directory says of a user, app, report or object of that time has changed."


def settle_directories(context: IngestContext) -> list[Alert]:
    """Settle what is stored of all orgs' directories. Returns the alerts that were enqueued.

    Raises:
        StoppedError: we were asked to end; what was settled stays so.
    """
    with context.database.read() as connection:
        orgs = settled_directory.list_unsettled_orgs(connection)
    return [alert for org in orgs for alert in _settle_org(context, org)]


def settle_few_entries(context: IngestContext, org: str) -> list[Alert]:
    """Settle what is stored of an org's directory, where it is little.

    So events that are read next have the names. Of a whole sweep, which may take minutes, nothing
    is settled here. Returns the alerts that were enqueued.

    Raises:
        StoppedError: we were asked to end; what was settled stays so.
    """
    with context.database.read() as connection:
        keys = settled_directory.list_unsettled_keys(connection, org, limit=FEW_ENTRIES + 1)
    return list(_settle_org(context, org)) if len(keys) <= FEW_ENTRIES else []


def _settle_org(context: IngestContext, org: str) -> Iterator[Alert]:
    while True:
        context.raise_if_stopped()
        with context.state_turns.take_turn(Lane.BULK):
            with context.database.read() as connection:
                keys = settled_directory.list_unsettled_keys(
                    connection, org, limit=ENTRIES_PER_TURN
                )
                versions = settled_directory.read_versions(connection, org, keys)
            if not keys:
                return
            yield from _settle_entries(context, org, versions)


def _settle_entries(
    context: IngestContext, org: str, versions: Mapping[EntryKey, Sequence[DirectoryVersion]]
) -> list[Alert]:
    """Settle all versions of some entries. Returns the alerts that were enqueued."""
    former = context.directories.read_state(org)
    following = context.directories.extend_state(former, _group_by_kind(versions))
    changes = list(chain.from_iterable(map(directory_changes.find_changes, versions.values())))
    active_rules = context.active_rules
    settlement = _Settlement(
        context=context,
        org=org,
        active_rules=active_rules,
        former=former,
        following=following,
        changes=changes,
    )
    (notified, result), failures = context.guard.evaluate(
        settlement.judge_events, lambda: context.take_failures(active_rules)
    )
    unsettled = [each for of_entry in versions.values() for each in of_entry if not each.settled]
    with context.database.begin() as connection:
        notified += context.commit_result(connection, result, active_rules.rules)
        revision = settled_directory.settle_versions(connection, org, unsettled)
    context.directories.keep_state(org, replace(following, revision=revision))
    context.record_failures(org, failures)
    log.info("directory_settled", org=org, versions=len(unsettled), alerts=len(notified))
    return notified


def _group_by_kind(
    versions: Mapping[EntryKey, Sequence[DirectoryVersion]],
) -> dict[EntryKind, list[DirectoryVersion]]:
    """The versions of each kind, those of an entry one after the other."""
    grouped = {
        kind: [each for key, of_entry in versions.items() if key[0] == kind for each in of_entry]
        for kind in ENTRY_KINDS
    }
    return {kind: of_kind for kind, of_kind in grouped.items() if of_kind}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settlement:
    """One turn: the directory as it was and as it is, and what of it differs."""

    context: IngestContext
    org: str
    active_rules: ActiveRules
    former: DirectoryState
    following: DirectoryState
    changes: Sequence[EntryChange]

    def judge_events(self) -> tuple[list[Alert], EvaluationResult]:
        """Judge all events again that the changes are about.

        Returns the alerts that were enqueued for parts of the matches, and the rest of the result.
        To fold the same matches again changes nothing.
        """
        notified: list[Alert] = []
        rest = EvaluationResult()
        with self.context.cursors.open_cursor() as cursor:
            previous = self.context.committed.build_match_lookup(self.org)
            for chosen in choose_rules(self.active_rules.rules, self.changes, previous):
                for result in self._judge_rules(cursor, chosen):
                    self.context.raise_if_stopped()
                    if result.state_changes or result.withdrawals:
                        rest = rest.merge_with(result)
                    else:
                        notified += self._commit_matches(result)
        withdrawals = [replace(each, reason=REASON) for each in rest.withdrawals]
        return notified, replace(rest, withdrawals=withdrawals)

    def _judge_rules(
        self, cursor: duckdb.DuckDBPyConnection, chosen: RejudgedRules
    ) -> Iterator[EvaluationResult]:
        committed = self.context.committed
        views = committed.build_event_views(self.org, cursor)
        with open_temp_tables(cursor) as tables:
            uids_table = chosen.create_uids_table(tables)
            rejudged = RejudgedEvents(
                event_types=chosen.list_types(views.list_logged_types()),
                span=directory_changes.compute_changed_span(chosen.changes),
                former_directory=EventDirectory(load_state=lambda: self.former),
                changes_table=directory_changes.create_changes_table(tables, chosen.changes),
                uids_table=uids_table,
            )
            events = replace(
                views,
                directory=EventDirectory(load_state=lambda: self.following),
                rejudged=rejudged,
            )
            yield from self.active_rules.evaluator.rejudge_events(
                events, chosen.names, committed.build_match_lookup(self.org)
            )

    def _commit_matches(self, result: EvaluationResult) -> list[Alert]:
        if not result.matches:
            return []
        with self.context.database.begin() as connection:
            return self.context.commit_result(connection, result, self.active_rules.rules)
