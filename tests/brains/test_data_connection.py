"""Data connections to a real server; time passes in the call, and the server is elsewhere."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sized
from datetime import UTC, datetime
from typing import Any

import pytest

from callgate.brains import data_connection as module
from callgate.brains.data_connection import (
    LASTED_S,
    TRIES_MAX,
    WAITING_BYTES_MAX,
    DataConnection,
    data_connection_of,
)
from callgate.core.audio.format import PCM_8K
from callgate.core.dialects.data_messages import write
from callgate.entities.json import Json, JsonObject
from callgate.runtime.address_guard import AddressGuard
from callgate.testing.data_connection_server import DataConnectionServer

SECRETS = ("first-secret-of-sixteen", "second-secret-of-sixteen")
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


class Connected:
    """A call's data connection, seen from the call."""

    def __init__(self, url: str, *, guard: AddressGuard | None = None, secrets: Any = (), **fields: Any) -> None:
        self.now_s = 50.0
        self.events: list[tuple[str, str]] = []
        self.heard: list[bytes] = []
        self.broke: list[tuple[str, bool]] = []
        plan = data_connection_of({"dataConnection": {"websocketUrl": url, **fields}, "sharedSecrets": list(secrets)})
        assert plan is not None
        guard = guard or AddressGuard(allow_loopback=True)
        self.connection = DataConnection(plan, "call-1", guard=guard, host=self, now=lambda: NOW)
        self.connection.heard = self.heard.append
        self.connection.broke = lambda words, for_good: self.broke.append((words, for_good))

    def monotonic(self) -> float:
        return self.now_s

    def event(self, severity: str, type: str, text: str, **extras: Json) -> None:
        self.events.append((type, text))

    def lasts(self, seconds: float) -> None:
        self.now_s += seconds
        self.connection.tick()

    def says(self, number: int) -> None:
        self.connection.send(write("pong", timestamp=number))


Connect = Callable[..., Connected]


@pytest.fixture
async def server() -> AsyncIterator[DataConnectionServer]:
    one = DataConnectionServer()
    await one.start()
    yield one
    await one.stop()
    assert one.complaints == []


@pytest.fixture
async def connect(server: DataConnectionServer) -> AsyncIterator[Connect]:
    made: list[Connected] = []

    def one(url: str = "", **how: Any) -> Connected:
        made.append(Connected(url or server.url, **how))
        return made[-1]

    yield one
    for each in made:
        await each.connection.close()


