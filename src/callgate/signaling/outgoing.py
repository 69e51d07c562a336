"""A call of ours: an INVITE we send and the dialog it begins.

Of the built-in phone, to whom a caller refers us, or to whom the API wants called.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from callgate.core.sip.challenge import Login, authorization
from callgate.core.sip.dialog import Dialog
from callgate.core.sip.errors import SipError
from callgate.core.sip.headers import Headers
from callgate.core.sip.invite_usage import Effect, Input, State
from callgate.core.sip.message import Request, Response
from callgate.ports import DialListener, DialogListener
from callgate.signaling.exchange import ClientExchange
from callgate.signaling.told import ToldDialog
from callgate.signaling.transport import Hop, Peer

if TYPE_CHECKING:
    from callgate.signaling.endpoint import SipEndpoint


class CallListener(DialListener, DialogListener, Protocol):
    """Who is told everything of a call of ours."""


class OutgoingCall(ToldDialog[DialogListener]):
    """One call of ours. Implements `ports.DialledLeg`."""

    owns_call_id = True

    def __init__(
        self,
        endpoint: "SipEndpoint",
        invite: Request,
        hop: Peer | Hop,
        dialler: DialListener,
        login: Login | None = None,
    ) -> None:
        """Say what is to be sent, and where.

        Args:
            endpoint: to send with.
            invite: the INVITE.
            hop: where it goes.
            dialler: told what becomes of it; what happens once it is answered is told to whoever listens then.
            login: what a challenge is answered with, once; ``None``: it is a refusal.
        """
        super().__init__(endpoint, hop.guess if isinstance(hop, Hop) else hop)
        self._sent = invite
        self._hop = hop
        self._dialler = dialler
        self._login = login
        self._proof: tuple[tuple[str, str], ...] = ()  # the header that answered a challenge
        self._client: ClientExchange | None = None
        self._provisional = False
        self._ack: Request | None = None

    def begin(self) -> None:
        """Send the INVITE."""
        self._client = self._endpoint.transact(self._sent, self._hop, self._responded, self._given_up)

    def ring(self) -> None:
        """It rings over there."""

    def answer(self, sdp: bytes) -> None:
        """Whoever is called answers."""

    def refuse(self, status: int, headers: Sequence[tuple[str, str]] = (), cause: str = "") -> None:
        """Whoever is called refuses; we give up."""
        self.hang_up(cause)

    def cancel(self) -> None:
        """Give up before an answer; once a provisional response has come. RFC 3261 section 9.1 (Client Behavior)."""
        if self._take(Input.WE_LEAVE) is Effect.CANCEL and self._provisional:
            self._send_cancel()

    def hang_up(self, cause: str = "") -> None:
        """Send BYE; where nobody has answered yet, give up."""
        if self.dialog is None:
            self.cancel()
        else:
            self.leave(cause)

    def digit(self, digit: str, duration_ms: int) -> None:
        """Send a digit by INFO."""
        body = f"Signal={digit}\r\nDuration={duration_ms}\r\n".encode()
        self.request("INFO", (("Content-Type", "application/dtmf-relay"),), body)

    def on_disconnected(self) -> None:
        """The connection has gone; the next request makes another."""

    def _responded(self, response: Response) -> None:
        if response.status < 200:
            first, self._provisional = not self._provisional, True
            if self.usage.state is State.CANCELLING:
                if first:
                    self._send_cancel()
            else:
                self._dialler.progress(response.status, response.reason, response.body)
        elif response.status < 300:
            self._answered(response)
        elif not self._proves(response):
            self._close()
            self._dialler.refused(response.status, response.reason, tuple(response.headers))

    def _proves(self, response: Response) -> bool:
        """Answer a challenge by another INVITE, if we can. RFC 3261 section 22.2 (User-to-User Authentication)."""
        login, self._login = self._login, None  # a second challenge says that they are not right
        if login is None or self._client is None or self.usage.state is State.CANCELLING:
            return False
        cnonce = self._endpoint.token(16)
        sent = self._sent
        proof = authorization(
            response.status, tuple(response.headers), login, method="INVITE", uri=sent.uri, cnonce=cnonce
        )
        if proof is None:
            return False
        if self._client.peer.reliable:
            self._hop = self._client.peer  # with its connection
        again = Request("INVITE", sent.uri, Headers([*sent.headers, proof]), sent.body)
        again.headers.set("Via", self._endpoint.via(self._hop))
        again.headers.set("CSeq", f"{sent.cseq.number + 1} INVITE")
        self._proof, self._sent, self._provisional = (proof,), again, False
        self.begin()
        return True

    def _answered(self, response: Response) -> None:
        if self._ack is None:
            if self.usage.left:
                return  # a copy of an answer that could not be understood
            assert self._client is not None, "it is there until a final response has come"
            # Let go of: it holds this, and a circle would wait for the collector.
            self.peer, self._client = self._client.peer, None
            try:
                self.dialog = Dialog.of_callee(self._sent, response)
                hop = self._endpoint.next_hop(self.dialog, self.peer)
            except SipError as error:
                self._close()
                self._dialler.failed(f"the answer cannot be understood: {error}")
                return
            self._endpoint.keep(self)
            # RFC 3261 section 13.2.2.4: with the credentials of the INVITE.
            self._ack = self.dialog.request(
                "ACK", via=self._endpoint.via(hop), sequence=self._sent.cseq.number, headers=self._proof
            )
            self._endpoint.send(self._ack, hop)
            self.note(response)
            self._session.accepted(response)
            if self._take(Input.PEER_ANSWERED) is Effect.SEND_BYE:
                self._dialler.refused(487, "Request Terminated", ())
            else:
                self._dialler.answered(response.body)
        elif self.dialog is not None and response.to.tag == self.dialog.remote_tag:
            self._endpoint.send(self._ack, self._endpoint.next_hop(self.dialog, self.peer))
        else:
            self._decline_fork(response)

    def _decline_fork(self, response: Response) -> None:
        """A second callee answered too: it gets its ACK and a BYE. RFC 3261 section 13.2.2.4 (2xx Responses)."""
        dialog = Dialog.of_callee(self._sent, response)
        hop = self._endpoint.next_hop(dialog, self.peer)
        self._endpoint.send(dialog.request("ACK", via=self._endpoint.via(hop), sequence=self._sent.cseq.number), hop)
        bye = dialog.request("BYE", via=self._endpoint.via(hop))
        self._endpoint.transact(bye, hop, lambda response: None, lambda reason: None)

    def _given_up(self, reason: str) -> None:
        self._close()
        self._dialler.failed(reason)

    def _close(self) -> None:
        """A refusal came, or there will be no final response."""
        self._client = None
        self._take(Input.REFUSED)

    def _send_cancel(self) -> None:
        headers = self._sent.headers
        items = [("Via", headers.all("Via")[0]), ("Max-Forwards", "70")]
        items += [(name, headers.get(name) or "") for name in ("From", "To", "Call-ID")]
        items.append(("CSeq", f"{self._sent.cseq.number} CANCEL"))
        cancel = Request("CANCEL", self._sent.uri, Headers(items))
        assert self._client is not None
        self._endpoint.transact(cancel, self._client.peer, lambda response: None, lambda reason: None)
        # RFC 3261 section 9.1 (Client Behavior): no final answer within 64·T1 counts as one.
        self._endpoint.alarms.after(self._endpoint.timers.whole, self._cancelled_long_ago)

    def _cancelled_long_ago(self) -> None:
        if self._client is not None:
            self._client.abandon()
            self._given_up("the CANCEL brought no final answer")


def invite_of(
    uri: str,
    *,
    via: str,
    contact: str,
    from_uri: str,
    from_display_name: str | None,
    from_tag: str,
    call_id: str,
    user_agent: str,
    allow: str,
    headers: Sequence[tuple[str, str]],
    sdp: bytes,
) -> Request:
    """An INVITE that begins a call. RFC 3261 section 13.2.1 (Creating the Initial INVITE)."""
    name = (
        f'"{from_display_name.replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34))}" '
        if from_display_name
        else ""
    )
    items = [
        ("Via", via),
        ("Max-Forwards", "70"),
        ("From", f"{name}<{from_uri}>;tag={from_tag}"),
        ("To", f"<{uri}>"),
        ("Call-ID", call_id),
        ("CSeq", "1 INVITE"),
        ("Contact", contact),
        ("Allow", allow),
        ("Supported", "timer"),
        ("User-Agent", user_agent),
        *headers,
    ]
    if sdp:
        items.append(("Content-Type", "application/sdp"))
    return Request("INVITE", uri, Headers(items), sdp)
