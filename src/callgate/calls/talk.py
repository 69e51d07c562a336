"""The offer and answer of one leg: what was agreed on sound, first and after every re-INVITE.

RFC 3264 (An Offer/Answer Model with the Session Description Protocol).
"""

from collections.abc import Callable

from callgate.core.sdp.description import SdpError
from callgate.core.sdp.negotiate import answer, offer, read_answer
from callgate.core.sdp.terms import SoundTerms
from callgate.entities.json import JsonObject
from callgate.ports import SoundPath


class Talk:
    """Where and how sound flows on one leg, as both sides' SDP says."""

    def __init__(
        self,
        offered: bytes,
        address: str,
        port: int,
        session_id: int,
        terms: SoundTerms,
        new_key: Callable[[int], bytes],
    ) -> None:
        """Set out to answer.

        Args:
            offered: the INVITE's SDP; empty for a delayed offer, which we make in the 200.
            address: ours, as this peer sees it.
            port: ours for RTP.
            session_id: of our SDP's origin line.
            terms: what we want of sound; those by which admission judged the offer.
            new_key: so many random bytes, for SRTP.
        """
        self._offered = offered
        self._address = address
        self._port = port
        self._session_id = session_id
        self._terms = terms
        self._new_key = new_key
        self._version = 0
        self._awaiting_answer = False
        self.local = b""
        self.path: SoundPath | None = None

    def negotiate(self) -> None:
        """Answer the INVITE's offer, or make one, unless our ringing had to bring it already.

        Raises:
            SdpError: the offer has nothing for us; admission has seen to it that this is a rarity.
        """
        if self._offered:
            self._answer(self._offered)
        elif not self.local:
            self._offer()

    def offer(self) -> bytes:
        """Our SDP as it stands, made when there is none; what it says is not changed by being said again.

        RFC 4028 section 7.4 (Generating Subsequent Session Refresh Requests): an unchanged `o=` line says so.
        """
        if not self.local:
            self._offer()
        return self.local

    def reoffered(self, sdp: bytes) -> bytes:
        """Our SDP for a re-INVITE with the offer `sdp`, or without one.

        Raises:
            SdpError: the offer has nothing for us; what was agreed before stays.
        """
        if sdp:
            self._answer(sdp)
        else:
            self._offer()
        return self.local

    def take_answer(self, body: bytes) -> bool:
        """Take the SDP of an ACK, a PRACK or a 200; whether it settled where sound flows.

        Raises:
            SdpError: we had offered, and `body` is no answer to that.
        """
        if not self._awaiting_answer:
            return False
        if not body:
            raise SdpError("there is no SDP; expected the answer to our offer")
        self.path = read_answer(body, self.local, self._terms)
        self._awaiting_answer = False
        return True

    def retake_answer(self, body: bytes) -> bool:
        """Take the answer to an offer that changed nothing; whether the peer has changed something nevertheless.

        An answer that cannot be used changes nothing either: what was agreed on before stays.
        """
        try:
            path = read_answer(body, self.local)
        except SdpError:
            return False
        before, self.path = self.path, path
        return path != before

    @property
    def awaits_answer(self) -> bool:
        """Whether we have offered something new, and the peer has not answered."""
        return self._awaiting_answer

    def facts(self) -> JsonObject:
        """For records: codec, addresses, directions, the suite of SRTP; never its keys."""
        if self.path is None:
            return {}
        return {
            "codec": self.path.codec,
            "remote": f"{self.path.remote_address}:{self.path.remote_port}",
            "local": f"{self._address}:{self._port}",
            "sends": self.path.send,
            "receives": self.path.receive,
            "digits": self.path.digits_payload_type is not None,
            "srtp": self.path.crypto.suite if self.path.crypto is not None else None,
        }

    def _answer(self, offered: bytes) -> None:
        negotiated = answer(
            offered,
            address=self._address,
            port=self._port,
            session_id=self._session_id,
            version=self._version,
            terms=self._terms,
            new_key=self._new_key,
            before=self.path,
        )
        self.local, self.path = negotiated.sdp, negotiated.path
        self._version += 1
        self._awaiting_answer = False

    def _offer(self) -> None:
        self.local = offer(
            address=self._address,
            port=self._port,
            session_id=self._session_id,
            version=self._version,
            terms=self._terms,
            new_key=self._new_key,
            before=self.path,
            last=self.local,
        )
        self._version += 1
        self._awaiting_answer = True
