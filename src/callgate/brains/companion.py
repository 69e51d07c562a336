"""A process of its own that is asked one thing after another: started in the background, restarted when it dies.

What takes longer than a millisecond may not run in a media worker. Both sides speak frames over the child's standard
input and output: four bytes of length, big-endian, then so many bytes. The child sends one empty frame when it is
ready, then one answer for each question, in order. It ends when its input does, so none outlives its worker.
"""

import asyncio
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import BinaryIO, Final, cast

_LENGTH_BYTES: Final = 4
WAITING_MAX: Final = 16  # questions; a companion that far behind is late for every one of them
ANSWER_S_MAX: Final = 5.0  # a companion that thinks for longer hangs, and is replaced
RESTART_S_MIN: Final = 1.0
RESTART_S_MAX: Final = 60.0
_NICENESS: Final = 5  # sound goes first: a frame is late after 20 ms, an answer after some 100

Answered = Callable[[bytes | None], None]


class Companion(asyncio.SubprocessProtocol):
    """One such process, as the worker sees it.

    Args:
        module: run as ``python -m module``; it calls `serve`.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._transport: asyncio.SubprocessTransport | None = None
        self._starting: asyncio.Task[None] | None = None
        self._restart: asyncio.TimerHandle | None = None
        self._restart_s = RESTART_S_MIN
        self._closed = False
        self._received = bytearray()
        self._waiting: deque[tuple[float, Answered]] = deque()
        self.ready = False
        self.gone = asyncio.Event()
        """Set while no process runs."""
        self.gone.set()

    @property
    def process_id(self) -> int | None:
        """Of the process that runs now."""
        return self._transport.get_pid() if self._transport is not None else None

    def warm(self) -> None:
        """See that the process runs, or soon will. Returns at once."""
        if self._transport is None and self._starting is None and self._restart is None and not self._closed:
            self._starting = asyncio.get_running_loop().create_task(self._start(), name=f"start {self._module}")

    def ask(self, question: bytes, answered: Answered) -> bool:
        """Have `answered` called with the answer, or with ``None`` when the process died over it.

        Returns:
            Whether the question could be put; if not, `answered` will not be called.
        """
        if not self.ready or self._transport is None or len(self._waiting) >= WAITING_MAX:
            return False
        now = time.monotonic()
        if self._waiting and now - self._waiting[0][0] > ANSWER_S_MAX:
            self._transport.kill()
            return False
        # uvloop's transports are not asyncio's by inheritance.
        pipe = cast("asyncio.WriteTransport", self._transport.get_pipe_transport(0))
        pipe.write(len(question).to_bytes(_LENGTH_BYTES, "big") + question)
        self._waiting.append((now, answered))
        return True

    def close(self) -> None:
        """End the process; it is not started again."""
        self._closed = True
        self.ready = False
        if self._restart is not None:
            self._restart.cancel()
        if self._starting is not None:
            self._starting.cancel()
        if self._transport is not None:
            self._transport.close()
        self._waiting.clear()

    async def _start(self) -> None:
        try:
            await asyncio.get_running_loop().subprocess_exec(
                lambda: self, sys.executable, "-m", self._module, stdin=-1, stdout=-1, stderr=-3
            )
        except OSError:  # out of processes or memory: calls go on without it
            self._start_later()
        finally:
            self._starting = None

    def _start_later(self) -> None:
        if not self._closed:
            self._restart = asyncio.get_running_loop().call_later(self._restart_s, self._start_again)
            self._restart_s = min(2 * self._restart_s, RESTART_S_MAX)

    def _start_again(self) -> None:
        self._restart = None
        self.warm()

    # ------------------------------------------------------------------------------------------- the loop's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The process has been started."""
        # uvloop's transports are not asyncio's by inheritance.
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self._received.clear()
        self.gone.clear()
        if self._closed:
            transport.close()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """The process wrote something."""
        self._received += data
        while len(self._received) >= _LENGTH_BYTES:
            end = _LENGTH_BYTES + int.from_bytes(self._received[:_LENGTH_BYTES], "big")
            if len(self._received) < end:
                return
            answer = bytes(self._received[_LENGTH_BYTES:end])
            del self._received[:end]
            if not self.ready:
                self.ready = not self._closed
            elif self._waiting:
                self._restart_s = RESTART_S_MIN
                self._waiting.popleft()[1](answer)

    def process_exited(self) -> None:
        """The process has ended: what it was asked stays unanswered."""
        if self._transport is not None:
            self._transport.close()
        self._transport, self.ready = None, False
        self.gone.set()
        unanswered, self._waiting = self._waiting, deque()
        for _, answered in unanswered:
            answered(None)
        self._start_later()


def serve(answer: Callable[[bytes], bytes]) -> None:
    """The child's side: answer questions until the input ends."""
    # Ctrl-C reaches the whole group; the worker decides when its companions end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)
    _write(sys.stdout.buffer, b"")
    while header := sys.stdin.buffer.read(_LENGTH_BYTES):
        _write(sys.stdout.buffer, answer(sys.stdin.buffer.read(int.from_bytes(header, "big"))))


def _write(stream: BinaryIO, frame: bytes) -> None:
    stream.write(len(frame).to_bytes(_LENGTH_BYTES, "big") + frame)
    stream.flush()
