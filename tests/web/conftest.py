"""A real server over a real store."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvicorn

from callgate.app.voices import offered_voices
from callgate.brains.tools.client import ToolClient
from callgate.calls.creation import CallMaker
from callgate.calls.joining import Joining
from callgate.calls.outgoing import OutgoingCalls
from callgate.calls.registry import Registry
from callgate.calls.surroundings import Surroundings
from callgate.config.models import Model
from callgate.core.admission.policy import PolicySet, compile_policy
from callgate.core.sdp.terms import SoundPolicy
from callgate.core.sip.uri import SipUri
from callgate.entities.account import Account, AccountLimits
from callgate.entities.json import JsonObject
from callgate.entities.quality import SoundQuality
from callgate.entities.sip_config import SipConfig
from callgate.media.recording_folder import RecordingFolder
from callgate.operations.operations import Operations
from callgate.ports import DialledLeg, Handlers, Question, Rejection, StartCall
from callgate.runtime.address_guard import AddressGuard, check_url
from callgate.runtime.alarms import LoopAlarms
from callgate.runtime.clock import SystemClock
from callgate.runtime.http import http_session
from callgate.runtime.ids import SystemIds
from callgate.runtime.tasks import TaskOwner
from callgate.schema.start_call import CheckUrl, validate_start_agent_call, validate_start_call
from callgate.store.open import Store, open_store
from callgate.web.app import create_app
from callgate.webhooks.ask import FallbackHandlerHook
from callgate.webhooks.handler_watch import HandlerWatch
from tests.calls.stage import StageMedia
from tests.compatibility.answers import check_answer
from tests.peers.databases import BOTH, Databases

KEY = "abcdefgh." + "k" * 32
CALLS_MAX = 100
ACCOUNT_CALLS_MAX = 20


@dataclass
class Live:
    """The calls said to be in progress, and what was asked of them."""

    joined: set[str] = field(default_factory=set)
    said: list[tuple[str, str | None]] = field(default_factory=list)
    told: list[tuple[str, JsonObject]] = field(default_factory=list)
    pressed: list[tuple[str, str]] = field(default_factory=list)
    measured: dict[str, SoundQuality] = field(default_factory=dict)

    def of_account(self, account_id: str) -> int:
        return len(self.joined)

    def quality(self, call_id: str) -> SoundQuality | None:
        return self.measured.get(call_id)

    def is_live(self, call_id: str) -> bool:
        return call_id in self.joined

    def hang_up(self, call_id: str, message: str | None = None) -> bool:
        if call_id not in self.joined:
            return False
        self.said.append((call_id, message))
        return True

    def tell(self, call_id: str, message: JsonObject) -> bool:
        if call_id in self.joined:
            self.told.append((call_id, message))
        return call_id in self.joined

    def press(self, call_id: str, digits: str) -> bool:
        if call_id in self.joined:
            self.pressed.append((call_id, digits))
        return call_id in self.joined


@dataclass
class Answer:
    status: int
    body: Any
    headers: Any


@dataclass
class Api:
    """The API as a client with a key sees it."""

    url: str
    store: Store
    account: Account
    live: Live
    session: aiohttp.ClientSession
    recordings: Path
    ready: bool = True

    async def ask(self, method: str, path: str, json: Any = None, **more: Any) -> Answer:
        headers = {"X-API-Key": KEY, **more.pop("headers", {})}
        if json is not None:
            more["json"] = json
        async with self.session.request(
            method, self.url + path, headers={k: v for k, v in headers.items() if v}, allow_redirects=False, **more
        ) as answer:
            kind = answer.content_type
            body = await answer.json(content_type=None) if "json" in kind else await answer.text()
            check_answer(method, path, answer.status, body)
            return Answer(answer.status, body, answer.headers)

    async def agent(self, name: str = "Ada", template: Any = None) -> str:
        answer = await self.ask("POST", "/api/agents", {"name": name, "callTemplate": template or {}})
        assert answer.status == 201, answer.body
        agent_id: str = answer.body["agentId"]
        return agent_id


class NoHandler:
    """Nobody is asked: no INVITE comes."""

    async def ask(self, question: Question) -> StartCall | Rejection:
        raise AssertionError("no call of these tests is dialled")


class Silent:
    """Whom we call does not answer."""

    async def dial(self, uri: SipUri, spoken: str, **more: object) -> DialledLeg:
        never: asyncio.Future[DialledLeg] = asyncio.get_running_loop().create_future()
        return await never


def joining_over(store: Store, tasks: TaskOwner) -> Joining:
    ids = SystemIds()
    around = Surroundings(
        clock=SystemClock(),
        ids=ids,
        alarms=LoopAlarms(asyncio.get_running_loop()),
        snapshot=store.snapshot,
        store=store,
        hook=NoHandler(),
        tasks=tasks,
        maker=CallMaker(ids=ids),
        log=lambda event, **fields: None,
        ring_after_s=2.0,
        ring_repeat_s=60.0,
    )
    registry = Registry()
    sound, media = SoundPolicy().of, StageMedia()
    media.free = CALLS_MAX
    outgoing = OutgoingCalls(media=media, registry=registry, around=around, sound=sound, refusal=AddressGuard().refusal)
    outgoing.dialler = Silent()
    return Joining(
        registry=registry,
        around=around,
        calls_max=CALLS_MAX,
        limits_of=lambda account_id: AccountLimits(ACCOUNT_CALLS_MAX),
        draining=lambda: False,
        join_url=lambda call_id: f"ws://127.0.0.1:9/calls/{call_id}/server_web_socket",
        outgoing=outgoing,
    )


def handlers_over(store: Store, session: aiohttp.ClientSession) -> FallbackHandlerHook:
    clock = SystemClock()
    return FallbackHandlerHook(
        session=session,
        clock=clock,
        snapshot=store.snapshot,
        watch=HandlerWatch(clock, lambda event, **fields: None),
        validate_start_call=validate_start_call,
        validate_start_agent_call=validate_start_agent_call,
    )


def operations_over(
    store: Store,
    live: Live,
    recordings: Path | None = None,
    client: ToolClient | None = None,
    handlers: Handlers | None = None,
) -> Operations:
    def domain_of(account: Account) -> str:
        return f"{account.slug}.sip.test"

    def drafted(account: Account, config: SipConfig) -> PolicySet:
        snapshot = store.snapshot
        policies = [
            compile_policy(
                account_id=one.account_id,
                domain=domain_of(one),
                config=config if one == account else snapshot.sip_config(one.account_id).config,
                version=snapshot.sip_config(one.account_id).number,
                agents=snapshot.agents_of(one.account_id),
            )
            for one in snapshot.accounts
        ]
        return PolicySet(tuple(policies))

    guard: CheckUrl = partial(check_url, allow_loopback=True)
    tasks = TaskOwner(failed=lambda name, error: None)
    return Operations(
        store=store,
        clock=SystemClock(),
        ids=SystemIds(),
        live=live,
        requested=joining_over(store, tasks),
        domain_of=domain_of,
        drafted=drafted,
        check_url=guard,
        handlers=handlers,
        recordings=None if recordings is None else RecordingFolder(recordings),
        tasks=tasks,
        tool_client=client or ToolClient(AddressGuard(allow_loopback=True)),
        models=("demo", "fast", "ultravox-v0.7"),
        voices=offered_voices({"fast": Model(kind="openai-realtime", url="wss://a.example", api_key="k")}),
        limits_of=lambda account: account.limits.over(AccountLimits(ACCOUNT_CALLS_MAX)),
        calls_max=CALLS_MAX,
    )


@pytest.fixture(params=BOTH)
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """Where stores are kept: each test runs on both."""
    some = Databases(request.param)
    yield some
    some.drop()


@pytest.fixture
async def api(databases: Databases, tmp_path: Path) -> AsyncIterator[Api]:
    store = await open_store(databases.at(tmp_path / "callgate.db"), clock=SystemClock(), ids=SystemIds())
    account, _ = await store.create_account("acme", "Acme", KEY)
    live = Live()
    held: list[Api] = []
    recordings = tmp_path / "recordings"
    client = ToolClient(AddressGuard(allow_loopback=True))
    guarded = http_session(AddressGuard(allow_loopback=True))
    operations = operations_over(store, live, recordings, client, handlers_over(store, guarded))
    app = create_app(operations, ready=lambda: held[0].ready, body_bytes_max=200_000)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
    serving = asyncio.create_task(server.serve([listener]))
    try:
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            held.append(Api(url, store, account, live, session, recordings))
            yield held[0]
    finally:
        server.should_exit = True
        await serving
        listener.close()
        await client.close()
        await guarded.close()
        await store.close()
