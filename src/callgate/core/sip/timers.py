"""The timers of SIP as multiples of T1, and waits that double."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timers:
    """RFC 3261 appendix A (Table of Timer Values), in seconds.

    Attributes:
        t1: estimate of the round trip; 0.5 unless the network is known better.
        t2: longest wait between repetitions.
        t4: how long a message may linger in the network.
    """

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0

    @classmethod
    def of(cls, t1: float) -> "Timers":
        """All three in the usual proportion to T1."""
        return cls(t1, 8 * t1, 10 * t1)

    @property
    def whole(self) -> float:
        """64·T1: timers B, D, F, H, J, L and M, after which the peer is given up."""
        return 64 * self.t1

    def longer(self, wait: float) -> float:
        """The wait after `wait`: double, up to T2."""
        return min(2 * wait, self.t2)
