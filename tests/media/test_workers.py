import asyncio
import gc
import os
import signal
import socket
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

import pytest

from callgate.core.audio.g711 import CODECS
from callgate.core.audio.tones import strength, tone
from callgate.core.rtp.digits import digit_payloads
from callgate.core.rtp.packet import Packet, pack, unpack
from callgate.entities.call import ToolUse
from callgate.entities.json import JsonObject
from callgate.entities.quality import SoundQuality
from callgate.media.workers import CannotStartWorker, RemoteSession, WorkerMedia
from callgate.ports import MediaSession, SoundPath
from callgate.ports.brain import BrainPlan, NewStage, StageRefused

ULAW = CODECS["PCMU"]


class Ear:
    """Listens to a session: each thing that happens can be waited for."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self._more = asyncio.Event()

    def _note(self, *what: Any) -> None:
        self.told.append(what)
        self._more.set()

    def ready(self) -> None:
        self._note("ready")

    def brain_failed(self, reason: str) -> None:
        self._note("failed", reason)

    def message(
        self, role: str, text: str, medium: str, start_ms: float | None, end_ms: float | None, tool: ToolUse | None
    ) -> None:
        self._note("message", text, tool)

    def stage(self, settings: JsonObject) -> NewStage:
        if "refuse" in settings:
            raise StageRefused("no such stage")
        self._note("stage", settings)
        return NewStage("second", {**settings, "systemPrompt": "new"})

    def event(self, severity: str, type: str, text: str, extras: JsonObject) -> None:
        self._note("event", type, text)

    def hang_up_requested(self, outcome: str) -> None:
        self._note("hang up", outcome)

    def measured(self, quality: SoundQuality) -> None:
        self._note("measured", quality)

    def closed(self, quality: SoundQuality) -> None:
        self._note("closed", quality)

    def lost(self) -> None:
        self._note("lost")

    async def hears(self, *beginning: Any) -> tuple[Any, ...]:
        async with asyncio.timeout(10):
            while True:
                for what in self.told:
                    if what[: len(beginning)] == beginning:
                        return what
                self._more.clear()
                await self._more.wait()


class Caller:
    """The other end of the sound, on a socket of its own."""

    made: ClassVar[list["Caller"]] = []

    def __init__(self, port: int) -> None:
        self.made.append(self)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port: int = self.socket.getsockname()[1]
        self._to = ("127.0.0.1", port)
        self._sequence = 0

    def path(self, **more: Any) -> SoundPath:
        return SoundPath("127.0.0.1", self.port, "PCMU", 0, 101, **more)

    def send(self, payload: bytes, payload_type: int = 0, timestamp: int | None = None) -> None:
        self._sequence += 1
        stamp = self._sequence * 160 if timestamp is None else timestamp
        self.socket.sendto(pack(payload_type, False, self._sequence, stamp, 7, payload), self._to)

    async def packets(self, count: int) -> list[Packet]:
        loop = asyncio.get_running_loop()
        found: list[Packet] = []
        async with asyncio.timeout(10):
            while len(found) < count:
                packet = unpack(await loop.sock_recv(self.socket, 2_048))
                assert packet is not None
                found.append(packet)
        return found

    def anything(self) -> bool:
        try:
            self.socket.recv(1)
        except BlockingIOError:
            return False
        return True


@pytest.fixture(autouse=True)
def callers_hang_up() -> Iterator[None]:
    yield
    while Caller.made:
        Caller.made.pop().socket.close()


@pytest.fixture
def replaced() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
async def media(replaced: asyncio.Event) -> AsyncIterator[WorkerMedia]:
    media = WorkerMedia(
        count=1,
        factory="tests.media.brains:factories",
        factory_settings={},
        bind="127.0.0.1",
        port_first=31_000,
        port_last=31_999,
        port_rest_s=0.0,
        sessions_max=300,
        on_replaced=replaced.set,
    )
    await media.start()
    yield media
    await media.close()


def reserve(media: WorkerMedia) -> MediaSession:
    session = media.reserve()
    assert session is not None
    return session


async def joined(media: WorkerMedia, **settings: Any) -> tuple[MediaSession, Caller, Ear]:
    session, ear = reserve(media), Ear()
    caller = Caller(session.rtp_port)
    session.open(BrainPlan("echo", "call", settings), caller.path(), ear)
    await ear.hears("ready")
    session.begin()
    return session, caller, ear


async def test_the_greeting_comes_at_once_at_the_pace_of_the_wire_and_silence_after_it(media: WorkerMedia) -> None:
    session, caller, ear = await joined(media)
    packets = await caller.packets(7)
    assert [packet.marker for packet in packets] == [True, *[False] * 6]
    assert [(b.sequence - a.sequence) & 0xFFFF for a, b in zip(packets, packets[1:], strict=False)] == [1] * 6
    assert [(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in zip(packets, packets[1:], strict=False)] == [160] * 6
    assert all(strength(ULAW.decode(packet.payload), 440) > 0.9 for packet in packets[:5])
    assert packets[5].payload == ULAW.silence
    await ear.hears("event", "marked", "greeted")
    session.close()
    quality = (await ear.hears("closed"))[1]
    assert quality.packets_sent >= 7
    assert quality.latched == f"127.0.0.1:{caller.port}"


async def test_a_brain_asks_for_a_stage_and_is_told_its_name(media: WorkerMedia) -> None:
    session, _, ear = await joined(media)
    session.tell({"type": "stage", "n": 1})
    session.tell({"type": "stage", "refuse": True})
    assert await ear.hears("stage") == ("stage", {"type": "stage", "n": 1})
    await ear.hears("event", "entered", "second: new")
    await ear.hears("event", "refused", "no such stage")
    assert await ear.hears("message", "{}") == ("message", "{}", ToolUse("look", "i", state={"a": [1, {"b": None}]}))
    session.close()
    await ear.hears("closed")


async def test_what_the_caller_says_comes_back_and_digits_are_heard(media: WorkerMedia) -> None:
    session, caller, ear = await joined(media)
    await caller.packets(6)
    for _ in range(5):
        caller.send(ULAW.encode(tone(1_000, 20)))
    heard = b"".join(ULAW.decode(packet.payload) for packet in await caller.packets(8))
    assert strength(heard, 1_000) > 0.5
    for payload in digit_payloads("9"):
        caller.send(payload, payload_type=101, timestamp=5_000)
    await ear.hears("message", "digit 9")
    await ear.hears("hang up", "agent-hangup")
    session.close()
    await ear.hears("closed")
    assert [what for what in ear.told if what[0] == "message"] == [("message", "digit 9", None)]


async def test_nothing_is_sent_before_the_call_begins_nor_while_the_peer_holds(media: WorkerMedia) -> None:
    session, ear = reserve(media), Ear()
    caller = Caller(session.rtp_port)
    session.open(BrainPlan("echo", "call", {}), caller.path(), ear)
    await ear.hears("ready")
    assert not caller.anything()
    session.redirect(caller.path(send=False))
    session.begin()
    await ear.hears("event", "heard 10 frames")  # time passes for the brain, and nothing of its greeting is lost
    assert not caller.anything()
    moved = Caller(session.rtp_port)
    session.redirect(moved.path())
    assert strength(ULAW.decode((await moved.packets(1))[0].payload), 440) > 0.9
    await ear.hears("event", "marked", "greeted")
    assert [what[2] for what in ear.told if what[:2] == ("event", "held")] == ["True", "False"]
    session.close()
    await ear.hears("closed")


async def test_a_brain_that_cannot_start_or_breaks_ends_its_own_call_only(media: WorkerMedia) -> None:
    session, ear = reserve(media), Ear()
    session.open(BrainPlan("echo", "call", {"unreachable": True}), Caller(session.rtp_port).path(), ear)
    assert (await ear.hears("failed"))[1] == "the agent could not be started: nobody at home"
    session.close()
    await ear.hears("closed")
    unknown, second = reserve(media), Ear()
    unknown.open(BrainPlan("no such", "call", {}), None, second)
    assert "no agent of the kind 'no such' is known; expected one of echo" in (await second.hears("failed"))[1]
    unknown.close()
    broken, _, third = await joined(media, breaks=True)
    assert (await third.hears("failed"))[1] == "the agent failed: broken"
    broken.close()
    fine, caller, _ = await joined(media)
    assert await caller.packets(1)
    fine.close()


async def test_a_session_that_is_over_holds_nobody(media: WorkerMedia) -> None:
    session, _, ear = await joined(media)
    session.close()
    await ear.hears("closed")
    listener = weakref.ref(ear)
    gc.disable()
    try:
        del ear
        assert listener() is None
    finally:
        gc.enable()


async def test_many_short_reservations_use_nothing_up(media: WorkerMedia) -> None:
    for _ in range(20):
        sessions = [media.reserve() for _ in range(min(media.free, 50))]
        assert sessions
        ears = []
        for session in sessions:
            assert isinstance(session, RemoteSession)
            ear = Ear()
            session.open(BrainPlan("echo", "call", {}), None, ear)
            session.close()
            ears.append(ear)
        for ear in ears:
            await ear.hears("closed")
    session, caller, ear = await joined(media)
    assert await caller.packets(1)
    session.close()
    await ear.hears("closed")


async def test_when_a_worker_dies_its_calls_are_lost_and_service_goes_on(
    media: WorkerMedia, replaced: asyncio.Event
) -> None:
    _, _, ear = await joined(media)
    before = media.pids
    os.kill(before[0], signal.SIGKILL)
    await ear.hears("lost")
    assert media.reserve() is None
    await replaced.wait()
    assert media.pids != before
    session, caller, second = await joined(media)
    assert await caller.packets(1)
    session.close()
    await second.hears("closed")


async def test_a_range_without_a_free_port_is_told_in_words() -> None:
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind(("127.0.0.1", 0))
    port = taken.getsockname()[1] // 2 * 2
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if port != taken.getsockname()[1]:
        other.bind(("127.0.0.1", port))
    media = WorkerMedia(
        count=1,
        factory="tests.media.brains:factories",
        factory_settings={},
        bind="127.0.0.1",
        port_first=port,
        port_last=port + 1,
        port_rest_s=0.0,
        sessions_max=10,
    )
    with pytest.raises(CannotStartWorker, match=f"no pair of RTP ports is free in {port} to {port + 1}"):
        await media.start()
    await media.close()
    taken.close()
    other.close()
