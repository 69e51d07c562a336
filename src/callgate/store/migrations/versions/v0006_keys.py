"""API keys that end, that only read, and when each was last used."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the columns; the keys that there are go on as they were."""
    with op.batch_alter_table("api_keys") as table:
        table.add_column(sa.Column("creator", sa.String(8)))
        table.add_column(sa.Column("expires", _AT))
        table.add_column(sa.Column("revoked", sa.Boolean, nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("read_only", sa.Boolean, nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("last_used", _AT))


def downgrade() -> None:
    """Take them away, and with them the keys that would be good for more than they were."""
    op.execute("DELETE FROM api_keys WHERE revoked OR read_only OR expires IS NOT NULL")
    with op.batch_alter_table("api_keys") as table:
        for name in ("creator", "expires", "revoked", "read_only", "last_used"):
            table.drop_column(name)
