"""Up to when it is known that something which a rule waits for has not come."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Create `awaited_absences`."""
    op.create_table(
        "awaited_absences",
        sa.Column("org", sa.Text, primary_key=True),
        sa.Column("rule", sa.Text, primary_key=True),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("unread", sa.JSON, nullable=False),
        sa.Column("begun", sa.Boolean, nullable=False),
    )
