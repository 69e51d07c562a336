"""Names of URLs resolved by us, with the address guard behind every answer."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

from callgate.runtime.address_guard import AddressGuard

# A name whose servers do not answer holds a thread for up to half a minute; in a pool of its own it holds up only
# other names. Sixteen dead names at a time are more than one deployment has.
_THREADS_MAX: Final = 16


class ForbiddenAddress(OSError):
    """A URL leads to an address that may not be reached."""


class GuardedResolver(AbstractResolver):
    """The system's resolver (hosts file, DNS), less the addresses that may not be reached.

    The addresses it returns are the ones connected to: nothing is looked up a second time.
    """

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._threads = ThreadPoolExecutor(_THREADS_MAX, thread_name_prefix="resolver")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of `host`.

        Raises:
            ForbiddenAddress: it has some, but none that may be reached.
            OSError: it has none.
        """
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        )
        results: list[ResolveResult] = []
        refusal = None
        for one_family, _, protocol, _, address in found:
            text = str(address[0])
            why = self._guard.refusal(text)
            if why is not None:
                refusal = why
                continue
            results.append(
                ResolveResult(
                    hostname=host,
                    host=text,
                    port=port,
                    family=one_family,
                    proto=protocol,
                    flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                )
            )
        if not results and refusal is not None:
            raise ForbiddenAddress(refusal)
        return results

    async def close(self) -> None:
        """Let the threads go; those that wait for a dead name end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)
