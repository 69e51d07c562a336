"""A connection to an OpenAI-Realtime server, configured and with its formats settled; nothing of the conversation."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from callgate.brains.realtime_server import FALLBACK_FORMAT, RealtimeServer
from callgate.brains.socket import BrainSocket, BrainUnreachable
from callgate.core.dialects.openai_profiles import Profile
from callgate.core.dialects.openai_realtime import (
    Configuration,
    Event,
    ServerError,
    SessionCreated,
    SessionUpdated,
    configure,
    read,
)

_SETTLE_S_MAX: Final = 5.0  # for the server to greet and to take its configuration, after the connection


class RealtimeLink:
    """One session of a server. Made by `open`.

    Attributes:
        format: of sound, both ways.
    """

    def __init__(self, heard: Callable[[Event], None], ended: Callable[[str], None]) -> None:
        self._heard = heard
        self._ended = ended
        self._socket: BrainSocket | None = None
        self._settling: asyncio.Queue[Event | str] | None = asyncio.Queue()
        self.format = FALLBACK_FORMAT

    @classmethod
    async def open(
        cls,
        server: RealtimeServer,
        *,
        wanted: Configuration,
        heard: Callable[[Event], None],
        ended: Callable[[str], None],
    ) -> "RealtimeLink":
        """Connect and configure; events that come later are told to `heard`, the end to `ended`.

        A server that does not take the wanted format is asked for 24 kHz PCM.

        Raises:
            BrainUnreachable: it cannot be reached, or does not take the configuration.
        """
        link = cls(heard, ended)
        link._socket = await BrainSocket.connect(
            server.url,
            headers=server.headers,
            guard=server.guard,
            on_text=link._read,
            on_binary=lambda data: None,
            on_closed=link._closed,
        )
        try:
            async with asyncio.timeout(_SETTLE_S_MAX):
                await link._settle(wanted, server.profile)
        except TimeoutError:
            await link.close()
            raise BrainUnreachable(f"the server took no configuration within {_SETTLE_S_MAX:g} s") from None
        except BaseException:
            await link.close()
            raise
        return link

    def send(self, message: bytes) -> None:
        """Send; nothing happens once it has ended."""
        if self._socket is not None:
            self._socket.send_text(message)

    async def close(self) -> None:
        """Let go; `ended` is not called."""
        self._settling = None
        if self._socket is not None:
            await self._socket.close()

    async def _settle(self, wanted: Configuration, profile: Profile) -> None:
        assert self._settling is not None
        while not isinstance(await self._next(), SessionCreated):
            pass
        self.send(configure(wanted, profile))
        while True:
            found = await self._next()
            if isinstance(found, SessionUpdated):
                spoken = {found.hears or wanted.format, found.speaks or wanted.format}
                if spoken == {wanted.format}:
                    break
                refusal = f"the server speaks {' and '.join(sorted(spoken))}"
            elif isinstance(found, ServerError):
                refusal = f"the server refused its configuration: {found.message or found.code}"
            else:
                continue
            if wanted.format == FALLBACK_FORMAT:
                raise BrainUnreachable(refusal)
            wanted = replace(wanted, format=FALLBACK_FORMAT)
            self.send(configure(wanted, profile))
        self.format = wanted.format
        self._settling = None

    async def _next(self) -> Event:
        assert self._settling is not None
        found = await self._settling.get()
        if isinstance(found, str):
            raise BrainUnreachable(found)
        return found

    def _read(self, message: bytes) -> None:
        event = read(message)
        if event is None:
            return
        if self._settling is not None:
            self._settling.put_nowait(event)
        else:
            self._heard(event)

    def _closed(self, why: str) -> None:
        if self._settling is not None:
            self._settling.put_nowait(why)
        else:
            self._ended(why)
