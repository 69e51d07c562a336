"""A proxy before a server that cuts connections where a test wants them cut."""

import asyncio
from collections.abc import Callable


class CuttingProxy:
    """Passes bytes on both ways.

    Attributes:
        port: that it listens on, of 127.0.0.1.
        accepts: whether new connections are taken.
        cut_before: asked of what a client sends: cut the connection instead of passing it on?
        cut_after: likewise: pass it on, and cut the connection when the server has answered?
    """

    def __init__(self, server_port: int) -> None:
        self.accepts = True
        self.cut_before: Callable[[bytes], bool] = lambda data: False
        self.cut_after: Callable[[bytes], bool] = lambda data: False
        self._server_port = server_port
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "CuttingProxy":
        self._server = await asyncio.start_server(self._taken, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        if not self.accepts:
            writer.close()
            return
        theirs, ours = await asyncio.open_connection("127.0.0.1", self._server_port)
        back = asyncio.create_task(_pass_on(theirs, writer))
        try:
            while data := await reader.read(65_536):
                if self.cut_before(data):
                    break
                if self.cut_after(data):
                    back.cancel()
                    await asyncio.gather(back, return_exceptions=True)
                    ours.write(data)
                    await theirs.read(65_536)
                    break
                ours.write(data)
                await ours.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            back.cancel()
            await asyncio.gather(back, return_exceptions=True)
            ours.close()
            writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
