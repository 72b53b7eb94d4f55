"""What few batches have is read from indexes of these alone: status and health look at no other."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

_COUNTS = ("duplicates", "quarantined", "bad_records", "unknown_times", "pruned")


def upgrade() -> None:
    """Create `batches_of_note` and `unusable_batches`; leave `batches_of_type` what they have."""
    group = ["org", "source", "event_type"]
    op.drop_index("batches_of_type", "batches")
    op.create_index("batches_of_type", "batches", [*group, "state", "nominal", "rows"])
    _create_partial_index(
        "batches_of_note", [*group, *_COUNTS], " OR ".join(f"{name} > 0" for name in _COUNTS)
    )
    _create_partial_index(
        "unusable_batches", ["received", "key"], "state IN ('lost', 'quarantined')"
    )


def _create_partial_index(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "batches", columns, sqlite_where=where, postgresql_where=where)
