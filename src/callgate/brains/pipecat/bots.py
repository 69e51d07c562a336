"""The processes of one bot, as a media worker sees them: started at once, restarted when they die, calls shared out.

What a bot does may take an interpreter for 10 to 90 ms at once, which no frame of sound can wait for: so it is done in
a process of its own, and only bytes cross.
"""

import asyncio
import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, cast

import callgate
from callgate.brains.pipecat.wire import (
    PROCESS,
    Frame,
    Kind,
    Unpacker,
    WireError,
    pack,
    pack_sound,
    write_object,
)
from callgate.entities.json import JsonObject

RESTART_S_MIN: Final = 1.0
RESTART_S_MAX: Final = 60.0
# A bot that takes nothing for so long hangs, and its callers hear nothing. Longer than loading a model takes, which
# careless bots do in the middle of calls.
ANSWER_S_MAX: Final = 10.0
_PING_S: Final = 1.0
BACKLOG_BYTES_MAX: Final = 8 * 1024 * 1024  # ten seconds of some twenty calls at 16 kHz, and their settings
_CALLS_NUMBERED: Final = 2**32 - 1
_WORDS_CHARACTERS_MAX: Final = 500
# Its interpreter need not have Callgate installed: it is given this one, and nothing else of this environment.
_BOOT: Final = """
import importlib.util, sys
folder = sys.argv[1]
spec = importlib.util.spec_from_file_location("callgate", folder + "/__init__.py", submodule_search_locations=[folder])
sys.modules["callgate"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
from callgate.brains.pipecat.process import main
main()
"""
_FOLDER: Final = str(Path(callgate.__file__).parent)


class BotUnavailable(OSError):
    """No process can take a call; words for its record."""


class Caller(Protocol):
    """Who is told what a bot does."""

    def told(self, frame: Frame) -> None:
        """A frame of the bot."""
        ...

    def lost(self, words: str) -> None:
        """Its process has ended."""
        ...


@dataclass(frozen=True, slots=True)
class Launch:
    """How a process is started.

    Attributes:
        bot: ``module:function``.
        path: folder of the module.
        python: path of the interpreter.
    """

    bot: str
    path: str
    python: str


class BotCall:
    """One call of a process."""

    def __init__(self, process: "BotProcess", number: int) -> None:
        self._process = process
        self._number = number

    def send(self, kind: Kind, fields: JsonObject | None = None) -> None:
        """Tell the bot; `WireError` when it is too long for it."""
        self._process.write(pack(self._number, kind, b"" if fields is None else write_object(fields)))

    def sound(self, heard_bytes: int, sound: bytes, now_s: float) -> None:
        """Send 20 ms of the caller, and how much of the bot's sound has been heard."""
        self._process.write(pack_sound(self._number, heard_bytes, sound))
        self._process.watch(now_s)

    def close(self) -> None:
        """The call is over. Its place is free when the bot has finished."""
        self._process.leave(self._number)


