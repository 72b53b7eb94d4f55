"""Messages leave by severity and as digests; what is refused is tried again; channels are held."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add to `deliveries` what decides on their order, and create `channels`."""
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.alter_column("alert_id", existing_type=sa.Text, nullable=True)
        deliveries.add_column(
            sa.Column("severity", sa.SmallInteger, nullable=False, server_default="0")
        )
        deliveries.add_column(sa.Column("refusals", sa.Integer, nullable=False, server_default="0"))
        for name in ("storm", "digest", "instead_of"):
            deliveries.add_column(sa.Column(name, sa.Text, nullable=False, server_default=""))
        for name in ("redirected", "attempted"):
            deliveries.add_column(sa.Column(name, sa.BigInteger))
    op.drop_index("deliveries_due", "deliveries")
    op.create_index("deliveries_due", "deliveries", ["channel", "state", "severity", "due"])
    op.create_index("deliveries_finished", "deliveries", ["channel", "finished"])
    op.create_index("deliveries_of_alert", "deliveries", ["alert_id"])
    op.create_index("deliveries_of_digest", "deliveries", ["digest"])
    op.create_index("deliveries_of_storm", "deliveries", ["channel", "storm"])
    op.execute(
        "UPDATE deliveries SET severity = COALESCE("
        "(SELECT severity FROM alerts WHERE alerts.id = deliveries.alert_id), 0)"
    )
    # From now on it is tried again, so what a later message has said is not to follow it.
    op.execute(
        "UPDATE deliveries SET state = 'superseded' WHERE state = 'refused' AND EXISTS ("
        "SELECT 1 FROM deliveries newer WHERE newer.alert_id = deliveries.alert_id"
        " AND newer.channel = deliveries.channel AND newer.revision > deliveries.revision)"
    )
    op.create_table(
        "channels",
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("held_until", sa.BigInteger),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("fingerprint", sa.Text, nullable=False, server_default=""),
    )
