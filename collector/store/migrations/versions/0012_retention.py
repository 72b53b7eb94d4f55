"""Retention: holds, and totals of batches that are gone."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_TOTALS = (
    "batches",
    "rows",
    "duplicates",
    "quarantined",
    "bad_records",
    "unknown_times",
    "lost",
    "pruned",
)
_RUN_COUNTS = ("files", "rows", "bytes", "held_files", "alerts", "batches")


def upgrade() -> None:
    """Create `holds`, `folded`, `prune_runs`, `batches.pruned` and an index."""
    op.create_table(
        "holds",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("org", sa.Text, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("start", sa.BigInteger),
        sa.Column("until", sa.BigInteger),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("placed", sa.BigInteger, nullable=False),
        sa.Column("placed_by", sa.Text, nullable=False),
        sa.Column("released", sa.BigInteger),
        sa.Column("released_by", sa.Text, nullable=False, server_default=""),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "folded",
        *(
            sa.Column(name, sa.Text, primary_key=True)
            for name in ("org", "source", "event_type", "month")
        ),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in (*_TOTALS, "newest")),
    )
    op.create_table(
        "prune_runs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("finished", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _RUN_COUNTS),
    )
    op.create_index("files_of_batch", "files", ["batch"])
    op.add_column("batches", sa.Column("pruned", sa.BigInteger, nullable=False, server_default="0"))
