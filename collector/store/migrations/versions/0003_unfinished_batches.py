"""Large batches are committed in parts, and so are their matches."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create `unfinished`."""
    op.create_table(
        "unfinished",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("segments", sa.Integer, nullable=False),
        sa.Column("unfolded", sa.Boolean, nullable=False),
    )
