"""Totals of the ledger, and the newest alerts, are read from an index each."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Create the two indexes."""
    group = ["org", "source", "event_type", "state", "nominal"]
    counts = ["rows", "duplicates", "quarantined", "bad_records", "unknown_times", "pruned"]
    op.create_index("batches_of_type", "batches", [*group, *counts])
    op.create_index("alerts_by_time", "alerts", ["last_time"])
