"""A process of bots: runs the bot's function for each call that its media worker opens. Standard library only.

It ends when the worker's end of the socket closes, and by force when that takes too long: a thread waits for standard
input to end, which no hanging event loop can keep from happening. So no bot outlives its worker.
"""

import asyncio
import contextlib
import importlib
import inspect
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from callgate.brains.pipecat.call import Call, read_call
from callgate.brains.pipecat.wire import PROCESS, Frame, Kind, Unpacker, pack, read_object, write_object

_LEAVE_S_MAX: Final = 5.0  # for a bot to finish by itself after its call, e.g. to write down what was said
_CANCEL_S_MAX: Final = 2.0  # and then for its function to take the cancellation
_END_S_MAX: Final = 10.0  # for both, and the rest of the process
_WORDS_CHARACTERS_MAX: Final = 500

Bot = Callable[[Any, Call], Awaitable[object]]


class Link:
    """One call, as the bot's transport sees it.

    Attributes:
        call: what is known of it.
        take: called with each frame of the worker; set by the transport.
        over: called when the call is over, likewise: with whether the caller has left, or else the bot's function.
        left: whether the caller has left.
        closed: whether the worker is told nothing more: the bot's function has ended.
    """

    def __init__(self, number: int, call: Call, transport: asyncio.WriteTransport) -> None:
        self._number = number
        self._transport = transport
        self.call = call
        self.take: Callable[[Frame], None] = lambda frame: None
        self.over: Callable[[bool], None] = lambda left: None
        self.left = self.closed = False

    def send(self, kind: Kind, body: bytes = b"") -> None:
        """Tell the worker."""
        if not self.closed and not self._transport.is_closing():
            self._transport.write(pack(self._number, kind, body))

    def send_object(self, kind: Kind, **fields: Any) -> None:
        """Tell the worker, in JSON."""
        self.send(kind, write_object(fields))


class Bots(asyncio.Protocol):
    """The bots of a process, and its socket.

    Args:
        bot: the function.
        connect: makes the transport that it is given, of a link.
    """

    def __init__(self, bot: Bot, connect: Callable[[Link], object]) -> None:
        self._bot = bot
        self._connect = connect
        self._unpacker = Unpacker()
        self._transport: asyncio.WriteTransport | None = None
        self._links: dict[int, Link] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._stuck = False
        self.done = asyncio.Event()
        """Set when there is nothing left to do."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop: calls may come."""
        self._transport = cast("asyncio.WriteTransport", transport)
        self._transport.write(pack(PROCESS, Kind.READY))

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        for frame in self._unpacker.feed(data):
            if frame.kind is Kind.OPEN:
                self._open(frame)
            elif frame.kind is Kind.PING:
                assert self._transport is not None
                self._transport.write(pack(PROCESS, Kind.PONG))
            elif frame.call in self._links:
                if frame.kind is Kind.CLOSE:
                    self._close(frame.call)
                else:
                    self._links[frame.call].take(frame)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop: the worker is gone, and so are its calls."""
        for number in tuple(self._links):
            self._close(number)
        self._end_if_idle()

    def _open(self, frame: Frame) -> None:
        assert self._transport is not None
        link = Link(frame.call, read_call(read_object(frame.body)), self._transport)
        self._links[frame.call] = link
        self._running[frame.call] = asyncio.get_running_loop().create_task(self._run(frame.call, link))

    async def _run(self, number: int, link: Link) -> None:
        try:
            if not link.left:
                await self._bot(self._connect(link), link.call)
        except asyncio.CancelledError:  # by us: its call is over
            pass
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            link.send(Kind.FAILED, words_of(error).encode())
        finally:
            link.send(Kind.DONE)
            link.closed = True
            link.over(False)
            self._links.pop(number, None)
            self._running.pop(number, None)
            self._end_if_idle()

    def _close(self, number: int) -> None:
        link, running = self._links.pop(number), self._running[number]
        link.left = True
        link.over(True)
        leaving = asyncio.get_running_loop().create_task(self._leave(link.call, running))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    async def _leave(self, call: Call, running: "asyncio.Task[None]") -> None:
        await asyncio.wait((running,), timeout=_LEAVE_S_MAX)
        if running.done():
            return
        running.cancel()
        await asyncio.wait((running,), timeout=_CANCEL_S_MAX)
        if not running.done():
            sys.stderr.write(f"callgate: the bot of call {call.call_id} does not end; its process will be replaced\n")
            self._stuck = True
            self._end_if_idle()

    def _end_if_idle(self) -> None:
        """Without a worker, the process ends with its last bot; with one that cannot be stopped, when no call lives."""
        assert self._transport is not None
        if (self._transport.is_closing() and not self._running) or (self._stuck and not self._links):
            self._transport.close()  # the worker makes an end of who does not end by itself
            self.done.set()


def words_of(error: BaseException) -> str:
    """An error in a line, for a call's record."""
    return f"{type(error).__name__}: {error}"[:_WORDS_CHARACTERS_MAX]


def load(bot: str, path: str) -> Bot:
    """The function of a bot.

    Args:
        bot: ``module:function``.
        path: folder of the module, put first where modules are looked for.

    Raises:
        TypeError: what is called so is no async function.
        Exception: whatever importing it raises.
    """
    sys.path.insert(0, os.path.abspath(path))
    module, _, name = bot.partition(":")
    found: object = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    if not inspect.iscoroutinefunction(found):
        raise TypeError(f"{bot} is {found!r}; expected an async function")
    return cast("Bot", found)


def main() -> None:
    """Run ``module:function`` from a folder over the socket with this number; all three are arguments."""
    number, bot, path = sys.argv[-3:]
    threading.Thread(target=_end_with_worker, daemon=True).start()
    with socket.socket(fileno=int(number)) as sock:
        try:
            from callgate.brains.pipecat.transport import CallgateTransport  # here: it is Pipecat that is loaded

            function = load(bot, path)
        except (Exception, SystemExit) as error:
            words = f"the bot {bot} cannot be imported: {words_of(error)}"
            traceback.print_exc()
            sys.stderr.write(f"callgate: {words}\n")
            with contextlib.suppress(OSError):
                sock.sendall(pack(PROCESS, Kind.UNUSABLE, words.encode()))
            sys.exit(1)
        sock.setblocking(False)
        asyncio.run(_serve(sock, Bots(function, CallgateTransport)))


async def _serve(sock: socket.socket, bots: Bots) -> None:
    await asyncio.get_running_loop().connect_accepted_socket(lambda: bots, sock)
    await bots.done.wait()


def _end_with_worker() -> None:
    while os.read(0, 4_096):
        pass
    time.sleep(_END_S_MAX)
    os._exit(1)
