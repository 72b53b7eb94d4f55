"""The ledger counts the records of a batch that could not be read, and those of unknown time."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add `batches.bad_records` and `batches.unknown_times`, 0 for what was stored before."""
    for name in ("bad_records", "unknown_times"):
        op.add_column("batches", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
