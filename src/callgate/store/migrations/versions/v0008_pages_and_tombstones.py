"""Lists that are read from a row on, what stays of a deleted call, calls that delete themselves, the SIP of calls."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_ID = sa.String(36)
_AT = sa.DateTime(timezone=True)
_ALWAYS = {"verdict": "verdict", "source": "source_address"}
_SOMETIMES = {"outcome": "outcome", "agent": "agent_id", "call": "call_id"}


def upgrade() -> None:
    """Add them. Of calls that were deleted before, nothing is known but when."""
    op.drop_index("decisions_by_account", "decisions")
    op.create_index("decisions_by_account", "decisions", ["account_id", "at"])
    for name, column in _ALWAYS.items():
        op.create_index(f"decisions_by_{name}", "decisions", ["account_id", column, "at"])
    for name, column in _SOMETIMES.items():
        where = sa.text(f"{column} IS NOT NULL")
        columns = ["account_id", column, "at"]
        op.create_index(f"decisions_by_{name}", "decisions", columns, sqlite_where=where, postgresql_where=where)
    with op.batch_alter_table("calls") as table:
        table.add_column(sa.Column("auto_delete", sa.Boolean, nullable=False, server_default=sa.false()))
    where = sa.text("auto_delete")
    op.create_index("calls_to_delete", "calls", ["ended"], sqlite_where=where, postgresql_where=where)
    with op.batch_alter_table("deleted_calls") as table:
        table.add_column(sa.Column("created", _AT))
        table.add_column(sa.Column("joined", _AT))
        table.add_column(sa.Column("ended", _AT))
        table.add_column(sa.Column("duration_s", sa.Float))
        table.add_column(sa.Column("end_reason", sa.String(32)))
        table.add_column(sa.Column("agent_id", _ID))
        table.add_column(sa.Column("agent_name", sa.Text))
        table.add_column(sa.Column("voice", sa.Text))
        table.add_column(sa.Column("max_duration", sa.Text))
        table.add_column(sa.Column("recording_enabled", sa.Boolean))
    op.execute("UPDATE deleted_calls SET created = deleted, max_duration = '3600s', recording_enabled = false")
    with op.batch_alter_table("deleted_calls") as table:
        table.alter_column("created", existing_type=_AT, nullable=False)
        table.alter_column("max_duration", existing_type=sa.Text, nullable=False)
        table.alter_column("recording_enabled", existing_type=sa.Boolean, nullable=False)
    op.create_index("deleted_calls_by_account", "deleted_calls", ["account_id", "deleted"])
    op.create_table(
        "sip_logs",
        sa.Column("call_id", _ID, primary_key=True),
        sa.Column("begun", _AT, primary_key=True),
        sa.Column("text", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Take them away; calls that were to delete themselves stay."""
    op.drop_table("sip_logs")
    op.drop_index("deleted_calls_by_account", "deleted_calls")
    with op.batch_alter_table("deleted_calls") as table:
        for name in (
            "created",
            "joined",
            "ended",
            "duration_s",
            "end_reason",
            "agent_id",
            "agent_name",
            "voice",
            "max_duration",
            "recording_enabled",
        ):
            table.drop_column(name)
    op.drop_index("calls_to_delete", "calls")
    with op.batch_alter_table("calls") as table:
        table.drop_column("auto_delete")
    for name in (*_ALWAYS, *_SOMETIMES):
        op.drop_index(f"decisions_by_{name}", "decisions")
    op.drop_index("decisions_by_account", "decisions")
    op.create_index("decisions_by_account", "decisions", ["account_id", "decision_id"])