class BotProcess(asyncio.Protocol):
    """One process.

    Args:
        launch: how it is started.
        bots: told when it can take calls, or can no longer.
    """

    def __init__(self, launch: Launch, bots: "Bots") -> None:
        self._launch = launch
        self._bots = bots
        self._process: subprocess.Popen[bytes] | None = None
        self._transport: asyncio.Transport | None = None
        self._starting: asyncio.Task[None] | None = None
        self._restart: asyncio.TimerHandle | None = None
        self._restart_s = RESTART_S_MIN
        self._unpacker = Unpacker()
        self._callers: dict[int, Caller | None] = {}  # ``None``: the call is over, and the bot has not finished
        self._number = PROCESS
        self._pinged_s: float | None = None
        self._closed = False
        self.ready = False
        self.answers = True
        """Whether it has answered what it was asked last."""
        self.words = ""
        """Why there is no process; empty: there is one, or will soon be."""
        self.gone = asyncio.Event()
        """Set while no process runs."""
        self.gone.set()

    @property
    def process_id(self) -> int | None:
        """Of the process that runs now."""
        return self._process.pid if self._process is not None else None

    @property
    def load(self) -> int:
        """Calls whose bots have not finished."""
        return len(self._callers)

    def warm(self) -> None:
        """See that the process runs, or soon will. Returns at once."""
        if self._process is None and self._starting is None and self._restart is None and not self._closed:
            self._starting = asyncio.get_running_loop().create_task(self._start(), name=f"start {self._launch.bot}")

    def open(self, caller: Caller, known: JsonObject) -> BotCall:
        """Have the bot's function run for a call.

        Args:
            caller: told what it does.
            known: the fields of a `call.Call`.

        Raises:
            WireError: they are too long.
        """
        self._number = self._number % _CALLS_NUMBERED + 1
        self.write(pack(self._number, Kind.OPEN, write_object(known)))
        self._callers[self._number] = caller
        return BotCall(self, self._number)

    def write(self, frame: bytes) -> None:
        """Send it a frame; one that takes none is ended."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > BACKLOG_BYTES_MAX:
            self._kill("the bot's process takes no sound any more")
            return
        self._transport.write(frame)

    def watch(self, now_s: float) -> None:
        """Time has passed in a call: a process that does not answer is ended."""
        if self._pinged_s is None or (self.answers and now_s - self._pinged_s >= _PING_S):
            self._pinged_s, self.answers = now_s, False
            self.write(pack(PROCESS, Kind.PING))
        elif not self.answers and now_s - self._pinged_s > ANSWER_S_MAX:
            self._kill(f"the bot's process has not answered for {ANSWER_S_MAX:g} s")

    def leave(self, number: int) -> None:
        """A call is over."""
        if number in self._callers:
            self._callers[number] = None
            self.write(pack(number, Kind.CLOSE))

    def close(self) -> None:
        """Have the process end, by itself and after its bots have; it is not started again."""
        self._closed = True
        self.ready = False
        if self._restart is not None:
            self._restart.cancel()
        if self._starting is not None:
            self._starting.cancel()
        if self._transport is not None:
            self._transport.close()
        self._let_go()

    # --------------------------------------------------------------------------------------------------- the process

    async def _start(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                ours.setblocking(False)
                self._process = _started(self._launch, theirs)
            self.gone.clear()
            await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=ours)
        except OSError as error:
            ours.close()
            self._down(f"the bot's process cannot be started: {error}")
        except asyncio.CancelledError:
            ours.close()
            raise
        finally:
            self._starting = None

    def _down(self, words: str) -> None:
        """There is no process: say why, and try again later."""
        self.ready = False
        self.words = self.words or words
        callers, self._callers = self._callers, {}
        self._let_go()
        if not self._closed:
            self._restart = asyncio.get_running_loop().call_later(self._restart_s, self._start_again)
            self._restart_s = min(2 * self._restart_s, RESTART_S_MAX)
        self._bots.changed()
        for caller in callers.values():
            if caller is not None:
                caller.lost(self.words)

    def _start_again(self) -> None:
        self._restart = None
        self.words = ""
        self.warm()

    def _kill(self, words: str) -> None:
        self.words = self.words or words
        self.ready = False
        if self._process is not None:
            self._process.kill()

    def _let_go(self) -> None:
        """Have the process know that it is to end, and wait for that beside."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        if not self._closed:
            process.kill()
        # A thread, since it may take a while, and one that nobody waits for when the worker ends.
        threading.Thread(target=self._reap, args=(process, asyncio.get_running_loop()), daemon=True).start()

    def _reap(self, process: "subprocess.Popen[bytes]", loop: asyncio.AbstractEventLoop) -> None:
        process.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: the worker has ended
            loop.call_soon_threadsafe(self.gone.set)

    # ------------------------------------------------------------------------------------------- the loop's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        # uvloop's transports are not asyncio's by inheritance.
        self._transport = cast("asyncio.Transport", transport)
        self._unpacker = Unpacker()
        self._pinged_s, self.answers = None, True

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        try:
            frames = self._unpacker.feed(data)
        except WireError as error:
            self._kill(f"the bot's process has lost step: {error}")
            return
        for frame in frames:
            if frame.call == PROCESS:
                self._told(frame)
            elif frame.call in self._callers:
                caller = self._callers[frame.call]
                if frame.kind is Kind.DONE:
                    del self._callers[frame.call]
                elif frame.kind is Kind.READY:
                    self._restart_s = RESTART_S_MIN
                if caller is not None:
                    caller.told(frame)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop: the process has ended, or has been let go of."""
        self._transport = None
        self._down("the bot's process has died")

    def _told(self, frame: Frame) -> None:
        if frame.kind is Kind.READY:
            self.ready, self.words = not self._closed, ""
            self._bots.changed()
        elif frame.kind is Kind.UNUSABLE:
            self.words = frame.body.decode(errors="replace")[:_WORDS_CHARACTERS_MAX]
        elif frame.kind is Kind.PONG:
            self.answers = True


class Bots:
    """The processes of one bot in a media worker.

    Args:
        launch: how they are started.
        processes: how many.
        calls_per_process: that each takes at a time.
    """

    def __init__(self, launch: Launch, *, processes: int, calls_per_process: int) -> None:
        self._calls_per_process = calls_per_process
        self._waiting: set[asyncio.Future[None]] = set()
        self.processes: Sequence[BotProcess] = [BotProcess(launch, self) for _ in range(processes)]

    def warm(self) -> None:
        """See that all run, or soon will."""
        for process in self.processes:
            process.warm()

    def changed(self) -> None:
        """A process can take calls, or no longer."""
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def take(self, caller: Caller, known: JsonObject) -> BotCall:
        """Have the process with the fewest calls run the bot's function; waits for one that is being started.

        Raises:
            BotUnavailable: none runs or will soon, or each has as many calls as it takes.
        """
        self.warm()
        while True:
            ready = [process for process in self.processes if process.ready]
            free = [process for process in ready if process.load < self._calls_per_process]
            if free:
                return min(free, key=lambda process: process.load).open(caller, known)
            if all(process.ready or process.words for process in self.processes):
                break
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            await future
        if ready:
            raise BotUnavailable(f"the bot has {sum(process.load for process in ready)} calls, as many as it takes")
        raise BotUnavailable(self.processes[0].words)

    def close(self) -> None:
        """Have all end."""
        for process in self.processes:
            process.close()


def _started(launch: Launch, sock: socket.socket) -> "subprocess.Popen[bytes]":
    """Start a process with its end of a socket pair."""
    number = sock.fileno()
    return subprocess.Popen(  # noqa: S603 (whoever writes the configuration says what runs)
        [launch.python, "-P", "-c", _BOOT, _FOLDER, str(number), launch.bot, launch.path],
        stdin=subprocess.PIPE,  # ends with the worker, whatever becomes of either
        stdout=2,  # what a bot prints is the node's log, not its output
        pass_fds=(number,),
        # Ctrl-C reaches the whole group; the worker decides when its bots end.
        start_new_session=True,
        # At its usual level Pipecat logs what people say.
        env={"LOGURU_LEVEL": "INFO", **os.environ},
    )
