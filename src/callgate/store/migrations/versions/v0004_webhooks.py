"""Webhooks, and the way of each event to each of them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_ID = sa.String(36)
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make them. Events that were kept before anybody could want them are nobody's, and go."""
    op.execute("DELETE FROM outbox")
    op.create_index("outbox_by_call", "outbox", ["call_id"])
    op.create_table(
        "webhooks",
        sa.Column("webhook_id", _ID, primary_key=True),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("agent_id", _ID),
        sa.Column("created", _AT, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("secrets", sa.JSON, nullable=False),
        sa.Column("events", sa.JSON, nullable=False),
        sa.Column("retired", _AT),
        sa.Column("unhealthy", sa.Integer, nullable=False),
        sa.Column("changed", _AT),
        sa.Column("failed_in_row", sa.Integer, nullable=False),
        sa.Column("failures", sa.JSON, nullable=False),
    )
    op.create_index("webhooks_by_account", "webhooks", ["account_id", "created"])
    op.create_table(
        "deliveries",
        sa.Column("event_id", _ID, primary_key=True),
        sa.Column("endpoint", _ID, primary_key=True),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("call_id", _ID, nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("due", _AT, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("tried", _AT),
        sa.Column("failure", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
    )
    op.create_index("deliveries_by_endpoint", "deliveries", ["endpoint", "event_id"])
    where = sa.text("state = 'waiting'")
    op.create_index(
        "deliveries_waiting", "deliveries", ["event_id", "endpoint"], sqlite_where=where, postgresql_where=where
    )


def downgrade() -> None:
    """Take them away; what has not been delivered never will be."""
    op.drop_table("deliveries")
    op.drop_table("webhooks")
    op.drop_index("outbox_by_call", "outbox")
