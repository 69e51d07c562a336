"""A crowd of callers and models in a process of its own, seen from the process that measures."""

import asyncio
import contextlib
import multiprocessing
import os
from multiprocessing.connection import Connection
from typing import Final

from callgate.bench import crowd
from callgate.bench.crowd import Crowd, Seen

_ANSWER_S_MAX: Final = 60.0


class BenchFailed(Exception):
    """A measurement could not be made; words for an operator."""


class Load:
    """One crowd.

    Args:
        calls: how many.
        wideband: see `Crowd`.
        core: to run on.
        alone: whether the core is its own, so that it may wait without sleeping.
        kind: of crowd: what its models speak.

    Attributes:
        model_port: where the models listen.
        caller_ports: of each caller.
    """

    def __init__(self, calls: int, *, wideband: bool, core: int, alone: bool, kind: type[Crowd] = Crowd) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe: Connection
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=crowd.main, args=(theirs, calls, wideband, alone, kind), daemon=True)
        self._process.start()
        theirs.close()
        os.sched_setaffinity(self._process.pid or 0, [core])
        self.model_port = 0
        self.caller_ports: list[int] = []

    async def ready(self) -> None:
        """Wait until it listens."""
        heard = await self._hear()
        assert isinstance(heard, tuple)
        _, self.model_port, self.caller_ports = heard

    def go(self, ports: list[int]) -> None:
        """Have caller n call port n."""
        self._pipe.send(("go", ports))

    def rest(self) -> None:
        """Have the models pause for 200 ms, as speech does."""
        self._pipe.send(("rest",))

    async def seen(self) -> Seen:
        """What it saw since it was asked last."""
        with contextlib.suppress(OSError):  # it has ended by itself, which `_hear` tells
            self._pipe.send(("seen",))
        seen = await self._hear()
        assert isinstance(seen, Seen)
        return seen

    async def stop(self) -> None:
        """End it."""
        with contextlib.suppress(OSError):  # it has ended by itself
            self._pipe.send(("stop",))
        await asyncio.to_thread(self._process.join, 5)
        if self._process.is_alive():
            self._process.kill()

    async def _hear(self) -> "Seen | tuple[str, int, list[int]]":
        if not await asyncio.to_thread(self._pipe.poll, _ANSWER_S_MAX):
            raise BenchFailed(f"the process of callers did not answer within {_ANSWER_S_MAX:g} s")
        try:
            heard: Seen | tuple[str, int, list[int]] = self._pipe.recv()
        except (EOFError, OSError):
            raise BenchFailed("the process of callers has ended; see its words above") from None
        return heard
