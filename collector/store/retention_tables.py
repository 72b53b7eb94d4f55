"""The tables of retention, and what keeps each table of the state from growing for ever.

| table | bound |
|---|---|
| `files`, `damaged` | by whole days: `archive`, longer under a hold |
| `members` | with their files; those of query windows 35 days, longer under a hold |
| `retired` | an hour: then the file is deleted, and its row |
| `batches`, `listed` | `ledger_folding` says how long; then a row of `folded` a type and month |
| `folded` | one row for each org, source, event type and month; its `rows` are in compacted files |
| `unfinished` | batches that are being taken in, or wait for a fold; it empties itself |
| `cursors`, `polls`, `coverage` | one row a stream; of `coverage` one more for each outage |
| `inventory` | what the org has now: what it does not list any more is deleted by its source |
| `alerts`, `matches` | `archive.alerts`; what has not arrived, or is under a hold, stays whole, |
| | and so does an episode that goes on: its matches are what it is built of |
| `deliveries` | with their alerts; a digest once none of its alerts is there any more |
| `seen`, `measures` | what a rule's `forget` or `history` reaches from the oldest event kept |
| `learned`, `faults` | one row for each org and rule; `faults` of the rules as they are now |
| `directory_entries` | the newest version of each user, app, report and object; older ones as |
| | long as the archive keeps events |
| `directory_revisions` | one row for each org |
| `awaited_absences` | one row for each org and rule that waits for what does not come |
| `list_entries` | the entries that the lists have now |
| `api_calls` | a day |
| `allowances`, `org_clocks`, `channels`, `rule_files`, `ledger`, `prune_runs` | one row for each |
| `holds` | what people place; a released one is kept, to say who released it and when |

Pages that become free are used again: SQLite's file does not shrink, and does not grow past what it
held once. It could be made to shrink only by rewriting all of it (VACUUM), for which the collector
would have to stand still.

Besides, below the state directory: `quarantine/`, `damaged/` and `strays/` are pruned like the
archive; `spool/` is emptied at every start, and a batch deletes its own; `told.jsonl` is put aside
at 32 MB and the one before it deleted.
"""

from __future__ import annotations

import sqlalchemy as sa

from collector.store.tables import MicrosecondTime, metadata

holds = sa.Table(
    "holds",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("org", sa.Text, nullable=False),
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("start", MicrosecondTime),
    sa.Column("until", MicrosecondTime),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("placed", MicrosecondTime, nullable=False),
    sa.Column("placed_by", sa.Text, nullable=False),
    sa.Column("released", MicrosecondTime),
    sa.Column("released_by", sa.Text, nullable=False, server_default=""),
    sqlite_autoincrement=True,
    comment="What must not be pruned until somebody releases it; an empty text means all.",
)

folded_batches = sa.Table(
    "folded",
    metadata,
    sa.Column("org", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("event_type", sa.Text, primary_key=True),
    sa.Column("month", sa.Text, primary_key=True),
    sa.Column("batches", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("duplicates", sa.BigInteger, nullable=False),
    sa.Column("quarantined", sa.BigInteger, nullable=False),
    sa.Column("bad_records", sa.BigInteger, nullable=False),
    sa.Column("unknown_times", sa.BigInteger, nullable=False),
    sa.Column("lost", sa.BigInteger, nullable=False),
    sa.Column("pruned", sa.BigInteger, nullable=False),
    sa.Column("newest", MicrosecondTime, nullable=False),
    comment="What the ledger held of batches that it holds no more, added up.",
)

prune_runs = sa.Table(
    "prune_runs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("finished", MicrosecondTime, nullable=False),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("held_files", sa.BigInteger, nullable=False),
    sa.Column("alerts", sa.BigInteger, nullable=False),
    sa.Column("batches", sa.BigInteger, nullable=False),
    comment="One row: the last time that the archive and the state were pruned.",
)
