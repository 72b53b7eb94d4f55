"""The tables of the state database, in one dialect-free form. Times are microseconds UTC."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from collector.clock import from_micros, to_micros
from collector.model import (
    AlertStatus,
    BatchState,
    ChannelState,
    DamageState,
    DeliveryState,
    PollState,
    Severity,
)
from collector.store.damaged_cells import read_cell


class MicrosecondTime(TypeDecorator[datetime]):
    """An aware datetime, kept as microseconds since 1970 so that both databases sort it alike."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002, D102
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002, D102
        return None if value is None else read_cell("time", value, from_micros)


class SeverityRank(TypeDecorator[Severity]):
    """A severity, kept as its rank so that comparisons in SQL are comparisons of severity."""

    impl = sa.SmallInteger
    cache_ok = True

    def process_bind_param(self, value: Severity | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002, D102
        return None if value is None else int(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Severity | None:  # noqa: ARG002, D102
        return None if value is None else read_cell("severity", value, Severity)


class StateText(TypeDecorator[StrEnum]):
    """One of a set of states, kept as its text."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, states: type[StrEnum]) -> None:
        super().__init__()
        self.states = states

    def process_bind_param(self, value: StrEnum | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002, D102
        return None if value is None else self.states(value).value

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> StrEnum | None:  # noqa: ARG002, D102
        return None if value is None else read_cell(self.states.__name__, value, self.states)


def _build_text_keys(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, primary_key=True) for name in names]


def _build_file_columns() -> list[sa.Column[Any]]:
    """What is known of a file of the archive but for its path and batch."""
    return [
        *(sa.Column(name, sa.Text, nullable=False) for name in ("org", "event_type", "date")),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("rows", "bytes")),
        *(sa.Column(name, MicrosecondTime, nullable=False) for name in ("first", "last")),
        sa.Column("sha256", sa.Text, nullable=False, server_default=""),
    ]


metadata = sa.MetaData()

ledger_identity = sa.Table(
    "ledger",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("uuid", sa.Text, nullable=False),
    comment="One row: the id by which the archive knows the database that commits to it.",
)

cursors = sa.Table(
    "cursors",
    metadata,
    *_build_text_keys("org", "source", "stream"),
    sa.Column("time", MicrosecondTime, nullable=False),
    sa.Column("tie", sa.Text, nullable=False),
)

polls = sa.Table(
    "polls",
    metadata,
    *_build_text_keys("org", "source", "stream"),
    sa.Column("state", StateText(PollState), nullable=False),
    sa.Column("since", MicrosecondTime, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("last_attempt", MicrosecondTime, nullable=False),
    sa.Column("last_success", MicrosecondTime),
    comment="How the last poll of each stream went; what is due is computed from it.",
)

COUNTS_OF_NOTE = ("duplicates", "quarantined", "bad_records", "unknown_times", "pruned")
"""The columns of `batches` that are 0 of most of them."""

# Without bound values, from which SQLite could not tell that an index of some rows has them all.
IS_OF_NOTE = sa.text(" OR ".join(f"{name} > 0" for name in COUNTS_OF_NOTE))
IS_UNUSABLE = sa.text(f"state IN ('{BatchState.LOST}', '{BatchState.QUARANTINED}')")

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("org", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("state", StateText(BatchState), nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("duplicates", sa.BigInteger, nullable=False),
    sa.Column("quarantined", sa.Integer, nullable=False),
    sa.Column("bad_records", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("unknown_times", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("pruned", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("nominal", MicrosecondTime, nullable=False),
    sa.Column("received", MicrosecondTime, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Index("batches_of_stream", "org", "source", "stream", "nominal"),
    # All that totals are made of, in the order in which they are grouped: no row is looked up.
    sa.Index("batches_of_type", "org", "source", "event_type", "state", "nominal", "rows"),
    # The migrations make these of the rows alone that they are for: to say so here would load a
    # dialect that is not used.
    sa.Index("batches_of_note", "org", "source", "event_type", *COUNTS_OF_NOTE),
    sa.Index("unusable_batches", "received", "key"),
    comment="The ledger: what was taken in, in which state (stored, quarantined, lost).",
)

unfinished_batches = sa.Table(
    "unfinished",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("segments", sa.Integer, nullable=False),
    sa.Column("unfolded", sa.Boolean, nullable=False),
    comment="Batches in the ledger of which a part is missing, or matches are not in alerts yet.",
)

org_clocks = sa.Table(
    "org_clocks",
    metadata,
    *_build_text_keys("org"),
    sa.Column("skew_micros", sa.BigInteger, nullable=False),
    sa.Column("since", MicrosecondTime, nullable=False),
    sa.Column("measured", MicrosecondTime, nullable=False),
    comment="An org's clock minus ours, when it last changed.",
)

tracked_objects = sa.Table(
    "inventory",
    metadata,
    *_build_text_keys("org", "source", "id"),
    sa.Column("state", sa.JSON, nullable=False),
    comment="Things that come and go (bulk jobs, tokens), as each was when it last changed.",
)

listed_files = sa.Table(
    "listed",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("org", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("nominal", MicrosecondTime, nullable=False),
    sa.Column("created", MicrosecondTime, nullable=False),
    sa.Column("first_listed", MicrosecondTime, nullable=False),
    sa.Column("last_listed", MicrosecondTime, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Index("listed_of_stream", "org", "source", "stream", "nominal"),
    comment="What orgs have listed, by the batch that it is to be; without one it is pending.",
)

coverage = sa.Table(
    "coverage",
    metadata,
    *_build_text_keys("org", "source", "stream"),
    sa.Column("start", MicrosecondTime, primary_key=True),
    sa.Column("until", MicrosecondTime, nullable=False),
    comment="The time that committed windows of a stream cover; what touches is one row.",
)

archive_files = sa.Table(
    "files",
    metadata,
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("batch", sa.Text, sa.ForeignKey("batches.key")),
    *_build_file_columns(),
    sa.Index("files_of_batch", "batch"),
    sa.Index("files_of_type", "org", "event_type", "date"),
    sa.Index("files_by_time", "org", "event_type", "last"),
    comment=(
        "The committed Parquet files of the archive; others do not exist for any reader. One"
        " without `batch` is compacted, and has rows of those in `members`."
    ),
)

file_members = sa.Table(
    "members",
    metadata,
    sa.Column("path", sa.Text, sa.ForeignKey("files.path", ondelete="CASCADE"), primary_key=True),
    sa.Column("batch", sa.Text, sa.ForeignKey("batches.key"), primary_key=True),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Index("members_of_batch", "batch"),
    comment="How many events of which batches a compacted file has.",
)

retired_files = sa.Table(
    "retired",
    metadata,
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("batch", sa.Text),
    *_build_file_columns(),
    sa.Column("since", MicrosecondTime, nullable=False),
    comment="Files that were compacted or pruned; deleted once nobody reads them.",
)

damaged_files = sa.Table(
    "damaged",
    metadata,
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("batch", sa.Text, sa.ForeignKey("batches.key"), primary_key=True),
    *_build_file_columns(),
    sa.Column("state", StateText(DamageState), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since", MicrosecondTime, nullable=False),
    sa.Column("compacted", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("damaged_of_org", "org"),
    comment=(
        "Files that were committed and cannot be read; none of them is in `files` any more. A"
        " compacted one has a row for each batch that it has rows of."
    ),
)

api_calls = sa.Table(
    "api_calls",
    metadata,
    *_build_text_keys("org", "source", "activity"),
    sa.Column("hour", MicrosecondTime, primary_key=True),
    sa.Column("calls", sa.BigInteger, nullable=False),
    sa.Column("polls", sa.BigInteger, nullable=False),
    comment="API calls that we made, by what for and hour, and polls of streams; a day of them.",
)

call_allowances = sa.Table(
    "allowances",
    metadata,
    sa.Column("org", sa.Text, primary_key=True),
    sa.Column("used", sa.BigInteger, nullable=False),
    sa.Column("max", sa.BigInteger, nullable=False),
    sa.Column("observed", MicrosecondTime, nullable=False),
    comment="What each org said last of its API calls in 24 hours.",
)

matches = sa.Table(
    "matches",
    metadata,
    *_build_text_keys("org", "rule", "event_uid"),
    sa.Column("alert_id", sa.Text, nullable=False),
    sa.Column("time", MicrosecondTime, nullable=False),
    sa.Column("severity", SeverityRank, nullable=False),
    sa.Column("weight", sa.Double, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("late_seconds", sa.BigInteger, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("shown", sa.JSON(none_as_null=True)),
    sa.Index("matches_of_alert", "alert_id", "time"),
    sa.Index("matches_of_rule", "org", "rule", "time"),
    comment="Which event belongs to which alert: an event counts once, however often it is seen.",
)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("org", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("key", sa.JSON, nullable=False),
    sa.Column("key_digest", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("severity", SeverityRank, nullable=False),
    sa.Column("status", StateText(AlertStatus), nullable=False),
    sa.Column("first_time", MicrosecondTime, nullable=False),
    sa.Column("last_time", MicrosecondTime, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("late_seconds", sa.BigInteger, nullable=False),
    sa.Column("entities", sa.JSON, nullable=False),
    sa.Column("evidence", sa.JSON, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("attack", sa.JSON, nullable=False),
    sa.Column("triage", sa.Text, nullable=False),
    sa.Column("references", sa.JSON, nullable=False),
    sa.Column("created", MicrosecondTime, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("told_severity", SeverityRank, nullable=False),
    sa.Column("told_count", sa.BigInteger, nullable=False),
    sa.Column("context", sa.JSON, nullable=False),
    sa.Column("merged_into", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("basis", sa.JSON, nullable=False),
    sa.Index("alerts_of_key", "org", "rule", "key_digest", "last_time"),
    sa.Index("alerts_of_rule", "org", "rule", "first_time"),
    sa.Index("alerts_by_creation", "created"),
    sa.Index("alerts_by_time", "last_time"),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("alert_id", sa.Text, sa.ForeignKey("alerts.id")),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("state", StateText(DeliveryState), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("due", MicrosecondTime, nullable=False),
    sa.Column("leased_until", MicrosecondTime),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("reference", sa.Text, nullable=False, server_default=""),
    sa.Column("created", MicrosecondTime, nullable=False),
    sa.Column("finished", MicrosecondTime),
    sa.Column("severity", SeverityRank, nullable=False, server_default="0"),
    sa.Column("refusals", sa.Integer, nullable=False, server_default="0"),
    sa.Column("storm", sa.Text, nullable=False, server_default=""),
    sa.Column("digest", sa.Text, nullable=False, server_default=""),
    sa.Column("instead_of", sa.Text, nullable=False, server_default=""),
    sa.Column("redirected", MicrosecondTime),
    sa.Column("attempted", MicrosecondTime),
    sa.Column("served", sa.JSON, nullable=False, server_default="[]"),
    sa.Index("deliveries_due", "channel", "state", "severity", "due"),
    sa.Index("deliveries_finished", "channel", "finished"),
    sa.Index("deliveries_of_alert", "alert_id"),
    sa.Index("deliveries_of_digest", "digest"),
    sa.Index("deliveries_of_storm", "channel", "storm"),
    comment=(
        "The outbox: ready, leased, digested, sent, refused, superseded. A digest is a delivery of"
        " a storm and no alert; its key stands in `digest` of what it tells. `served` are the"
        " addresses that have a message for which others still wait."
    ),
)

channel_statuses = sa.Table(
    "channels",
    metadata,
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("state", StateText(ChannelState), nullable=False),
    sa.Column("since", MicrosecondTime),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("held_until", MicrosecondTime),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("fingerprint", sa.Text, nullable=False, server_default=""),
    comment="How the last attempt on each channel went, and of which settings that is true.",
)

rule_faults = sa.Table(
    "faults",
    metadata,
    *_build_text_keys("rule", "org"),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("first", MicrosecondTime, nullable=False),
    sa.Column("last", MicrosecondTime, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    comment="Rules that failed while they ran, since they were last changed.",
)

rule_load_status = sa.Table(
    "rule_files",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("changed", MicrosecondTime, nullable=False),
    sa.Column("rules", sa.Integer, nullable=False),
    sa.Column("problems", sa.JSON, nullable=False),
    comment="One row: how loading the rules went last; with problems the set before is at work.",
)

list_entries = sa.Table(
    "list_entries",
    metadata,
    *_build_text_keys("list", "digest"),
    comment="The entries of value lists with which the archive has been matched.",
)

rule_fingerprints = sa.Table(
    "learned",
    metadata,
    *_build_text_keys("org", "kind", "rule"),
    sa.Column("fingerprint", sa.Text, nullable=False),
    comment="Rules that remember the past, and what about it: `seen` or `measures` are of that.",
)

first_seen_runs = sa.Table(
    "seen",
    metadata,
    *_build_text_keys("org", "rule", "key"),
    sa.Column("start", sa.BigInteger, primary_key=True),
    sa.Column("uid", sa.Text, nullable=False),
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.Index("seen_by_time", "last"),
    comment="First-seen rules: the runs of each key (a digest), in microseconds since 1970.",
)

baseline_windows = sa.Table(
    "measures",
    metadata,
    *_build_text_keys("org", "rule", "key"),
    sa.Column("start", sa.BigInteger, primary_key=True),
    sa.Column("value", sa.Double, nullable=False),
    sa.Column("events", sa.BigInteger, nullable=False),
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.Column("received", sa.BigInteger, nullable=False),
    sa.Column("peers", sa.Text),
    sa.Column("told", sa.Boolean, nullable=False),
    sa.Index("measures_by_time", "last"),
    sa.Index("measures_by_peers", "org", "rule", "start", "peers"),  # of those that have peers
    comment="Baselines: each group's windows, in microseconds since 1970; `told` are matches, and"
    " `peers` (a digest) is what groups have in common that are compared with each other.",
)

restorations = sa.Table(
    "restorations",
    metadata,
    sa.Column("restored", MicrosecondTime, primary_key=True, autoincrement=False),
    sa.Column("until", MicrosecondTime, nullable=False),
    comment="When an older state was put back, and when the one that it replaced ended at most.",
)

told_before = sa.Table(
    "told_before",
    metadata,
    *_build_text_keys("alert_id", "channel"),
    sa.Column("telling", sa.JSON, nullable=False),
    comment="What was told of alerts that this state does not know yet, as the journal has it.",
)

directory_entries = sa.Table(
    "directory_entries",
    metadata,
    *_build_text_keys("org", "kind", "id"),
    sa.Column("valid_from", MicrosecondTime, primary_key=True, autoincrement=False),
    sa.Column("noticed", MicrosecondTime, nullable=False),
    sa.Column("values", sa.JSON, nullable=False),
    sa.Column("settled", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("directory_by_settled", "settled", "org"),
    comment="What is known of users, apps, reports and objects, each version from its time on; once"
    " it is `settled`, rules have judged the events of its time by it.",
)

directory_revisions = sa.Table(
    "directory_revisions",
    metadata,
    *_build_text_keys("org"),
    sa.Column("revision", sa.BigInteger, nullable=False),
    comment="How often versions of the directory were settled, by which readers know theirs.",
)

awaited_absences = sa.Table(
    "awaited_absences",
    metadata,
    *_build_text_keys("org", "rule"),
    sa.Column("until", MicrosecondTime, nullable=False),
    sa.Column("unread", sa.JSON, nullable=False),
    sa.Column("begun", sa.Boolean, nullable=False),
    comment="Rules that wait for what does not come: the windows that end by then were judged;"
    " streams that had not been read so far, each with the microseconds up to which it was. Until"
    " it is `begun`, nobody has asked how far the streams were read: no window was judged.",
)
