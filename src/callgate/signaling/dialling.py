"""Calls that peers or the API ask us to place: where they go is found once, and is never ourselves."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

from callgate.core.sip.challenge import Login
from callgate.core.sip.locate import destination
from callgate.core.sip.uri import SipUri, write_host
from callgate.ports import Callee, CannotDial, DialListener
from callgate.signaling.outgoing import OutgoingCall
from callgate.signaling.transport import Hop, Peer

if TYPE_CHECKING:
    from callgate.signaling.endpoint import SipEndpoint


class Dialling:
    """Implements `ports.Dialler`.

    Args:
        endpoint: to send with.
        refusal: why an address (IP text) may not be called, in words; ``None`` when it may.
    """

    def __init__(self, endpoint: "SipEndpoint", refusal: Callable[[str], str | None] = lambda address: None) -> None:
        self._endpoint = endpoint
        self._refusal = refusal

    async def dial(
        self,
        uri: SipUri,
        spoken: str,
        *,
        from_uri: str,
        headers: Sequence[tuple[str, str]],
        sdp: Callable[[Callee], bytes],
        listener: DialListener,
        login: Login | None = None,
    ) -> OutgoingCall:
        """Find where a URI leads, and send an INVITE there.

        Raises:
            CannotDial: it leads nowhere, where nobody may be called, or to ourselves.
        """
        peer = await self._find(uri, spoken)
        here = self._endpoint.media_address(peer)
        offered = sdp(Callee(peer.transport, peer.address, here))
        hop: Peer | Hop = peer
        if peer.transport == "udp" and uri.transport is None:
            # RFC 3261 section 18.1.1 (Sending Requests): what is too long for UDP goes to the same place over TCP.
            hop = Hop(replace(uri, host=peer.address, port=peer.port, parameters=()), peer, routed=True, guess=peer)
        return self._endpoint.invite(
            str(uri),
            hop,
            from_uri=from_uri or f"sip:callgate@{write_host(here)}",
            headers=headers,
            sdp=offered,
            listener=listener,
            login=login,
        )

    async def _find(self, uri: SipUri, spoken: str) -> Peer:
        transports = self._endpoint.transports
        status, words = 503, f"{uri.host} leads nowhere"
        for transport, address, port in await transports.places(destination(uri, spoken)):
            there = ip_address(address)
            if there.is_multicast or there.is_unspecified or not transports.reaches(transport, address):
                continue
            refusal = self._refusal(address)
            if refusal is not None:
                status, words = 403, refusal
                continue
            if transports.is_own(address, port):
                # Its answer would be a call of ours to ourselves, and that one's REFER another.
                status, words = 482, f"{uri.host} is this node itself"
                continue
            return Peer(transport, address, port, name=uri.host if transport == "tls" else "")
        raise CannotDial(words, status)