async def until(seen: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not seen():  # noqa: ASYNC110 (what is waited for happens at the other end of a socket)
            await asyncio.sleep(0.002)


async def until_there_are(found: Sized, count: int) -> None:
    await until(lambda: len(found) == count)


@pytest.mark.parametrize(
    "settings",
    [{}, {"dataConnection": {}}, {"dataConnection": {"websocketUrl": ""}}, {"dataConnection": "wss://x"}],
)
def test_no_data_connection_is_wanted(settings: JsonObject) -> None:
    assert data_connection_of(settings) is None


def test_what_is_wanted_is_read_and_not_shown() -> None:
    plan = data_connection_of(
        {
            "dataConnection": {
                "websocketUrl": "wss://owner.example/?token=hidden",
                "headers": {"Authorization": "hidden"},
                "audioConfig": {},
            },
            "sharedSecrets": ["hidden-secret-of-some-length"],
        }
    )
    assert plan is not None
    assert (plan.rate_hz, plan.mixed) == (16_000, False)
    assert "hidden" not in repr(plan)


async def test_the_handshake_is_signed_with_every_secret(server: DataConnectionServer, connect: Connect) -> None:
    server.secrets = SECRETS[1:]  # the receiver changes over from one to the next
    call = connect(secrets=SECRETS, headers={"Authorization": "Bearer x"})
    call.connection.begin()
    await until(lambda: server.connections)
    assert server.headers["X-Ultravox-Call-ID"] == "call-1"
    assert server.headers["X-Ultravox-Signature-Timestamp"] == "2026-07-01T12:00:00+00:00"
    assert len(server.headers["X-Ultravox-Signature"].split(",")) == 2
    assert server.headers["Authorization"] == "Bearer x"


async def test_without_a_secret_nothing_is_signed(server: DataConnectionServer, connect: Connect) -> None:
    connect().connection.begin()
    await until(lambda: server.connections)
    assert server.headers["X-Ultravox-Call-ID"] == "call-1"
    assert "X-Ultravox-Signature" not in server.headers


async def test_nothing_is_connected_before_the_call_begins(server: DataConnectionServer, connect: Connect) -> None:
    call = connect()
    call.lasts(60)
    await asyncio.sleep(0)
    call.connection.begin()
    await until(lambda: server.connections)
    assert server.connections == 1


async def test_what_was_said_meanwhile_is_told_in_order(server: DataConnectionServer, connect: Connect) -> None:
    call = connect()
    call.says(1)
    call.connection.begin()
    call.says(2)
    await until(lambda: len(server.told) == 2)
    call.says(3)
    await until(lambda: len(server.told) == 3)
    assert [message["timestamp"] for message in server.told] == [1, 2, 3]
    await server.says("ping", timestamp=7)
    await until(lambda: call.heard)
    assert call.heard == [b'{"type": "ping", "timestamp": 7}']


async def test_what_waits_is_bounded_and_the_oldest_goes_first(server: DataConnectionServer, connect: Connect) -> None:
    call = connect()
    for number in range(300):
        call.connection.send(write("debug", message=f"{number:05}" + "x" * 2_000))
    call.connection.begin()
    await until(lambda: server.told and server.told[-1]["message"].startswith("00299"))
    assert len(server.told) == WAITING_BYTES_MAX // len(write("debug", message="x" * 2_005))


async def test_an_address_that_may_not_be_reached_is_named(server: DataConnectionServer, connect: Connect) -> None:
    call = connect(guard=AddressGuard())
    call.connection.begin()
    await until(lambda: call.events)
    assert call.events == [
        ("data_connection_failed", "a loopback address may not be reached: `127.0.0.1`; tried again in 0.5 s")
    ]
    assert server.headers == {}


async def test_who_refuses_is_asked_again_and_not_for_ever(server: DataConnectionServer, connect: Connect) -> None:
    server.refuses = 503
    call = connect()
    call.connection.begin()
    for tries in range(1, TRIES_MAX + 1):
        await until_there_are(call.events, tries)
        call.lasts(20)
    call.lasts(3_600)
    assert [kind for kind, _ in call.events] == ["data_connection_failed"] * TRIES_MAX
    assert call.events[0][1].startswith("refused with HTTP 503: no; tried again in 0.5 s")
    assert call.events[-1][1].startswith("refused with HTTP 503: no; given up after 6 attempts")
    assert [for_good for _, for_good in call.broke] == [False] * (TRIES_MAX - 1) + [True]


async def test_pauses_grow(server: DataConnectionServer, connect: Connect) -> None:
    server.refuses = 503
    call = connect()
    call.connection.begin()
    await until(lambda: len(call.events) == 1)
    call.lasts(0.6)
    await until(lambda: len(call.events) == 2)
    server.refuses = 0
    call.lasts(0.6)
    assert server.connections == 0
    call.lasts(0.6)
    await until(lambda: server.connections)


async def test_a_connection_that_breaks_is_made_again_and_signed_again(
    server: DataConnectionServer, connect: Connect
) -> None:
    call = connect()
    call.connection.begin()
    await until(lambda: server.connections == 1)
    for connections in range(2, 12):  # those that last are not counted against it
        call.now_s += LASTED_S
        await server.breaks()
        await until_there_are(call.broke, connections - 1)
        call.says(connections)
        call.lasts(0.6)
        await until_there_are(server.told, connections - 1)
    assert [for_good for _, for_good in call.broke] == [False] * 10


async def test_a_server_that_breaks_at_once_is_given_up(server: DataConnectionServer, connect: Connect) -> None:
    call = connect()
    call.connection.begin()
    for tries in range(1, TRIES_MAX + 1):
        call.says(tries)
        await until_there_are(server.told, tries)
        await server.breaks()
        await until_there_are(call.broke, tries)
        call.lasts(20)
    assert call.broke[-1][1]


async def test_who_closes_normally_is_not_called_back(server: DataConnectionServer, connect: Connect) -> None:
    call = connect()
    call.connection.begin()
    await until(lambda: server.connections)
    await server.leaves()
    await until(lambda: call.broke)
    call.lasts(3_600)
    assert call.events == [("data_connection_closed", "the server closed the connection with 1000")]
    assert call.broke[0][1]
    call.says(1)  # to nobody
    await asyncio.sleep(0)
    assert server.connections == 1


async def test_who_goes_away_is(server: DataConnectionServer, connect: Connect) -> None:
    call = connect()
    call.connection.begin()
    await until(lambda: server.connections)
    await server.leaves(1001)
    await until(lambda: call.broke)
    call.lasts(0.6)
    await until(lambda: server.connections == 2)


async def test_sound_goes_along_while_somebody_listens(server: DataConnectionServer, connect: Connect) -> None:
    call = connect(audioConfig={"sampleRate": 8_000, "channelMode": "CHANNEL_MODE_MIXED"})
    call.connection.load([PCM_8K])
    call.connection.hear(b"\1\0" * 160, 0.0)  # to nobody
    call.connection.begin()
    call.says(0)
    await until(lambda: server.told)
    for _ in range(5):
        call.connection.hear(b"\2\0" * 160, 0.0)
    await until(lambda: len(server.sound) == 5 * 320)
    assert bytes(server.sound) == b"\2\0" * 800


async def test_a_slow_server_misses_sound_and_delays_nobody(
    server: DataConnectionServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SOUND_BEHIND_BYTES_MAX", 16_000)
    server.reads.clear()
    call = connect(audioConfig={"sampleRate": 48_000})
    call.connection.begin()
    call.says(0)
    await until(lambda: server.connections)
    frames = 0
    while not call.events and frames < 100_000:  # what the kernel takes is beyond us
        call.connection.hear(PCM_8K.silence, 0.0)
        frames += 1
        if frames % 100 == 0:
            await asyncio.sleep(0)
    for _ in range(1_000):
        call.connection.hear(PCM_8K.silence, 0.0)
    assert [kind for kind, _ in call.events] == ["data_connection_slow"]
    server.reads.set()
    await until(lambda: len(server.sound) > 1_000_000)
    call.says(1)
    await until(lambda: len(server.told) == 2)


async def test_no_connection_outlives_its_call(server: DataConnectionServer, connect: Connect) -> None:
    call = connect()
    call.connection.begin()
    await call.connection.close()  # while it connects
    other = connect()
    other.connection.begin()
    await until(lambda: server.connections)
    await other.connection.close()
    other.lasts(3_600)
    assert (call.broke, other.broke) == ([], [])
