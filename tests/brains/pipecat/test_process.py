"""The process of bots, in this one: bots without pipelines, and a worker's end of the socket that tests hold."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from callgate.brains.pipecat.call import Call
from callgate.brains.pipecat.process import Bots, Link, load, words_of
from callgate.brains.pipecat.wire import PROCESS, Frame, Kind, Unpacker, pack, read_object, write_object

Bot = Callable[[Link, Call], Awaitable[None]]


class Worker:
    """The other end."""

    def __init__(self, sock: socket.socket, bots: Bots) -> None:
        self.bots = bots
        self.sock = sock
        self.left: list[bool] = []  # of each call that was over: whether the caller had left
        self._unpacker = Unpacker()
        self._frames: list[Frame] = []

    def tell(self, call: int, kind: Kind, **fields: Any) -> None:
        self.sock.send(pack(call, kind, write_object(fields) if fields else b""))

    def opens(self, call: int) -> None:
        self.tell(call, Kind.OPEN, call_id=f"call-{call}", caller="sip:me@example.org")

    async def hears(self) -> Frame:
        """The next frame."""
        async with asyncio.timeout(5):
            while not self._frames:
                data = await asyncio.get_running_loop().sock_recv(self.sock, 65_536)
                assert data, "the process has let go"
                self._frames += self._unpacker.feed(data)
        return self._frames.pop(0)


Served = Callable[[Bot], Awaitable[Worker]]


@pytest.fixture
async def served(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """Makes processes that have said that they are ready."""
    monkeypatch.setattr("callgate.brains.pipecat.process._LEAVE_S_MAX", 0.01)
    monkeypatch.setattr("callgate.brains.pipecat.process._CANCEL_S_MAX", 0.01)
    workers = []

    async def serve(bot: Bot) -> Worker:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)

        def connect(link: Link) -> Link:
            link.over = worker.left.append
            return link

        worker = Worker(ours, Bots(bot, connect))
        workers.append(worker)
        await asyncio.get_running_loop().connect_accepted_socket(lambda: worker.bots, theirs)
        assert await worker.hears() == Frame(PROCESS, Kind.READY, b"")
        return worker

    yield serve
    for worker in workers:
        worker.sock.close()
        await asyncio.wait_for(worker.bots.done.wait(), 5)


async def test_each_call_has_its_own_run_of_the_function(served: Served) -> None:
    async def bot(link: Link, call: Call) -> None:
        link.send_object(Kind.SAID, text=f"{call.call_id} of {call.caller}")
        if call.call_id == "call-2":
            raise RuntimeError("no luck")

    worker = await served(bot)
    worker.opens(1)
    said, done = await worker.hears(), await worker.hears()
    assert read_object(said.body) == {"text": "call-1 of sip:me@example.org"}
    assert done == Frame(1, Kind.DONE, b"")
    worker.opens(2)
    await worker.hears()
    assert await worker.hears() == Frame(2, Kind.FAILED, b"RuntimeError: no luck")
    assert await worker.hears() == Frame(2, Kind.DONE, b"")
    assert worker.left == [False, False]


async def test_a_function_that_exits_ends_its_call_only(served: Served) -> None:
    async def bot(link: Link, call: Call) -> None:
        raise SystemExit(2)

    worker = await served(bot)
    worker.opens(1)
    assert await worker.hears() == Frame(1, Kind.FAILED, b"SystemExit: 2")
    await worker.hears()
    worker.tell(PROCESS, Kind.PING)
    assert await worker.hears() == Frame(PROCESS, Kind.PONG, b"")


async def test_frames_reach_their_call(served: Served) -> None:
    taken: list[tuple[str, Kind]] = []

    async def bot(link: Link, call: Call) -> None:
        link.take = lambda frame: taken.append((call.call_id, frame.kind))
        link.send(Kind.TURN)
        await asyncio.Event().wait()

    worker = await served(bot)
    for number in (1, 2):
        worker.opens(number)
        await worker.hears()
    worker.tell(2, Kind.BEGIN)
    worker.tell(1, Kind.BEGIN)
    worker.tell(7, Kind.BEGIN)  # of nobody
    worker.tell(PROCESS, Kind.PING)
    await worker.hears()
    assert taken == [("call-2", Kind.BEGIN), ("call-1", Kind.BEGIN)]


async def test_a_bot_finishes_by_itself_or_is_cancelled(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def bot(link: Link, call: Call) -> None:
        left = asyncio.Event()
        link.over = lambda by_caller: left.set()
        link.send(Kind.TURN)
        await left.wait()
        if call.call_id == "call-2":
            await asyncio.Event().wait()
        link.send(Kind.CLEAR)

    worker = await served(bot)
    for number in (1, 2):
        worker.opens(number)
        await worker.hears()
    worker.tell(2, Kind.CLOSE)
    assert await worker.hears() == Frame(2, Kind.DONE, b"")
    monkeypatch.setattr("callgate.brains.pipecat.process._LEAVE_S_MAX", 5.0)
    worker.tell(1, Kind.CLOSE)
    assert await worker.hears() == Frame(1, Kind.CLEAR, b"")
    assert await worker.hears() == Frame(1, Kind.DONE, b"")


async def test_a_call_that_is_over_before_its_function_has_begun(served: Served) -> None:
    async def bot(link: Link, call: Call) -> None:
        raise AssertionError("for nobody")

    worker = await served(bot)
    worker.sock.send(pack(1, Kind.OPEN, write_object({"call_id": "call-1"})) + pack(1, Kind.CLOSE))
    assert await worker.hears() == Frame(1, Kind.DONE, b"")


async def test_a_process_with_a_bot_that_does_not_end_gives_up_when_no_call_lives(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    released = asyncio.Event()

    async def bot(link: Link, call: Call) -> None:
        link.send(Kind.TURN)
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                if call.call_id == "call-2":
                    raise

    worker = await served(bot)
    for number in (1, 2):
        worker.opens(number)
        await worker.hears()
    worker.tell(1, Kind.CLOSE)
    await asyncio.sleep(0.1)  # on the same loop: the times that a bot is given are over before
    words = capsys.readouterr().err
    assert words == "callgate: the bot of call call-1 does not end; its process will be replaced\n"
    assert not worker.bots.done.is_set()
    worker.tell(2, Kind.CLOSE)
    await asyncio.wait_for(worker.bots.done.wait(), 5)
    released.set()


async def test_without_a_worker_calls_are_over_and_the_process_ends(served: Served) -> None:
    async def bot(link: Link, call: Call) -> None:
        gone = asyncio.Event()
        link.over = lambda left: gone.set()
        link.send(Kind.TURN)
        await gone.wait()

    worker = await served(bot)
    worker.opens(1)
    await worker.hears()
    worker.sock.close()
    await asyncio.wait_for(worker.bots.done.wait(), 5)


def test_a_bot_is_named_by_module_and_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", ["/nowhere"])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a_bot_of_mine.py").write_text(
        "class Bots:\n    @staticmethod\n    async def run(transport, call): ...\nnumber = 5\n"
    )
    assert load("a_bot_of_mine:Bots.run", ".").__name__ == "run"
    with pytest.raises(TypeError, match="a_bot_of_mine:number is 5; expected an async function"):
        load("a_bot_of_mine:number", ".")


def test_words_are_a_line_of_bounded_length() -> None:
    assert words_of(ValueError("x" * 9_000)) == "ValueError: " + "x" * 488
