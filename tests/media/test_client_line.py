import asyncio
import json
import weakref
from collections.abc import AsyncIterator

import aiohttp
import pytest
from picows import ws_create_server

from callgate.core.audio.format import PCM_8K, PCM_16K
from callgate.core.audio.tones import strength, tone
from callgate.core.rtp.watch import Verdict
from callgate.entities.quality import SoundQuality
from callgate.media.client_line import ClientLine, ClientSound, client_sound
from callgate.media.joins import JoinSocket
from callgate.media.playout import Playout

FRAME = 320


class Ear:
    """Who is told what comes over a line."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.verdicts: list[Verdict] = []
        self.measurements = 0

    def heard(self, frame: bytes) -> None:
        self.frames.append(frame)

    def key(self, digit: str, duration_ms: int) -> None:
        raise AssertionError("a client presses no keys")

    def judged(self, verdict: Verdict) -> None:
        self.verdicts.append(verdict)

    def measured(self, quality: SoundQuality) -> None:
        self.measurements += 1


class Joined:
    """A line with a real connection behind it, and a clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.ear = Ear()
        self.marks: list[str] = []
        self.playout = Playout(self.marks.append)
        self.sockets: asyncio.Queue[JoinSocket] = asyncio.Queue()
        self.came = bytearray()
        self.taken = asyncio.Event()
        self.clients: list[aiohttp.ClientWebSocketResponse] = []

    async def opens(self, url: str, session: aiohttp.ClientSession, sound: ClientSound) -> "Joined":
        self.client = await session.ws_connect(url)
        self.clients.append(self.client)
        socket = await self.sockets.get()
        self.line = ClientLine(self.ear, self.playout, socket=socket, sound=sound, clock=lambda: self.now_s)
        self.line.open()
        self.line.use(PCM_8K, PCM_8K)
        self.line.begin(self.now_s)
        self.now_s += 0.001  # so that sums of floats do not decide
        take = socket.on_binary
        self.said_bytes = self.taken_bytes = 0

        def counted(sound: bytes) -> None:
            take(sound)
            self.taken_bytes += len(sound)
            self.taken.set()

        socket.on_binary = counted
        return self

    def passes(self, frames: int) -> None:
        for _ in range(frames):
            self.now_s += 0.02
            self.line.tick(1, self.now_s)

    async def says(self, pcm: bytes) -> None:
        """Sound goes through the connection before time goes on."""
        self.said_bytes += len(pcm)
        await self.client.send_bytes(pcm)
        while self.taken_bytes < self.said_bytes:
            self.taken.clear()
            await self.taken.wait()

    async def hears(self, size: int) -> bytes:
        """What has come to the client, once it is `size` bytes in all."""
        while len(self.came) < size:
            message = await asyncio.wait_for(self.client.receive(), 5)
            assert message.type is aiohttp.WSMsgType.BINARY, message
            self.came += message.data
        return bytes(self.came)


@pytest.fixture
async def place() -> AsyncIterator[tuple[Joined, str, aiohttp.ClientSession]]:
    joined = Joined()
    server = await ws_create_server(
        lambda request: JoinSocket(joined.sockets.put_nowait, lambda socket, words: None), "127.0.0.1", 0
    )
    async with aiohttp.ClientSession() as session:
        yield joined, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", session
        for client in joined.clients:
            await client.close()
    server.close()


Place = tuple[Joined, str, aiohttp.ClientSession]


async def test_a_line_that_is_closed_holds_nobody(place: Place) -> None:
    joined = await place[0].opens(*place[1:], ClientSound(16_000, 16_000))
    listener = weakref.ref(joined.ear)
    joined.line.close()
    del joined.ear
    assert listener() is None


async def test_pieces_of_any_length_become_frames_of_the_brain(place: Place) -> None:
    joined = await place[0].opens(*place[1:], ClientSound(16_000, 8_000, 0))
    sound = tone(440, 100, 0.5, 16_000)
    for start in range(0, len(sound), 502):
        await joined.says(sound[start : start + 502])
    joined.passes(2)
    assert {len(frame) for frame in joined.ear.frames} == {FRAME}
    assert strength(b"".join(joined.ear.frames[1:5]), 440) > 0.9


async def test_what_comes_early_waits_for_its_time(place: Place) -> None:
    joined = await place[0].opens(*place[1:], ClientSound(8_000, 8_000, 0))
    await joined.says(tone(440, 1_000))
    assert len(joined.ear.frames) == 10  # a client's timer may run ahead by so much
    joined.passes(20)
    assert len(joined.ear.frames) == 30
    joined.passes(60)
    assert len(joined.ear.frames) == 80
    assert joined.ear.frames[49] != bytes(FRAME)
    assert joined.ear.frames[70] == bytes(FRAME)  # and what is missing is silence


async def test_a_client_that_sends_nothing_is_silent_and_one_that_stops_is_told_of(place: Place) -> None:
    joined = await place[0].opens(*place[1:], ClientSound(8_000, 8_000, 0))
    joined.passes(50)
    assert joined.ear.frames == [bytes(FRAME)] * 50
    assert joined.ear.verdicts == []
    await joined.says(tone(440, 20))
    joined.passes(20)
    assert [verdict.slug for verdict in joined.ear.verdicts] == ["client_underflow"]
    joined.passes(50)
    assert len(joined.ear.verdicts) == 1  # once in a while is enough


