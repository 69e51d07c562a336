from datetime import UTC, datetime

import pytest

from callgate.entities.account import Account, ApiKey
from callgate.entities.agent import Agent
from callgate.entities.sip_config import SipConfig, SipConfigVersion
from callgate.entities.tool import DurableTool
from callgate.store.snapshot import Configuration, ConfigurationSnapshot

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT = Account("a", "default", "Default", NOW)
KEY = ApiKey("prefix", "a", "digest", "first", NOW)
VERSION = SipConfigVersion("a", 1, NOW, "setup", SipConfig(), {})
AGENT = Agent("g", "a", "Demo", NOW, None, None)


def a_snapshot() -> ConfigurationSnapshot:
    return ConfigurationSnapshot(Configuration().with_account(ACCOUNT, KEY, VERSION), lambda words: None)


def test_what_has_been_read_stays_as_it_was() -> None:
    snapshot = a_snapshot()
    before = snapshot.now
    agents = snapshot.agents_of("a")
    snapshot.swap(before.with_agent(AGENT), "a")
    assert (agents, before.agents["a"]) == ({}, {})
    assert snapshot.agent("g") == snapshot.agents_of("a")["g"] == AGENT
    with pytest.raises(TypeError):
        snapshot.agents_of("a")["g"] = AGENT  # type: ignore[index]
    snapshot.swap(snapshot.now.without_agent("a", "g"), "a")
    assert snapshot.agent("g") is None


def test_tools_come_and_go_likewise() -> None:
    snapshot = a_snapshot()
    tool = DurableTool("t", "a", "look", NOW, {})
    snapshot.swap(snapshot.now.with_tool(tool), "a")
    before = snapshot.tools_of("a")
    snapshot.swap(snapshot.now.without_tool("a", "t"), "a")
    assert (before, snapshot.tools_of("a"), snapshot.tools_of("unknown")) == ({"t": tool}, {}, {})


def test_unknown_names() -> None:
    snapshot = a_snapshot()
    assert snapshot.agent("unknown") is None
    assert snapshot.agents_of("unknown") == {}
    with pytest.raises(KeyError):
        snapshot.sip_config("unknown")
