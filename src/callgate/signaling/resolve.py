"""Names in SIP URIs, resolved: RFC 3263 (Locating SIP Servers), without NAPTR (decision 0020).

SRV records are asked of DNS, by a library that holds up nothing meanwhile; addresses of the system, which knows its
hosts file too, on threads of their own.
"""

import asyncio
import random
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from callgate.core.sip.locate import Destination, Service, ordered

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver as DnsResolver

_RESOLVE_S_MAX: Final = 5.0  # a BYE waits for it, and then goes to where the INVITE came from
_ANSWER_S_MAX: Final = 2.0  # for one question, its repetitions included
_PLACES_MAX: Final = 8  # more servers of one name are not tried: each may take its seconds
_KEPT_MAX: Final = 1_000  # answers remembered, as long as they themselves allow
# A name whose servers do not answer holds a thread for up to half a minute; so many dead names hold up only others.
_THREADS_MAX: Final = 8

Place = tuple[str, str, int]
"""Transport, IP text and port."""


class Resolver:
    """Finds places for destinations.

    Args:
        servers: IP addresses of DNS servers; none: those of the system.
        port: of these.
        chance: for servers of equal priority.
    """

    def __init__(
        self, servers: Sequence[str] = (), port: int = 53, chance: random.Random | random.SystemRandom | None = None
    ) -> None:
        self._servers = list(servers)
        self._port = port
        self._chance = chance or random.SystemRandom()
        self._threads = ThreadPoolExecutor(_THREADS_MAX, thread_name_prefix="sip resolver")
        self._dns: DnsResolver | None = None

    async def places(self, wanted: Destination) -> list[Place]:
        """Where a destination is, best first; empty when nobody knows in time."""
        if wanted.address is not None:
            return [(transport, str(wanted.address), wanted.port_for(transport)) for transport in wanted.transports[:1]]
        try:
            async with asyncio.timeout(_RESOLVE_S_MAX):
                return (await self._find(wanted))[:_PLACES_MAX]
        except TimeoutError:
            return []

    def close(self) -> None:
        """Let the threads go; those that wait for a dead name end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _find(self, wanted: Destination) -> list[Place]:
        asked = await asyncio.gather(*(self._services(name) for name, _ in wanted.services))
        found: list[Place] = []
        for (_, transport), services in zip(wanted.services, asked, strict=True):
            for service in ordered(services, lambda most: self._chance.randint(0, most))[:_PLACES_MAX]:
                found += [(transport, address, service.port) for address in await self._addresses(service.target)]
        if found or any(asked):
            return found  # RFC 2782: where there are SRV records, the name's own addresses are not asked for
        if not wanted.transports:
            return []
        transport = wanted.transports[0]
        port = wanted.port_for(transport)
        return [(transport, address, port) for address in await self._addresses(wanted.host)]

    async def _addresses(self, name: str) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(
                self._threads, lambda: socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
            )
        except (OSError, UnicodeError):  # not found; or no name at all
            return []
        return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))

    async def _services(self, name: str) -> list[Service]:
        """The SRV records of a name; none also when DNS does not answer."""
        resolver = self._dns
        if resolver is None:
            # Most peers give addresses: what asks DNS is loaded for the first that does not, on a thread.
            resolver = self._dns = await asyncio.get_running_loop().run_in_executor(self._threads, self._load)
            if resolver is None:
                return []
        from dns.exception import DNSException

        try:
            answer = await resolver.resolve(name, "SRV", lifetime=_ANSWER_S_MAX, search=False)
        except (DNSException, OSError, ValueError):
            return []
        return [
            Service(record.priority, record.weight, record.target.to_text(omit_final_dot=True).strip("."), record.port)
            for record in answer
        ]

    def _load(self) -> "DnsResolver | None":
        """What asks DNS; ``None`` where the system names no server."""
        from dns.asyncresolver import Resolver as DnsResolver
        from dns.exception import DNSException
        from dns.resolver import LRUCache

        try:
            resolver = DnsResolver(configure=not self._servers)
        except DNSException:
            return None
        if self._servers:
            resolver.nameservers = self._servers
            resolver.port = self._port
        resolver.cache = LRUCache(_KEPT_MAX)
        return resolver