async def test_sound_leaves_at_its_pace_without_a_buffer(place: Place) -> None:
    joined = await place[0].opens(*place[1:], ClientSound(8_000, 8_000, 0))
    joined.playout.play(tone(440, 200))
    joined.playout.mark("said")
    joined.passes(3)
    assert await joined.hears(3 * FRAME) == tone(440, 200)[: 3 * FRAME]
    assert joined.playout.played_ms == 60
    joined.passes(6)
    assert joined.marks == []
    joined.passes(1)
    assert joined.marks == ["said"]
    joined.passes(20)
    assert await joined.hears(10 * FRAME) == tone(440, 200)
    assert joined.line.quality().packets_sent == 10  # silence is not sent


async def test_a_buffer_is_filled_ahead_and_what_was_heard_still_goes_by_the_clock(place: Place) -> None:
    joined = await place[0].opens(*place[1:], ClientSound(8_000, 8_000, 100))
    sound = tone(440, 300)
    joined.playout.play(sound)
    joined.passes(1)
    assert await joined.hears(6 * FRAME) == sound[: 6 * FRAME]  # what is due, and 100 ms more
    assert joined.playout.played_ms == 20
    joined.passes(2)
    assert len(await joined.hears(8 * FRAME)) == 8 * FRAME
    cleared = joined.playout.clear()
    assert (cleared.played_ms, cleared.dropped_ms) == (60, 240)
    other = tone(700, 100)
    joined.playout.play(other)
    joined.passes(1)
    whole = await joined.hears(13 * FRAME)
    assert whole[8 * FRAME :] == other  # none of it is taken for sent already
    joined.passes(10)
    assert len(joined.came) == 13 * FRAME


async def test_a_last_piece_that_is_no_whole_frame_is_sent_as_it_is(place: Place) -> None:
    for buffer_ms in (0, 60):
        joined = await place[0].opens(*place[1:], ClientSound(8_000, 8_000, buffer_ms))
        joined.came.clear()
        joined.playout.play(tone(440, 30))
        joined.passes(3)
        assert await joined.hears(480) == tone(440, 30)
        assert joined.playout.queued_ms == 0


async def test_sound_goes_at_the_clients_rate(place: Place) -> None:
    joined = await place[0].opens(*place[1:], ClientSound(8_000, 24_000, 0))
    joined.playout.play(tone(440, 100))
    joined.passes(5)
    assert strength((await joined.hears(5 * 3 * FRAME))[2 * 3 * FRAME :], 440, 24_000) > 0.9


async def test_keys_are_pressed_as_tones(place: Place) -> None:
    joined = await place[0].opens(*place[1:], ClientSound(8_000, 8_000, 0))
    joined.line.use(PCM_8K, PCM_16K)
    joined.playout.format = PCM_16K
    joined.line.press("5", 100, 100)
    joined.passes(10)
    came = await joined.hears(10 * FRAME)
    assert strength(came[FRAME : 4 * FRAME], 770) > 0.3
    assert strength(came[FRAME : 4 * FRAME], 1_336) > 0.3
    with pytest.raises(ValueError, match="no such key"):
        joined.line.press("x", 100, 100)


async def test_data_messages_pass_both_ways_and_those_that_came_early_are_kept(place: Place) -> None:
    joined = await place[0].opens(*place[1:], ClientSound(8_000, 8_000, 0))
    heard: list[bytes] = []
    await joined.client.send_str('{"type": "early"}')
    await joined.says(bytes(FRAME))
    joined.line.client.listen(heard.append)
    await joined.client.send_str('{"type": "late"}')
    await joined.says(bytes(2 * FRAME))
    assert [json.loads(one)["type"] for one in heard] == ["early", "late"]
    joined.line.client.send(b'{"type": "pong"}')
    assert (await joined.client.receive_json()) == {"type": "pong"}


async def test_a_client_idle_for_too_long_is_given_up(place: Place) -> None:
    joined = await place[0].opens(*place[1:], ClientSound(8_000, 8_000, 0, idle_s=10.0))
    joined.passes(499)
    assert joined.ear.verdicts == []
    joined.passes(3)
    assert (joined.ear.verdicts[0].slug, joined.ear.verdicts[0].ends) == ("media_timeout", True)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"inputSampleRate": 8_000}, ClientSound(8_000, 8_000, 60, None)),
        (
            {"inputSampleRate": 16_000, "outputSampleRate": 24_000, "clientBufferSizeMs": 0},
            ClientSound(16_000, 24_000, 0),
        ),
        ({"inputSampleRate": 8_000, "mediaIdleTimeout": "2s"}, ClientSound(8_000, 8_000, 60, 10.0)),
        ({"inputSampleRate": 8_000, "mediaIdleTimeout": "12.5s"}, ClientSound(8_000, 8_000, 60, 12.5)),
    ],
)
def test_the_medium_is_read_from_the_settings(told: dict[str, object], expected: ClientSound) -> None:
    assert client_sound({"medium": {"serverWebSocket": told}}) == expected  # type: ignore[dict-item]
