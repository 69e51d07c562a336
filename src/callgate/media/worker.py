"""The worker's side: takes what the control process says, keeps sessions and ports."""

import asyncio
import gc
import importlib
import resource
import secrets
import socket
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from callgate.core.audio.codecs import wire_codec
from callgate.core.audio.convert import prepare
from callgate.core.rtp.watch import Watch
from callgate.entities.json import JsonObject
from callgate.entities.quality import SoundQuality
from callgate.media import joins
from callgate.media.client_line import ClientLine, client_sound
from callgate.media.joins import JoinSocket
from callgate.media.line import Line, LineListener
from callgate.media.phone_line import PhoneLine
from callgate.media.playout import Playout
from callgate.media.port_pool import NoPort, PortPair, PortPool
from callgate.media.protocol import (
    Begin,
    Close,
    Closed,
    Configure,
    Digit,
    Dismiss,
    Granted,
    Inspect,
    Inspected,
    Knocked,
    Left,
    Open,
    Press,
    Redirect,
    Reserve,
    Say,
    Staged,
    Tell,
    ToControl,
    ToWorker,
    Unpacker,
    Unusable,
    pack,
    to_worker,
)
from callgate.media.recording import Recordings
from callgate.media.session import Session
from callgate.media.ticker import Ticker
from callgate.ports import SoundPath
from callgate.ports.brain import BrainFactory, BrainPlan

# Sessions granted ahead of their promise: a burst of this many INVITEs in the time of one message there and back.
GRANTED_AHEAD: Final = 64
_NORMAL: Final = 1000  # RFC 6455 section 7.4.1 (Defined Status Codes)
_IN_ORDER: Final = (_NORMAL, 1001, 1005)  # 1001: a page was left; 1005: no code was given, as many libraries do
# Counted references free what packets and sessions leave behind; the parts of a brain that knows its host are circles.
# So all of it is looked at for every 20,000 objects more: with those of 150 calls beside them that takes 5 ms, and what
# waits for longer would take longer than a packet (decision 0006).
_COLLECTION_THRESHOLDS: Final = (2_000, 5, 2)

Factories = Callable[[JsonObject], Mapping[str, BrainFactory]]


