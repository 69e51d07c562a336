"""Tools that accounts keep, the stages of calls, and what messages say of both."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ID = sa.String(36)
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make them; what was said before was said in its call's only stage."""
    op.create_table(
        "tools",
        sa.Column("tool_id", _ID, primary_key=True),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created", _AT, nullable=False),
        sa.Column("definition", sa.JSON, nullable=False),
    )
    op.create_index("tools_by_account", "tools", ["account_id", "name"], unique=True)
    op.create_table(
        "call_stages",
        sa.Column("call_id", _ID, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("stage_id", _ID, nullable=False),
        sa.Column("created", _AT, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
    )
    with op.batch_alter_table("messages") as messages:
        messages.add_column(sa.Column("stage_id", _ID))
        messages.add_column(sa.Column("stage_position", sa.Integer))
        messages.add_column(sa.Column("tool_name", sa.Text))
        messages.add_column(sa.Column("invocation_id", sa.Text))
        messages.add_column(sa.Column("tool_id", _ID))
        messages.add_column(sa.Column("tool_error", sa.Text))
        messages.add_column(sa.Column("call_state", sa.JSON))
    op.execute(
        "UPDATE messages SET stage_position = position, stage_id = coalesce("
        "(SELECT calls.stage_id FROM calls WHERE calls.call_id = messages.call_id), messages.call_id)"
    )
    with op.batch_alter_table("messages") as messages:
        messages.alter_column("stage_id", existing_type=_ID, nullable=False)
        messages.alter_column("stage_position", existing_type=sa.Integer, nullable=False)
    where = sa.text("tool_id IS NOT NULL")
    op.create_index("messages_by_tool", "messages", ["tool_id"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Take them away: a call is in its first stage again, with the tools that it had in it."""
    op.execute(
        "UPDATE calls SET (stage_id, settings) = (SELECT first.stage_id, first.settings FROM call_stages AS first"
        " WHERE first.call_id = calls.call_id AND first.position = 0)"
        " WHERE call_id IN (SELECT call_id FROM call_stages WHERE position = 0)"
    )
    op.drop_index("messages_by_tool", "messages")
    with op.batch_alter_table("messages") as messages:
        for name in (
            "stage_id",
            "stage_position",
            "tool_name",
            "invocation_id",
            "tool_id",
            "tool_error",
            "call_state",
        ):
            messages.drop_column(name)
    op.drop_table("call_stages")
    op.drop_table("tools")
