"""What tests that ask handlers have in common: a hook over real sockets, with a real clock unless it is given one."""

import asyncio
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp

from callgate.entities.agent import Agent
from callgate.entities.json import Json, JsonObject
from callgate.entities.sip_config import FallbackHandler, Safeguards
from callgate.entities.tool import DurableTool
from callgate.ports import Question
from callgate.webhooks.ask import FallbackHandlerHook
from callgate.webhooks.handler_watch import HandlerWatch

ACCOUNT = "acc"
AGENT = Agent("0b9c7a8e-0000-4000-8000-000000000001", ACCOUNT, "demo", datetime(2026, 1, 1, tzinfo=UTC), None, None)
NO_SAFEGUARDS = Safeguards()
SECRETS = ("first-secret", "second-secret")


class Time:
    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


class Agents:
    def agent(self, agent_id: str) -> Agent | None:
        return AGENT if agent_id == AGENT.agent_id else None

    def agents_of(self, account_id: str) -> Mapping[str, Agent]:
        return {AGENT.agent_id: AGENT} if account_id == ACCOUNT else {}

    def tools_of(self, account_id: str) -> Mapping[str, DurableTool]:
        return {}


class Invalid(ValueError):
    words = "systemPrompt: must be a string"


def validate(body: Json) -> JsonObject:
    assert isinstance(body, dict)
    if not isinstance(body.get("systemPrompt", ""), str) or "sytemPrompt" in body:
        raise Invalid
    return body


def no_log(event: str, **fields: Any) -> None:
    """Nobody reads it."""


def make_hook(session: aiohttp.ClientSession, log: Callable[..., None] = no_log, **more: Any) -> FallbackHandlerHook:
    clock = more.pop("clock", None) or Time()
    usual: dict[str, Any] = {
        "clock": clock,
        "watch": HandlerWatch(clock, log),
        "snapshot": Agents(),
        "validate_start_call": validate,
        "validate_start_agent_call": validate,
        "retry_pauses_s": (0.0, 0.0),
    }
    return FallbackHandlerHook(session=session, **(usual | more))


def question(url: str, safeguards: Safeguards = NO_SAFEGUARDS, *, rehearsed: bool = False) -> Question:
    body: JsonObject = {
        "callerId": "+15551234",
        "fromDisplayName": "Zoë",
        "fromUri": "sip:+15551234@peer.example",
        "toUri": "sip:demo@callgate.example",
        "sipHeaders": {"X-Customer": "Zoë"},
    }
    handler = FallbackHandler(url, SECRETS)
    return Question("decision-1", ACCOUNT, handler, body, "sip:demo@192.0.2.1", safeguards, rehearsed)


@contextmanager
def free_port() -> Iterator[int]:
    """A port that is bound and refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