class Worker(asyncio.Protocol):
    """One media process."""

    def __init__(self, done: asyncio.Event) -> None:
        self._done = done
        self._loop = asyncio.get_running_loop()
        self._unpacker = Unpacker()
        self._ticker = Ticker(self._loop)
        self._transport: asyncio.WriteTransport | None = None
        self._factories: Mapping[str, BrainFactory] = {}
        self._pool: PortPool | None = None
        self._sessions_max = 0
        self._media_timeout_s = 0.0
        self._recordings: Recordings | None = None
        self._pairs: dict[int, PortPair] = {}  # granted, reserved or open
        self._granted = 0  # of them, those that are not promised yet
        self._sessions: dict[int, Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._joining: dict[int, JoinSocket] = {}  # of clients whose session is not opened yet
        self._joined: dict[int, JoinSocket] = {}
        self._last = 0
        self._out: list[bytes] = []

    # ------------------------------------------------------------------------------------------------- the socket pair

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        # uvloop's transports are not asyncio's by inheritance.
        self._transport = cast("asyncio.WriteTransport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop: without the control process there is nothing to do."""
        for factory in self._factories.values():
            factory.close()
        if self._recordings is not None:
            self._recordings.close()
        self._done.set()

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        for body in self._unpacker.feed(data):
            self._take(to_worker.decode(body))

    def _tell(self, message: ToControl) -> None:
        if not self._out:
            self._loop.call_soon(self._flush)  # what one turn has to say leaves in one piece
        self._out.append(pack(message))

    def _flush(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
        self._out.clear()

    # ------------------------------------------------------------------------------------------------------ messages

    def _take(self, message: ToWorker) -> None:
        match message:
            case Configure():
                self._configure(message)
            case Reserve():
                self._granted -= 1
                self._grant()
            case Open(number, kind, call_id, settings, about, path, record):
                self._open(number, BrainPlan(kind, call_id, settings, about), path, record)
            case Redirect(number, path):
                if number in self._sessions:
                    self._sessions[number].redirect(path)
            case Begin(number):
                if number in self._sessions:
                    self._sessions[number].begin()
            case Digit(number, digit, duration_ms):
                if number in self._sessions:
                    self._sessions[number].digit(digit, duration_ms)
            case Say(number, text, then_hang_up):
                if number in self._sessions:
                    self._sessions[number].say(text, then_hang_up)
            case Tell(number, data):
                if number in self._sessions:
                    self._sessions[number].tell(data)
            case Press(number, digits):
                if number in self._sessions:
                    self._sessions[number].press(digits)
            case Dismiss(number, code, words):
                self._dismiss(number, code, words)
            case Staged(number):
                if number in self._sessions:
                    self._sessions[number].staged(message)
            case Close(number):
                self._spawn(self._close(number))
            case Inspect():
                self._tell(self._inspected())

    def _configure(self, message: Configure) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a socket a call, and those that rest
        self._sessions_max = message.sessions_max
        self._media_timeout_s = message.media_timeout_s
        if message.recordings:
            self._recordings = Recordings(
                Path(message.recordings),
                self._loop.call_soon_threadsafe,
                free_bytes_min=message.recordings_free_bytes_min,
            )
        self._pool = PortPool(message.bind, message.port_first, message.port_last, message.port_rest_s)
        self._spawn(self._start(message))

    async def _start(self, message: Configure) -> None:
        module, _, attribute = message.factory.partition(":")
        try:
            self._factories = getattr(importlib.import_module(module), attribute)(message.factory_settings)
            self._prepare(message.codecs)
            if message.join_host:
                await joins.listen(
                    message.join_host,
                    message.join_port,
                    waiting=lambda: len(self._joining),
                    knocked=self._knocked,
                    closed=self._left,
                )
            self._grant()
        except Exception as error:
            self._tell(Unusable(str(error) or type(error).__name__))
            return
        if not self._pairs:
            self._tell(Unusable(f"no pair of RTP ports is free in {message.port_first} to {message.port_last}"))

    def _prepare(self, codecs: Sequence[str]) -> None:
        formats = {format for factory in self._factories.values() for format in factory.formats}
        prepare([wire_codec(name) for name in codecs], formats)
        # What has been loaded stays, and sound makes no circles: a full collection would hold up every call of the
        # worker for some 10 ms.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_COLLECTION_THRESHOLDS)

    def _grant(self) -> None:
        """Bind ahead: up to `GRANTED_AHEAD` sessions, or as many as there may be."""
        assert self._pool is not None
        found = []
        while self._granted < GRANTED_AHEAD and len(self._pairs) < self._sessions_max:
            try:
                pair = self._pool.take(self._loop.time())
            except NoPort:
                rested = self._pool.next_rested()
                if rested is not None:
                    self._loop.call_at(rested + 0.001, self._grant)
                break
            self._last += 1
            self._pairs[self._last] = pair
            self._granted += 1
            found.append((self._last, pair.rtp_port))
        if found:
            self._tell(Granted(found))

    def _open(self, number: int, plan: BrainPlan, path: SoundPath | None, record: bool) -> None:
        socket = self._joining.pop(number, None)
        line: Callable[[LineListener, Playout], Line]
        if socket is not None:
            self._joined[number] = socket
            line = partial(ClientLine, socket=socket, sound=client_sound(plan.settings))
        else:
            line = partial(
                PhoneLine,
                pair=self._pairs[number],
                loop=self._loop,
                chance=lambda: secrets.randbits(32),
                watch=Watch(timeout_s=self._media_timeout_s),
            )
        session = Session(number, line, self._tell, self._ticker, self._recordings if record else None)
        self._sessions[number] = session
        factory = self._factories.get(plan.kind)
        if factory is None:
            session.fail(f"no agent of the kind {plan.kind!r} is known; expected one of {', '.join(self._factories)}")
            return
        self._spawn(session.open(factory, plan, path))

    # ------------------------------------------------------------------------------------------------------- clients

    def _knocked(self, call_id: str, socket: JoinSocket) -> None:
        self._last += 1
        self._joining[self._last] = socket
        self._tell(Knocked(self._last, call_id))

    def _left(self, socket: JoinSocket, words: str) -> None:
        for sockets in (self._joining, self._joined):
            for number, one in tuple(sockets.items()):
                if one is socket:
                    self._tell(Left(number, socket.close_code in _IN_ORDER, words))
                    del sockets[number]

    def _dismiss(self, number: int, code: int, words: str) -> None:
        socket = self._joining.pop(number, None) or self._joined.pop(number, None)
        if socket is not None:
            self._spawn(socket.close(code, words))

    async def _close(self, number: int) -> None:
        self._dismiss(number, _NORMAL, "")
        session = self._sessions.pop(number, None)
        if session is not None:
            await session.close()
        else:
            self._tell(Closed(number, SoundQuality()))
        pair = self._pairs.pop(number, None)
        if pair is not None and self._pool is not None:
            self._pool.give_back(pair, self._loop.time())
            self._grant()

    def _inspected(self) -> Inspected:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        with open("/proc/self/statm") as statm:
            pages = int(statm.read().split()[1])
        return Inspected(
            sessions=len(self._sessions),
            lateness=self._ticker.lateness,
            cpu_s=usage.ru_utime + usage.ru_stime,
            memory_kb=pages * resource.getpagesize() // 1024,
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def serve(fd: int) -> None:
    """Be a worker over the socket `fd` until the control process lets go of it."""
    done = asyncio.Event()
    sock = socket.socket(fileno=fd)
    sock.setblocking(False)
    await asyncio.get_running_loop().connect_accepted_socket(lambda: Worker(done), sock)
    await done.wait()
