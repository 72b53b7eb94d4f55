"""The outbox remembers which recipients have a message for which others still wait."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add `deliveries.served`, empty for what waited before."""
    served = sa.Column("served", sa.JSON, nullable=False, server_default="[]")
    op.add_column("deliveries", served)
