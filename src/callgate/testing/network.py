"""A network that loses, delays, reorders and repeats: the same way each time it is asked with the same seed.

It decides and carries nothing: who uses it sends each packet when it is told to.
"""

import random
from dataclasses import dataclass
from typing import Final

_SWAP_S: Final = 0.025  # one that is overtaken comes this much later: behind the next one of a stream of 20 ms


@dataclass(frozen=True, slots=True)
class Impairment:
    """What is wrong with a network.

    Attributes:
        loss: share of packets that never arrive, 0 to 1.
        burst: how many are lost in a row when one is, on average; 1 or more.
        jitter_s: delay varies from nothing to this; packets of one stream overtake each other when it is long enough.
        reordered: share of packets that are overtaken by the next one.
        duplicated: share of packets that come twice.
    """

    loss: float = 0.0
    burst: float = 1.0
    jitter_s: float = 0.0
    reordered: float = 0.0
    duplicated: float = 0.0


class Network:
    """One direction of one stream.

    Args:
        impairment: what is wrong with it.
        seed: which of all such networks it is.

    Attributes:
        sent: packets it was given.
        lost: of them, those that never arrive.
        overtaken: those it held back.
        repeated: those that come twice.
    """

    def __init__(self, impairment: Impairment, seed: int) -> None:
        self._impairment = impairment
        self._chance = random.Random(seed)
        self._losing = False
        self.sent = self.lost = self.overtaken = self.repeated = 0

    def arrivals(self, at_s: float) -> tuple[float, ...]:
        """When a packet sent at `at_s` arrives: never, once, or twice."""
        self.sent += 1
        if self._is_lost():
            self.lost += 1
            return ()
        chance, impairment = self._chance.random, self._impairment
        arrives_s = at_s + chance() * impairment.jitter_s
        if chance() < impairment.reordered:
            self.overtaken += 1
            arrives_s += _SWAP_S
        if chance() < impairment.duplicated:
            self.repeated += 1
            return (arrives_s, arrives_s + chance() * impairment.jitter_s)
        return (arrives_s,)

    def _is_lost(self) -> bool:
        """Gilbert's model: two states, with the mean share of losses and the mean length of a burst that were asked."""
        loss, burst = self._impairment.loss, self._impairment.burst
        if self._losing:
            self._losing = self._chance.random() >= 1 / burst
        elif loss:
            self._losing = self._chance.random() < loss / (burst * (1 - loss))
        return self._losing
