"""The control side: starts workers, holds the credits they grant, and stands in for their sessions."""

import asyncio
import contextlib
import os
import socket
import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, cast

from callgate.core.rtp.watch import TIMEOUT_S
from callgate.entities.call import ToolUse
from callgate.entities.json import JsonObject
from callgate.media.protocol import (
    Begin,
    Close,
    Closed,
    Configure,
    Digit,
    Dismiss,
    Failed,
    Granted,
    HangUp,
    Happened,
    Inspect,
    Inspected,
    Knocked,
    Left,
    Measured,
    OfSession,
    Open,
    Press,
    Ready,
    Redirect,
    Reserve,
    Restage,
    Said,
    Say,
    Staged,
    Tell,
    ToWorker,
    Unpacker,
    Unusable,
    pack,
    to_control,
)
from callgate.media.recording import FREE_BYTES_MIN
from callgate.ports import ClientSession, MediaSession, SessionListener, SoundPath
from callgate.ports.brain import BrainPlan, StageRefused

# Reading prompts and importing takes half a second; a machine under load ten times that.
_START_S_MAX: Final = 30.0
# A worker that dies at once, again and again, must not become a busy loop.
_RESTART_S: Final = 1.0


class CannotStartWorker(Exception):
    """A media worker could not be started; words for an operator."""


