"""A DNS server on the loopback, with the records a test gives it."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset


class Names(asyncio.DatagramProtocol):
    """Answers questions; what it has no record for does not exist.

    Attributes:
        records: by name and type, e.g. ``("_sip._udp.example.org", "SRV")``.
        asked: names and types, in order.
        silent: whether it answers nobody.
    """

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], Sequence[str]] = {}
        self.asked: list[tuple[str, str]] = []
        self.silent = False
        self.port = 0

    @classmethod
    async def open(cls) -> "Names":
        _, names = await asyncio.get_running_loop().create_datagram_endpoint(cls, local_addr=("127.0.0.1", 0))
        return names

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True), question.rdtype.name
        self.asked.append((name, kind))
        if self.silent:
            return
        answer = dns.message.make_response(query)
        found = self.records.get((name.lower(), kind))
        if found is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        else:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *found))
        self._transport.sendto(answer.to_wire(), addr)

    def close(self) -> None:
        self._transport.close()
