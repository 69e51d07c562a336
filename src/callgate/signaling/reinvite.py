"""A re-INVITE of ours, and the ACKs of what comes back. RFC 3261 section 14.1 (UAC Behavior)."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from callgate.core.sip.dialog import Dialog
from callgate.core.sip.message import Request, Response
from callgate.signaling.transport import Peer

if TYPE_CHECKING:
    from callgate.signaling.endpoint import SipEndpoint


class Reinvite:
    """One re-INVITE. Its 2xx is acknowledged however often it comes, also when the dialog has ended meanwhile.

    RFC 5407 appendix B (BYE Request Overlapping with re-INVITE): a transaction goes on although its dialog is over.
    """

    def __init__(
        self,
        endpoint: "SipEndpoint",
        dialog: Dialog,
        last: Peer,
        headers: Sequence[tuple[str, str]],
        sdp: bytes,
        responded: Callable[[Response], None],
        failed: Callable[[str], None],
    ) -> None:
        """Send it.

        Args:
            endpoint: to send with.
            dialog: within which.
            last: the peer, as its last message came.
            headers: further ones.
            sdp: the offer.
            responded: told the final response, once.
            failed: told in words when there will be none.
        """
        self._endpoint = endpoint
        self._dialog = dialog
        self._last = last
        self._told = responded
        self._ack: Request | None = None
        hop = endpoint.next_hop(dialog, last)
        self._request = dialog.request(
            "INVITE", via=endpoint.via(hop), headers=(*headers, ("Content-Type", "application/sdp")), body=sdp
        )
        endpoint.transact(self._request, hop, self._responded, failed)

    def _responded(self, response: Response) -> None:
        if response.status < 200:
            return
        if response.status >= 300:  # its ACK is the transaction's
            self._told(response)
            return
        repeated = self._ack is not None
        self._dialog.refresh(response)
        hop = self._endpoint.next_hop(self._dialog, self._last)
        if self._ack is None:
            self._ack = self._dialog.request("ACK", via=self._endpoint.via(hop), sequence=self._request.cseq.number)
        self._endpoint.send(self._ack, hop)
        if not repeated:
            self._told(response)
