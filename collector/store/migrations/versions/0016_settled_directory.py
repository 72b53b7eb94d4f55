"""Which versions of the directory the events of their time have been judged by."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add `settled` to the entries, false for all, and create `directory_revisions`."""
    op.add_column(
        "directory_entries",
        sa.Column("settled", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.create_index("directory_by_settled", "directory_entries", ["settled", "org"])
    op.create_table(
        "directory_revisions",
        sa.Column("org", sa.Text, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
