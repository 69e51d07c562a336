"""Where sound is sent: the address of the SDP, until packets prove another."""

from typing import Final

Address = tuple[str, int]

PROOF_PACKETS: Final = 4  # a blind stranger would have to guess as many sequence numbers
SILENCE_S: Final = 2.0  # a source quiet for longer has moved or gone; shorter gaps are ordinary loss


class Latch:
    """Learns the source of one leg's sound. The caller passes only packets of a negotiated payload type."""

    __slots__ = ("_candidate", "_count", "_heard_s", "_latched", "_next", "_sdp", "_ssrc")

    def __init__(self, sdp: Address) -> None:
        self._sdp = sdp
        self._forget()

    @property
    def target(self) -> Address:
        """Where to send now."""
        return self._latched or self._sdp

    def redirect(self, sdp: Address) -> None:
        """The SDP gave an address; when it is a new one, what was learnt is forgotten."""
        if sdp != self._sdp:
            self._sdp = sdp
            self._forget()

    def _forget(self) -> None:
        self._latched: Address | None = None
        self._candidate: Address | None = None
        self._count = 0
        self._ssrc = 0
        self._next = 0
        self._heard_s = 0.0

    def accept(self, source: Address, ssrc: int, sequence: int, now_s: float) -> bool:
        """Whether a packet is the caller's; a source is learnt after `PROOF_PACKETS` in sequence with one SSRC."""
        if source == self._latched:
            self._heard_s = now_s
            return True
        if self._latched is not None and now_s - self._heard_s < SILENCE_S:
            return False
        if source == self._candidate and ssrc == self._ssrc and sequence == self._next:
            self._count += 1
        else:
            self._candidate, self._ssrc, self._count = source, ssrc, 1
        self._next = (sequence + 1) & 0xFFFF
        if self._count >= PROOF_PACKETS:
            self._latched, self._candidate, self._heard_s = source, None, now_s
            return True
        return self._latched is None and source == self._sdp
