"""What was told after the backup that this state was restored from has tables of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Create `restorations` and `told_before`."""
    op.create_table(
        "restorations",
        sa.Column("restored", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "told_before",
        sa.Column("alert_id", sa.Text, primary_key=True),
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("telling", sa.JSON, nullable=False),
    )
