"""Small files become large ones, which have rows of many batches."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Let a file be of no one batch; create `members` and `retired`."""
    with op.batch_alter_table("files") as files:
        files.alter_column("batch", existing_type=sa.Text, nullable=True)
    op.create_table(
        "members",
        sa.Column(
            "path", sa.Text, sa.ForeignKey("files.path", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("batch", sa.Text, sa.ForeignKey("batches.key"), primary_key=True),
        sa.Column("rows", sa.BigInteger, nullable=False),
    )
    op.create_index("members_of_batch", "members", ["batch"])
    op.create_table(
        "retired",
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("batch", sa.Text),
        sa.Column("org", sa.Text, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("date", sa.Text, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False, server_default=""),
        sa.Column("since", sa.BigInteger, nullable=False),
    )
    _key_damaged_by_batch()


def _key_damaged_by_batch() -> None:
    """Let a file be in `damaged` once for each batch: no database changes a primary key alike."""
    names = (
        "path, batch, org, event_type, date, rows, bytes, first, last, state, reason, since, sha256"
    )
    op.create_table(
        "damaged_by_batch",
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("batch", sa.Text, sa.ForeignKey("batches.key"), primary_key=True),
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
        sa.Column("sha256", sa.Text, nullable=False, server_default=""),
        sa.Column("compacted", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    columns = ", ".join(f'"{name}"' for name in names.split(", "))
    op.execute(f"INSERT INTO damaged_by_batch ({columns}) SELECT {columns} FROM damaged")
    op.drop_table("damaged")
    op.rename_table("damaged_by_batch", "damaged")
    op.create_index("damaged_of_org", "damaged", ["org"])
