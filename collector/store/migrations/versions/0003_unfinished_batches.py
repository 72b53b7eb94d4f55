"""Large batches are committed in parts, and so are their matches; floods are counted."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create `unfinished`, and the index `alerts_of_rule`."""
    op.create_table(
        "unfinished",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("segments", sa.Integer, nullable=False),
        sa.Column("unfolded", sa.Boolean, nullable=False),
    )
    op.create_index("alerts_of_rule", "alerts", ["org", "rule", "first_time"])
