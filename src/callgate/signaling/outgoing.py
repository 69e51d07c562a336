"""A call of ours: an INVITE we send and the dialog it begins. Used by the built-in phone."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from callgate.core.sip.dialog import Dialog
from callgate.core.sip.errors import SipError
from callgate.core.sip.headers import Headers
from callgate.core.sip.message import Request, Response
from callgate.ports import ReofferAnswer
from callgate.signaling.exchange import ClientExchange
from callgate.signaling.transport import Peer
from callgate.signaling.within_dialog import ALLOW, WithinDialog

if TYPE_CHECKING:
    from callgate.signaling.endpoint import SipEndpoint


class DialListener(Protocol):
    """Who is told what becomes of a call of ours."""

    def progress(self, status: int, reason: str, sdp: bytes) -> None:
        """A provisional response."""
        ...

    def answered(self, sdp: bytes) -> None:
        """200 OK; the ACK has been sent."""
        ...

    def refused(self, status: int, reason: str, headers: Sequence[tuple[str, str]]) -> None:
        """A final response of 300 or more."""
        ...

    def failed(self, reason: str) -> None:
        """No final response will come."""
        ...

    def hung_up(self, cause: str) -> None:
        """The peer sent BYE."""
        ...

    def reoffered(self, sdp: bytes) -> ReofferAnswer:
        """The peer sent a re-INVITE or an UPDATE."""
        ...

    def offer(self) -> bytes:
        """Our SDP as it stands, unchanged, for a re-INVITE that only refreshes the session."""
        ...

    def settled(self, sdp: bytes) -> None:
        """The answer to it came; empty when it had none."""
        ...


class OutgoingCall(WithinDialog):
    """One call of ours."""

    owns_call_id = True

    def __init__(self, endpoint: "SipEndpoint", invite: Request, peer: Peer, listener: DialListener) -> None:
        super().__init__(endpoint, peer)
        self._sent = invite
        self._listener = listener
        self._client: ClientExchange | None = None
        self._provisional = False
        self._cancelling = False
        self._done = False  # a final response, or none will come
        self._ack: Request | None = None

    def begin(self) -> None:
        """Send the INVITE."""
        self._client = self._endpoint.transact(self._sent, self.peer, self._responded, self._given_up)

    def cancel(self) -> None:
        """Give up before an answer; once a provisional response has come. RFC 3261 section 9.1 (Client Behavior)."""
        if self._done or self._cancelling:
            return
        self._cancelling = True
        if self._provisional:
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

    def on_hung_up(self, cause: str) -> None:
        """BYE came."""
        self._listener.hung_up(cause)

    def on_vanished(self, cause: str) -> None:
        """The session was not refreshed."""
        self._listener.hung_up(cause)

    def on_digit(self, digit: str, duration_ms: int) -> None:
        """A digit came by INFO; a phone has no use for it."""

    def on_reoffered(self, sdp: bytes) -> ReofferAnswer:
        """A re-INVITE or UPDATE came."""
        return self._listener.reoffered(sdp)

    def on_offer(self) -> bytes:
        """Our SDP is needed."""
        return self._listener.offer()

    def on_settled(self, sdp: bytes) -> None:
        """The answer to it came."""
        self._listener.settled(sdp)

    def on_confirmed(self, body: bytes) -> None:
        """The ACK of our 200 to a re-INVITE came."""

    def on_unacknowledged(self) -> None:
        """It never came; a BYE has been sent."""
        self._listener.hung_up("a re-INVITE was never acknowledged")

    def on_disconnected(self) -> None:
        """The connection has gone; the next request makes another."""

    def _responded(self, response: Response) -> None:
        if response.status < 200:
            first, self._provisional = not self._provisional, True
            if self._cancelling:
                if first:
                    self._send_cancel()
            else:
                self._listener.progress(response.status, response.reason, response.body)
        elif response.status < 300:
            self._answered(response)
        else:
            self._done = True
            self._listener.refused(response.status, response.reason, tuple(response.headers))

    def _answered(self, response: Response) -> None:
        if self._ack is None:
            if self._done:
                return  # a copy of an answer that could not be understood
            self._done = True
            assert self._client is not None
            self.peer = self._client.peer
            try:
                self.dialog = Dialog.of_callee(self._sent, response)
                hop = self._endpoint.next_hop(self.dialog, self.peer)
            except SipError as error:
                self._listener.failed(f"the answer cannot be understood: {error}")
                return
            self._endpoint.keep(self)
            self._ack = self.dialog.request("ACK", via=self._endpoint.via(hop), sequence=self._sent.cseq.number)
            self._endpoint.send(self._ack, hop)
            self.note(response)
            self._session.accepted(response)
            if self._cancelling:  # the answer overtook the CANCEL
                self.leave()
                self._listener.refused(487, "Request Terminated", ())
            else:
                self._listener.answered(response.body)
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
        self._done = True
        self._listener.failed(reason)

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
        if not self._done and self._client is not None:
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
        ("Allow", ALLOW),
        ("Supported", "timer"),
        ("User-Agent", user_agent),
        *headers,
    ]
    if sdp:
        items.append(("Content-Type", "application/sdp"))
    return Request("INVITE", uri, Headers(items), sdp)
