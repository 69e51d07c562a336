"""Where sound is sent: the address of the SDP, until packets prove another."""

from typing import Final

Address = tuple[str, int]

PROOF_PACKETS: Final = 4  # a blind stranger would have to guess as many sequence numbers
SILENCE_S: Final = 2.0  # a source quiet for longer has moved or gone; shorter gaps are ordinary loss


class Latch:
    """Learns the source of one leg's sound. The caller passes only packets of a negotiated payload type.

    Attributes:
        latched: the source that was proved; ``None`` while the SDP's word is all there is.
        heard_s: when a packet came from there last; to be kept up by who reads from there alone.
    """

    __slots__ = ("_candidate", "_count", "_next", "_sdp", "_ssrc", "heard_s", "latched")

    def __init__(self, sdp: Address) -> None:
        self._sdp = sdp
        self._forget()

    @property
    def target(self) -> Address:
        """Where to send now."""
        return self.latched or self._sdp

    def redirect(self, sdp: Address) -> None:
        """The SDP gave an address; when it is a new one, what was learnt is forgotten."""
        if sdp != self._sdp:
            self._sdp = sdp
            self._forget()

    @property
    def signalled(self) -> Address:
        """What the SDP said."""
        return self._sdp

    def _forget(self) -> None:
        self.latched: Address | None = None
        self._candidate: Address | None = None
        self._count = 0
        self._ssrc = 0
        self._next = 0
        self.heard_s = 0.0

    def accept(self, source: Address, ssrc: int, sequence: int, now_s: float) -> bool:
        """Whether a packet is the caller's; a source is learnt after `PROOF_PACKETS` in sequence with one SSRC."""
        if source == self.latched:
            self.heard_s = now_s
            return True
        if self.latched is not None and now_s - self.heard_s < SILENCE_S:
            return False
        if source == self._candidate and ssrc == self._ssrc and sequence == self._next:
            self._count += 1
        else:
            self._candidate, self._ssrc, self._count = source, ssrc, 1
        self._next = (sequence + 1) & 0xFFFF
        if self._count >= PROOF_PACKETS:
            self.latched, self._candidate, self.heard_s = source, None, now_s
            return True
        return self.latched is None and source == self._sdp
