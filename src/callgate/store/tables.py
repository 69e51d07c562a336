"""The tables, in types that SQLite and PostgreSQL share. `migrations/` makes them; a test holds the two together."""

import zlib
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
    text,
)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC times, also where the database keeps no zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Write in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Read as UTC."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Compressed(TypeDecorator[bytes]):
    """Text of some kilobytes; what is like it in SIP takes a third. Done by whoever writes, beside the event loop."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """Compress."""
        if value is None:
            return None
        compressor = zlib.compressobj(_FAST, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
        return compressor.compress(value) + compressor.flush()

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """Decompress."""
        return None if value is None else zlib.decompress(value)


# Some 10 µs for a usual call. A larger window would find no more in it, and more memory would have to be had each time.
_FAST: Final = 1
_WINDOW_BITS: Final = 12
_MEMORY_LEVEL: Final = 5


def _where_there_is_one(name: str, index: str, *columns: str) -> Index:
    """An index of the rows whose column `name` is not null."""
    there = text(f"{name} IS NOT NULL")
    return Index(index, *columns, sqlite_where=there, postgresql_where=there)


metadata = MetaData()

accounts = Table(
    "accounts",
    metadata,
    Column("account_id", String(36), primary_key=True),
    Column("slug", String(63), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("calls_max", Integer),  # this and those below: of `entities.account.AccountLimits`
    Column("agent_calls_max", Integer),
    Column("requests_per_s", Integer),
    Column("key_requests_per_s", Integer),
    Column("calls_per_s", Integer),
    Column("calls_per_minute", Integer),
    Column("deleted", UtcDateTime),  # what is left of it is being removed
)

configuration_revisions = Table(  # a count of what other processes have changed, so that a node can notice
    "configuration_revisions",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("number", Integer, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("prefix", String(8), nullable=False),
    Column("account_id", String(36), nullable=False),
    Column("name", Text, nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("creator", String(8)),
    Column("expires", UtcDateTime),
    Column("revoked", Boolean, nullable=False, server_default=false()),
    Column("read_only", Boolean, nullable=False, server_default=false()),
    Column("last_used", UtcDateTime),
)

sip_config_versions = Table(
    "sip_config_versions",
    metadata,
    Column("account_id", String(36), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("created", UtcDateTime, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("config", JSON, nullable=False),
    Column("difference", JSON, nullable=False),
)

sip_shadows = Table(
    "sip_shadows",
    metadata,
    Column("account_id", String(36), primary_key=True),
    Column("shadow_id", String(36), nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Column("base_version", Integer, nullable=False),
    Column("changes", JSON, nullable=False),
)

sip_shadow_tallies = Table(
    "sip_shadow_tallies",
    metadata,
    Column("shadow_id", String(36), primary_key=True),
    Column("process_id", String(36), primary_key=True),
    Column("tally", JSON, nullable=False),
)

agents = Table(
    "agents",
    metadata,
    Column("agent_id", String(36), primary_key=True),
    Column("account_id", String(36), nullable=False),
    Column("name", Text, nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("published_revision_id", String(36)),
    Column("call_template", JSON),
    Column("deleted", UtcDateTime),
    Index("agents_by_account", "account_id", "created"),
)

tools = Table(
    "tools",
    metadata,
    Column("tool_id", String(36), primary_key=True),
    Column("account_id", String(36), nullable=False),
    Column("name", Text, nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("definition", JSON, nullable=False),
    Index("tools_by_account", "account_id", "name", unique=True),
)

call_throttles = Table(
    "call_throttles",
    metadata,
    Column("throttle_id", String(36), primary_key=True),
    Column("account_id", String(36), nullable=False),
    Column("name", String(64), nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("rules", JSON, nullable=False),
    Index("call_throttles_by_account", "account_id", "name", unique=True),
)

call_throttle_uses = Table(  # as many as a rule can count, and those of the last moments
    "call_throttle_uses",
    metadata,
    Column("use_id", String(36), primary_key=True),
    Column("throttle_id", String(36), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index("call_throttle_uses_by_throttle", "throttle_id", "at"),
)

calls = Table(
    "calls",
    metadata,
    Column("call_id", String(36), primary_key=True),
    Column("account_id", String(36), nullable=False),
    Column("agent_id", String(36)),
    Column("agent_name", Text),
    Column("stage_id", String(36), nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("request_context", JSON, nullable=False),
    Column("decision_id", String(36)),
    Column("sip", JSON, nullable=False),
    Column("join_url", Text),
    Column("joined", UtcDateTime),
    Column("ended", UtcDateTime),
    Column("duration_s", Float),
    Column("end_reason", String(32)),
    Column("outcome", String(64)),
    Column("outcome_detail", Text, nullable=False),
    Column("auto_delete", Boolean, nullable=False, server_default=false()),  # to go when it is over and told of
    Column("node_id", String(36)),  # where it is, or was
    Index("calls_by_account", "account_id", "created"),
    Index("calls_by_agent", "agent_id", "created"),
    Index("calls_open", "ended"),
    Index(
        "calls_to_delete",
        "ended",
        sqlite_where=text("auto_delete"),
        postgresql_where=text("auto_delete"),
    ),
)

call_stages = Table(  # of calls that have had more than one; else the call itself says all of its only one
    "call_stages",
    metadata,
    Column("call_id", String(36), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("stage_id", String(36), nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("settings", JSON, nullable=False),
)

sip_logs = Table(  # of a call usually one
    "sip_logs",
    metadata,
    Column("call_id", String(36), primary_key=True),
    Column("begun", UtcDateTime, primary_key=True),
    Column("text", Compressed, nullable=False),
)

deleted_calls = Table(
    "deleted_calls",
    metadata,
    Column("call_id", String(36), primary_key=True),
    Column("account_id", String(36), nullable=False),
    Column("deleted", UtcDateTime, nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("joined", UtcDateTime),
    Column("ended", UtcDateTime),
    Column("duration_s", Float),
    Column("end_reason", String(32)),
    Column("agent_id", String(36)),
    Column("agent_name", Text),
    Column("voice", Text),
    Column("max_duration", Text, nullable=False),
    Column("recording_enabled", Boolean, nullable=False),
    Index("deleted_calls_by_account", "account_id", "deleted"),
)

messages = Table(
    "messages",
    metadata,
    Column("call_id", String(36), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("role", String(40), nullable=False),
    Column("text", Text, nullable=False),
    Column("medium", String(40), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("start_s", Float),
    Column("end_s", Float),
    Column("stage_id", String(36), nullable=False),
    Column("stage_position", Integer, nullable=False),
    Column("tool_name", Text),
    Column("invocation_id", Text),
    Column("tool_id", String(36)),
    Column("tool_error", Text),
    Column("call_state", JSON(none_as_null=True)),
    _where_there_is_one("tool_id", "messages_by_tool", "tool_id"),
)

call_events = Table(
    "call_events",
    metadata,
    Column("event_number", Integer, primary_key=True, autoincrement=True),
    Column("call_id", String(36), nullable=False),
    Column("stage_id", String(36), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("offset_s", Float, nullable=False),
    Column("severity", String(8), nullable=False),
    Column("type", String(50), nullable=False),
    Column("text", Text, nullable=False),
    Column("extras", JSON, nullable=False),
    Index("call_events_by_call", "call_id", "event_number"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("decision_id", String(36), primary_key=True),  # sorts by time
    Column("account_id", String(36)),
    Column("stranger", Integer, nullable=False),  # 1: refused before anyone's rules; a budget of its own
    Column("at", UtcDateTime, nullable=False),
    Column("source_address", String(45), nullable=False),
    Column("source_port", Integer, nullable=False),
    Column("transport", String(8), nullable=False),
    Column("to_uri", Text, nullable=False),
    Column("request_uri", Text, nullable=False),
    Column("from_uri", Text),
    Column("sip_call_id", Text, nullable=False),
    Column("verdict", String(8), nullable=False),
    Column("outcome", String(64)),
    Column("status", Integer),
    Column("agent_id", String(36)),
    Column("call_id", String(36)),
    Column("config_version", Integer),
    Column("matched", String(16)),
    Column("trace", JSON, nullable=False),
    Column("count", Integer, nullable=False),
    Column("attempt", JSON, nullable=False),
    # One for each filter, in the order of the list: a page of ten million records is read like one of ten.
    Index("decisions_by_account", "account_id", "at"),
    Index("decisions_by_verdict", "account_id", "verdict", "at"),
    Index("decisions_by_source", "account_id", "source_address", "at"),
    _where_there_is_one("outcome", "decisions_by_outcome", "account_id", "outcome", "at"),
    _where_there_is_one("agent_id", "decisions_by_agent", "account_id", "agent_id", "at"),
    _where_there_is_one("call_id", "decisions_by_call", "account_id", "call_id", "at"),
    Index("decisions_by_kind", "stranger", "decision_id"),
    Index("decisions_by_time", "at"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("event_id", String(36), primary_key=True),  # sorts by time
    Column("account_id", String(36), nullable=False),
    Column("call_id", String(36), nullable=False),
    Column("event", String(32), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("payload", JSON, nullable=False),
    Index("outbox_by_call", "call_id"),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("webhook_id", String(36), primary_key=True),
    Column("account_id", String(36), nullable=False),
    Column("agent_id", String(36)),
    Column("created", UtcDateTime, nullable=False),
    Column("url", Text, nullable=False),
    Column("secrets", JSON, nullable=False),
    Column("events", JSON, nullable=False),
    Column("retired", UtcDateTime),
    Column("unhealthy", Integer, nullable=False),
    Column("changed", UtcDateTime),
    Column("failed_in_row", Integer, nullable=False),
    Column("failures", JSON, nullable=False),
    Index("webhooks_by_account", "account_id", "created"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("event_id", String(36), primary_key=True),
    Column("endpoint", String(36), primary_key=True),  # a webhook's id, or `callback`
    Column("account_id", String(36), nullable=False),
    Column("call_id", String(36), nullable=False),
    Column("event", String(32), nullable=False),
    Column("due", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("tried", UtcDateTime),
    Column("failure", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("node_id", String(36)),  # who makes it
    Index("deliveries_by_endpoint", "endpoint", "event_id"),
    Index(
        "deliveries_waiting",
        "event_id",
        "endpoint",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
)

nodes = Table(
    "nodes",
    metadata,
    Column("node_id", String(36), primary_key=True),  # another one after each start
    Column("name", String(36), nullable=False),  # stays; who takes it ends whoever had it before
    Column("seen", UtcDateTime, nullable=False),
    Column("written", BigInteger, nullable=False),  # number of the last group of facts that was committed
    Index("nodes_by_name", "name"),
)

account_revisions = Table(
    "account_revisions",
    metadata,
    Column("account_id", String(36), primary_key=True),  # empty: the row that whoever changes anything locks
    Column("revision", BigInteger, nullable=False),
)
