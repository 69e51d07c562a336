"""Calls that clients join without a phone."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Where such a call is joined."""
    op.add_column("calls", sa.Column("join_url", sa.Text))


def downgrade() -> None:
    """Forget it."""
    op.drop_column("calls", "join_url")
