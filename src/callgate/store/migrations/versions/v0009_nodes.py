"""Several nodes on one database: which there are, whose a call and a delivery is, what has changed."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_ID = sa.String(36)


def upgrade() -> None:
    """Make them; what there is belongs to no node that lives."""
    op.create_table(
        "nodes",
        sa.Column("node_id", _ID, primary_key=True),
        sa.Column("name", _ID, nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("written", sa.BigInteger, nullable=False),
    )
    op.create_index("nodes_by_name", "nodes", ["name"])
    revisions = op.create_table(
        "account_revisions",
        sa.Column("account_id", _ID, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(revisions, [{"account_id": "", "revision": 0}])
    op.add_column("calls", sa.Column("node_id", _ID))
    op.add_column("deliveries", sa.Column("node_id", _ID))


def downgrade() -> None:
    """Take them away: there is one node again, which takes everything for its own."""
    op.drop_column("deliveries", "node_id")
    op.drop_column("calls", "node_id")
    op.drop_table("account_revisions")
    op.drop_table("nodes")