class RemoteSession:
    """A session in a worker, as the control process sees it. Implements `ports.MediaSession`."""

    def __init__(self, number: int, rtp_port: int, worker: "WorkerProcess") -> None:
        self._number = number
        self._port = rtp_port
        self._worker = worker
        self._listener: SessionListener | None = None
        self._closing = False

    @property
    def rtp_port(self) -> int:
        """The even local port."""
        return self._port

    def open(
        self, brain: BrainPlan, path: SoundPath | None, listener: SessionListener, *, record: bool = False
    ) -> None:
        """Bind sound to brain."""
        self._listener = listener
        self._worker.tell(Open(self._number, brain.kind, brain.call_id, brain.settings, brain.about, path, record))
        if self._worker.dead:
            asyncio.get_running_loop().call_soon(listener.lost)

    def redirect(self, path: SoundPath) -> None:
        """The SDP changed."""
        self._worker.tell(Redirect(self._number, path))

    def begin(self) -> None:
        """The call is joined."""
        self._worker.tell(Begin(self._number))

    def digit(self, digit: str, duration_ms: int) -> None:
        """A digit that did not come over RTP."""
        self._worker.tell(Digit(self._number, digit, duration_ms))

    def say(self, text: str, then_hang_up: str | None = None) -> None:
        """Have the brain speak."""
        self._worker.tell(Say(self._number, text, then_hang_up))

    def tell(self, message: JsonObject) -> None:
        """Give the brain a data message."""
        self._worker.tell(Tell(self._number, message))

    def press(self, digits: str) -> None:
        """Press keys."""
        self._worker.tell(Press(self._number, digits))

    def close(self) -> None:
        """End it; harmless when done already."""
        if not self._closing:
            self._closing = True
            self._worker.tell(Close(self._number))

    def heard(self, message: OfSession) -> None:
        """Something of the worker about this session."""
        listener = self._listener
        if listener is None:
            return
        match message:
            case Ready():
                listener.ready()
            case Failed(_, reason):
                listener.brain_failed(reason)
            case Said(_, role, text, medium, start_ms, end_ms, tool):
                listener.message(role, text, medium, start_ms, end_ms, None if tool is None else ToolUse(**tool))
            case Restage(_, settings):
                self._worker.tell(self._staged(listener, settings))
            case Happened(_, severity, type, text, extras):
                listener.event(severity, type, text, extras)
            case HangUp(_, outcome):
                listener.hang_up_requested(outcome)
            case Measured(_, quality):
                listener.measured(quality)
            case Closed(_, quality):
                self._listener = None  # who listens holds this session: no circle is to be left of a call
                listener.closed(quality)

    def _staged(self, listener: SessionListener, settings: JsonObject) -> Staged:
        try:
            stage = listener.stage(settings)
        except StageRefused as error:
            return Staged(self._number, "", {}, str(error))
        return Staged(self._number, stage.stage_id, stage.settings, "")

    def lost(self) -> None:
        """The worker died."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.lost()


class RemoteClientSession(RemoteSession):
    """That of a client which joined without a phone. Implements `ports.ClientSession`."""

    def __init__(self, number: int, worker: "WorkerProcess") -> None:
        super().__init__(number, 0, worker)
        self._left: Callable[[bool, str], None] = _nobody

    def on_left(self, left: Callable[[bool, str], None]) -> None:
        """Say who is told that the client has gone."""
        self._left = left

    def dismiss(self, code: int, words: str) -> None:
        """Close its connection."""
        self._worker.tell(Dismiss(self._number, code, words))

    def heard(self, message: OfSession) -> None:
        """Something of the worker about this session."""
        if isinstance(message, Left):
            left, self._left = self._left, _nobody
            left(message.in_order, message.words)
        else:
            super().heard(message)


class WorkerProcess(asyncio.Protocol):
    """One worker: its process, its socket, its credits."""

    def __init__(
        self,
        configure: Configure,
        died: Callable[["WorkerProcess"], None],
        knocked: Callable[[str, RemoteClientSession], None],
    ) -> None:
        self._configure = configure
        self._died = died
        self._knocked = knocked
        self._unpacker = Unpacker()
        self._transport: asyncio.WriteTransport | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._out: list[bytes] = []
        self._sessions: dict[int, RemoteSession] = {}
        self._first = asyncio.get_running_loop().create_future()
        self._inspections: deque[asyncio.Future[Inspected]] = deque()
        self.credits: deque[tuple[int, int]] = deque()
        self.dead = False

    async def start(self) -> None:
        """Start the process and wait for its first credits.

        Raises:
            CannotStartWorker: it ended, or said why it cannot.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            ours.setblocking(False)
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "callgate.app.worker",
                str(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                # A frame is too small to be shared between threads, and a thread a core would only lie about.
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            )
        await asyncio.get_running_loop().connect_accepted_socket(lambda: self, ours)
        self.tell(self._configure)
        try:
            async with asyncio.timeout(_START_S_MAX):
                await self._first
        except TimeoutError:
            raise CannotStartWorker(f"a media worker did not start within {_START_S_MAX:g} s") from None

    async def stop(self) -> None:
        """Let go of it and wait until it has ended."""
        self.dead = True
        if self._transport is not None:
            self._transport.close()
        if self._process is not None:
            try:
                async with asyncio.timeout(5):
                    await self._process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process is not None
        return self._process.pid

    @property
    def load(self) -> int:
        """Sessions promised or open."""
        return len(self._sessions)

    async def inspect(self) -> Inspected:
        """How it is.

        Raises:
            ConnectionError: it has died.
        """
        if self.dead:
            raise ConnectionResetError("the media worker has died")
        answer: asyncio.Future[Inspected] = asyncio.get_running_loop().create_future()
        self._inspections.append(answer)
        self.tell(Inspect())
        return await answer

    def reserve(self) -> RemoteSession:
        """Take a credit; there must be one."""
        number, port = self.credits.popleft()
        self.tell(Reserve(number))
        session = RemoteSession(number, port, self)
        self._sessions[number] = session
        return session

    def tell(self, message: ToWorker) -> None:
        """Say something; what one turn of the loop has to say leaves in one piece."""
        if self.dead:
            return
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(pack(message))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        # uvloop's transports are not asyncio's by inheritance.
        self._transport = cast("asyncio.WriteTransport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop: the worker has ended."""
        expected, self.dead = self.dead, True
        self.credits.clear()
        sessions, self._sessions = self._sessions, {}
        if not self._first.done():
            self._first.set_exception(CannotStartWorker("a media worker ended as it started; see its words above"))
        for session in sessions.values():
            session.lost()
        while self._inspections:
            if not (answer := self._inspections.popleft()).done():
                answer.set_exception(ConnectionResetError("the media worker has died"))
        if not expected:
            self._died(self)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        for body in self._unpacker.feed(data):
            message = to_control.decode(body)
            if isinstance(message, Granted):
                self.credits.extend(message.sessions)
                if not self._first.done():
                    self._first.set_result(None)
            elif isinstance(message, Inspected):
                if not (answer := self._inspections.popleft()).done():
                    answer.set_result(message)
            elif isinstance(message, Unusable):
                if not self._first.done():
                    self._first.set_exception(CannotStartWorker(f"a media worker cannot start: {message.reason}"))
            elif isinstance(message, Knocked):
                client = self._sessions[message.session] = RemoteClientSession(message.session, self)
                self._knocked(message.call_id, client)
            else:
                self._pass_on(message)

    def _pass_on(self, message: OfSession) -> None:
        if isinstance(message, Closed):
            session = self._sessions.pop(message.session, None)
        else:
            session = self._sessions.get(message.session)
        if session is not None:
            session.heard(message)

    def _flush(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
        self._out.clear()


class WorkerMedia:
    """All workers of a node. Implements `ports.Media`.

    Args:
        count: processes.
        factory: ``module:attribute`` of what makes the factories of brains, called in each worker.
        factory_settings: handed to it.
        bind: IP address of the RTP sockets.
        port_first: of the node's range, split evenly.
        port_last: likewise.
        port_rest_s: between two calls on a port.
        sessions_max: of the node, split evenly.
        media_timeout_s: a call of which nothing is heard for so long is over; 0: never.
        recordings: folder; empty: nothing can be recorded.
        recordings_free_bytes_min: of its disk.
        codecs: that calls may have; others work, but their first call waits for what has to be loaded.
        on_lost: told in words when a worker died, and when one could not be replaced yet.
        on_replaced: told when another has taken its place.
        join_host: where clients without a phone join; empty: nowhere.
        join_port: shared by the workers; must be held by who made this.

    Attributes:
        on_knock: told which call a client wants to join, and its session, which must be opened or closed.
    """

    def __init__(
        self,
        *,
        count: int,
        factory: str,
        factory_settings: JsonObject,
        bind: str,
        port_first: int,
        port_last: int,
        port_rest_s: float,
        sessions_max: int,
        media_timeout_s: float = TIMEOUT_S,
        recordings: str = "",
        recordings_free_bytes_min: int = FREE_BYTES_MIN,
        codecs: Sequence[str] = ("PCMU", "PCMA"),
        on_lost: Callable[[str], None] = lambda words: None,
        on_replaced: Callable[[], None] = lambda: None,
        join_host: str = "",
        join_port: int = 0,
    ) -> None:
        ports = (port_last - port_first + 1) // count // 2 * 2
        self._configurations = [
            Configure(
                factory=factory,
                factory_settings=factory_settings,
                bind=bind,
                port_first=port_first + index * ports,
                port_last=port_first + (index + 1) * ports - 1,
                port_rest_s=port_rest_s,
                sessions_max=-(-sessions_max // count),
                media_timeout_s=media_timeout_s,
                recordings=recordings,
                recordings_free_bytes_min=recordings_free_bytes_min,
                codecs=list(codecs),
                join_host=join_host,
                join_port=join_port,
            )
            for index in range(count)
        ]
        self._workers: list[WorkerProcess] = []
        self._on_lost = on_lost
        self._on_replaced = on_replaced
        self.on_knock: Callable[[str, ClientSession], None] = _turn_away
        self._restarts: set[asyncio.Task[None]] = set()
        self._closing = False

    async def start(self) -> None:
        """Start every worker.

        Raises:
            CannotStartWorker: one could not.
        """
        for configuration in self._configurations:
            worker = WorkerProcess(configuration, self._worker_died, self._knocked)
            self._workers.append(worker)
            await worker.start()

    async def close(self) -> None:
        """End every worker; sessions still open are lost."""
        self._closing = True
        for task in tuple(self._restarts):
            task.cancel()
        await asyncio.gather(*(worker.stop() for worker in self._workers))

    @property
    def free(self) -> int:
        """How many sessions could be reserved now."""
        return sum(len(worker.credits) for worker in self._workers)

    @property
    def pids(self) -> list[int]:
        """Of the workers that live."""
        return [worker.pid for worker in self._workers if not worker.dead]

    def reserve(self) -> MediaSession | None:
        """Take a slot, of the worker that carries least."""
        able = [worker for worker in self._workers if worker.credits]
        return min(able, key=lambda worker: worker.load).reserve() if able else None

    async def inspect(self) -> list[Inspected]:
        """How the workers are, in their order.

        Raises:
            ConnectionError: one has died.
        """
        return list(await asyncio.gather(*(worker.inspect() for worker in self._workers)))

    def _knocked(self, call_id: str, session: ClientSession) -> None:
        self.on_knock(call_id, session)

    def _worker_died(self, worker: WorkerProcess) -> None:
        if self._closing or worker not in self._workers:
            return
        self._on_lost("a media worker died; its calls have ended, another is being started")
        task = asyncio.get_running_loop().create_task(self._replace(worker), name="restart media worker")
        self._restarts.add(task)
        task.add_done_callback(self._restarts.discard)

    async def _replace(self, worker: WorkerProcess) -> None:
        configuration = self._configurations[self._workers.index(worker)]
        await worker.stop()
        while True:
            fresh = WorkerProcess(configuration, self._worker_died, self._knocked)
            try:
                await fresh.start()
            except (CannotStartWorker, OSError) as error:
                self._on_lost(str(error))
                await fresh.stop()
                await asyncio.sleep(_RESTART_S)
                continue
            self._workers[self._workers.index(worker)] = fresh
            self._on_replaced()
            return


def _nobody(in_order: bool, words: str) -> None:
    """Before anybody listens."""


def _turn_away(call_id: str, session: ClientSession) -> None:
    """Before anybody knows of calls."""
    session.close()
