"""The tables of what is known of the archive's soundness, in the same database as all others."""

from __future__ import annotations

import sqlalchemy as sa

from collector.store.tables import MicrosecondTime, metadata

reported_damage = sa.Table(
    "reported_damage",
    metadata,
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since", MicrosecondTime, nullable=False),
    comment="Committed files that somebody found altered, until whoever has the lock has looked.",
)

scrub_progress = sa.Table(
    "scrub",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("reached", MicrosecondTime, nullable=False),
    sa.Column("began", MicrosecondTime, nullable=False),
    sa.Column("finished", MicrosecondTime),
    comment="One row: the path up to which the daemon has read, and until when that will do.",
)

chain_entries = sa.Table(
    "chain",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    comment="What became of the archive's files: each hash is of the one before and its document.",
)
