"""Accounts have limits of their own and can be deleted, throttles, and a count of changes made by other processes."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_AT = sa.DateTime(timezone=True)
_LIMITS = (
    "calls_max",
    "agent_calls_max",
    "requests_per_s",
    "key_requests_per_s",
    "calls_per_s",
    "calls_per_minute",
)


def upgrade() -> None:
    """Add them; the accounts that there are keep to the settings."""
    with op.batch_alter_table("accounts") as table:
        for name in _LIMITS:
            table.add_column(sa.Column(name, sa.Integer))
        table.add_column(sa.Column("deleted", _AT))
    op.create_table(
        "call_throttles",
        sa.Column("throttle_id", sa.String(36), primary_key=True),
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("created", _AT, nullable=False),
        sa.Column("rules", sa.JSON, nullable=False),
    )
    op.create_index("call_throttles_by_account", "call_throttles", ["account_id", "name"], unique=True)
    op.create_table(
        "call_throttle_uses",
        sa.Column("use_id", sa.String(36), primary_key=True),
        sa.Column("throttle_id", sa.String(36), nullable=False),
        sa.Column("at", _AT, nullable=False),
    )
    op.create_index("call_throttle_uses_by_throttle", "call_throttle_uses", ["throttle_id", "at"])
    revisions = op.create_table(
        "configuration_revisions",
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
    )
    op.bulk_insert(revisions, [{"name": "accounts", "number": 0}])


def downgrade() -> None:
    """Take them away; an account that is being deleted must not come to life again, nor its keys."""
    op.execute("DELETE FROM api_keys WHERE account_id IN (SELECT account_id FROM accounts WHERE deleted IS NOT NULL)")
    op.execute("DELETE FROM accounts WHERE deleted IS NOT NULL")
    for name in ("configuration_revisions", "call_throttle_uses", "call_throttles"):
        op.drop_table(name)
    with op.batch_alter_table("accounts") as table:
        for name in (*_LIMITS, "deleted"):
            table.drop_column(name)
