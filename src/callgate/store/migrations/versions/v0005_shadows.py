"""Drafts beside the rules in force, and what they have seen."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_ID = sa.String(36)
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "sip_shadows",
        sa.Column("account_id", _ID, primary_key=True),
        sa.Column("shadow_id", _ID, nullable=False),
        sa.Column("created", _AT, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("until", _AT, nullable=False),
        sa.Column("base_version", sa.Integer, nullable=False),
        sa.Column("changes", sa.JSON, nullable=False),
    )
    op.create_table(
        "sip_shadow_tallies",
        sa.Column("shadow_id", _ID, primary_key=True),
        sa.Column("process_id", _ID, primary_key=True),
        sa.Column("tally", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    """Take them away: nothing in force depends on them."""
    op.drop_table("sip_shadow_tallies")
    op.drop_table("sip_shadows")
