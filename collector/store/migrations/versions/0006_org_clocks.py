"""How far our clock and that of each org are apart is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create `org_clocks`."""
    op.create_table(
        "org_clocks",
        sa.Column("org", sa.Text, primary_key=True),
        sa.Column("skew_micros", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("measured", sa.BigInteger, nullable=False),
    )
