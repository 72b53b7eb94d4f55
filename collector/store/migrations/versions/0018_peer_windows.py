"""What groups have in common that a baseline compares with each other."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add `peers` to the windows, NULL for all, and an index of those that have some."""
    op.add_column("measures", sa.Column("peers", sa.Text))
    condition = sa.text("peers IS NOT NULL")
    op.create_index(
        "measures_by_peers",
        "measures",
        ["org", "rule", "start", "peers"],
        sqlite_where=condition,
        postgresql_where=condition,
    )
