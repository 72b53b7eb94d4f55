"""Files of the archive that cannot be read have a table of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create `damaged`."""
    op.create_table(
        "damaged",
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("batch", sa.Text, sa.ForeignKey("batches.key"), nullable=False),
        sa.Column("org", sa.Text, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("date", sa.Text, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
    )
    op.create_index("damaged_of_org", "damaged", ["org"])
