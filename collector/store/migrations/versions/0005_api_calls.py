"""API calls are counted by what they were made for, and an org's allowance is remembered."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create `api_calls` and `allowances`; what `spending` holds moves, and the table is gone."""
    op.create_table(
        "api_calls",
        sa.Column("org", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("activity", sa.Text, primary_key=True),
        sa.Column("hour", sa.BigInteger, primary_key=True),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("polls", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "allowances",
        sa.Column("org", sa.Text, primary_key=True),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.Column("max", sa.BigInteger, nullable=False),
        sa.Column("observed", sa.BigInteger, nullable=False),
    )
    # Nobody knows what those calls were made for: they count, but tell no rate.
    op.execute(
        "INSERT INTO api_calls (org, source, activity, hour, calls, polls)"
        " SELECT org, source, 'earlier', hour, calls, 0 FROM spending"
    )
    op.drop_table("spending")
