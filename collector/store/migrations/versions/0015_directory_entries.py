"""What an org's ids stand for: its users, apps, reports and objects, in versions."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Create `directory_entries`."""
    op.create_table(
        "directory_entries",
        *(sa.Column(name, sa.Text, primary_key=True) for name in ("org", "kind", "id")),
        sa.Column("valid_from", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("noticed", sa.BigInteger, nullable=False),
        sa.Column("values", sa.JSON, nullable=False),
    )
