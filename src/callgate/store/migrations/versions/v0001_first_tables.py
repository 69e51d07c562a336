"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.String(36)
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "accounts",
        sa.Column("account_id", _ID, primary_key=True),
        sa.Column("slug", sa.String(63), nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created", _AT, nullable=False),
    )
    op.create_table(
        "api_keys",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("prefix", sa.String(8), nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created", _AT, nullable=False),
    )
    op.create_table(
        "sip_config_versions",
        sa.Column("account_id", _ID, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("created", _AT, nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("config", sa.JSON, nullable=False),
        sa.Column("difference", sa.JSON, nullable=False),
    )
    op.create_table(
        "agents",
        sa.Column("agent_id", _ID, primary_key=True),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created", _AT, nullable=False),
        sa.Column("published_revision_id", _ID),
        sa.Column("call_template", sa.JSON),
        sa.Column("deleted", _AT),
    )
    op.create_index("agents_by_account", "agents", ["account_id", "created"])
    op.create_table(
        "calls",
        sa.Column("call_id", _ID, primary_key=True),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("agent_id", _ID),
        sa.Column("agent_name", sa.Text),
        sa.Column("stage_id", _ID, nullable=False),
        sa.Column("created", _AT, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("metadata", sa.JSON, nullable=False),
        sa.Column("request_context", sa.JSON, nullable=False),
        sa.Column("decision_id", _ID),
        sa.Column("sip", sa.JSON, nullable=False),
        sa.Column("joined", _AT),
        sa.Column("ended", _AT),
        sa.Column("duration_s", sa.Float),
        sa.Column("end_reason", sa.String(32)),
        sa.Column("outcome", sa.String(64)),
        sa.Column("outcome_detail", sa.Text, nullable=False),
    )
    op.create_index("calls_by_account", "calls", ["account_id", "created"])
    op.create_index("calls_by_agent", "calls", ["agent_id", "created"])
    op.create_index("calls_open", "calls", ["ended"])
    op.create_table(
        "deleted_calls",
        sa.Column("call_id", _ID, primary_key=True),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("deleted", _AT, nullable=False),
    )
    op.create_table(
        "messages",
        sa.Column("call_id", _ID, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("role", sa.String(40), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("medium", sa.String(40), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("start_s", sa.Float),
        sa.Column("end_s", sa.Float),
    )
    op.create_table(
        "call_events",
        sa.Column("event_number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("call_id", _ID, nullable=False),
        sa.Column("stage_id", _ID, nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("offset_s", sa.Float, nullable=False),
        sa.Column("severity", sa.String(8), nullable=False),
        sa.Column("type", sa.String(50), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("extras", sa.JSON, nullable=False),
    )
    op.create_index("call_events_by_call", "call_events", ["call_id", "event_number"])
    op.create_table(
        "decisions",
        sa.Column("decision_id", _ID, primary_key=True),
        sa.Column("account_id", _ID),
        sa.Column("stranger", sa.Integer, nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("source_address", sa.String(45), nullable=False),
        sa.Column("source_port", sa.Integer, nullable=False),
        sa.Column("transport", sa.String(8), nullable=False),
        sa.Column("to_uri", sa.Text, nullable=False),
        sa.Column("request_uri", sa.Text, nullable=False),
        sa.Column("from_uri", sa.Text),
        sa.Column("sip_call_id", sa.Text, nullable=False),
        sa.Column("verdict", sa.String(8), nullable=False),
        sa.Column("outcome", sa.String(64)),
        sa.Column("status", sa.Integer),
        sa.Column("agent_id", _ID),
        sa.Column("call_id", _ID),
        sa.Column("config_version", sa.Integer),
        sa.Column("matched", sa.String(16)),
        sa.Column("trace", sa.JSON, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("attempt", sa.JSON, nullable=False),
    )
    op.create_index("decisions_by_account", "decisions", ["account_id", "decision_id"])
    op.create_index("decisions_by_kind", "decisions", ["stranger", "decision_id"])
    op.create_index("decisions_by_time", "decisions", ["at"])
    op.create_table(
        "outbox",
        sa.Column("event_id", _ID, primary_key=True),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("call_id", _ID, nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    """Take them away, and everything with them."""
    for name in (
        "outbox",
        "decisions",
        "call_events",
        "messages",
        "deleted_calls",
        "calls",
        "agents",
        "sip_config_versions",
        "api_keys",
        "accounts",
    ):
        op.drop_table(name)
