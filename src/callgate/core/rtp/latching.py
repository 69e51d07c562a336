"""Where sound is sent: the address of the SDP, until packets prove another."""

from typing import Final

Address = tuple[str, int]

PROOF_PACKETS: Final = 4  # a blind stranger would have to guess as many sequence numbers
# Sources that prove themselves at a time: who sends from many ports must not keep the caller from being known.
CANDIDATES_MAX: Final = 16
SILENCE_S: Final = 2.0  # a source quiet for longer has moved or gone; shorter gaps are ordinary loss


class Latch:
    """Learns the source of one leg's sound. The caller passes only packets of a negotiated payload type.

    Attributes:
        latched: the source that was proved; ``None`` while the SDP's word is all there is.
        heard_s: when a packet came from there last; to be kept up by who reads from there alone.
    """

    __slots__ = ("_candidates", "_sdp", "heard_s", "latched")

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
        self._candidates: dict[Address, tuple[int, int, int]] = {}  # SSRC, the number that is next, packets in order
        self.heard_s = 0.0

    def accept(self, source: Address, ssrc: int, sequence: int, now_s: float) -> bool:
        """Whether a packet is the caller's; a source is learnt after `PROOF_PACKETS` in sequence with one SSRC."""
        if source == self.latched:
            self.heard_s = now_s
            return True
        if self.latched is not None and now_s - self.heard_s < SILENCE_S:
            return False
        candidates = self._candidates
        before, expected, count = candidates.get(source, (ssrc, sequence, 0))
        count = count + 1 if (ssrc, sequence) == (before, expected) else 1
        if count >= PROOF_PACKETS:
            self.latched, self.heard_s = source, now_s
            candidates.clear()
            return True
        if source not in candidates and len(candidates) >= CANDIDATES_MAX:
            del candidates[next(iter(candidates))]
        candidates[source] = ssrc, (sequence + 1) & 0xFFFF, count
        return self.latched is None and source == self._sdp
