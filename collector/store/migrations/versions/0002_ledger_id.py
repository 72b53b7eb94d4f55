"""The ledger has an id by which its archive knows it; two columns that nobody read are gone."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create `ledger`, drop `inventory.seen` and `list_entries.since`."""
    op.create_table(
        "ledger",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("uuid", sa.Text, nullable=False),
    )
    op.drop_column("inventory", "seen")
    op.drop_column("list_entries", "since")
