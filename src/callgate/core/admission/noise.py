"""Strangers that keep calling without ever being admitted are answered less, and then not at all.

Every refusal costs us a datagram and teaches a scanner that somebody is there. Each source has a bucket of tokens that
fills by the minute; whatever it brings takes one. While there are tokens it is answered, below none every fourth time,
and as far below as the bucket is deep it is silenced until it has been quiet for the pause.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

# While its bucket is empty every fourth attempt is still answered: a trunk set up wrongly, with a burst of calls, still
# shows its owner a 403.
_ANSWERED_OF: Final = 4

# Hosts get a whole /64 of IPv6 each and can change the rest of the address at will.
_IPV6_PREFIX_BITS: Final = 64

TALLIES_MAX: Final = 1_000
"""Sources told of one by one per report; a flood from more is told of as one sum. A thousand take some 10 ms."""


@dataclass(slots=True)
class _Stranger:
    address: str
    tokens: float
    last: float
    attempts: int = 0
    silenced: bool = False


@dataclass(frozen=True, slots=True)
class NoisySource:
    """A source that is silenced.

    Attributes:
        address: as it was last seen.
        attempts: since it was first heard of.
        until: when it is heard again if it stays quiet; seconds on the caller's clock.
    """

    address: str
    attempts: int
    until: float


@dataclass(slots=True)
class Tally:
    """What one source brought since the last report.

    Attributes:
        address: as it was last seen; empty for all those that are not told of one by one.
        refused: answered with a refusal, or not to be answered at all.
        ignored: not looked at.
    """

    address: str
    refused: int = 0
    ignored: int = 0


class NoiseTable:
    """Strangers and how often they were refused.

    Who is never a stranger (inside any account's ranges, a registrar, a proxy of ours) must not be put in: ask only
    about others, or pass `spared`. `now` is in seconds, on any clock that never goes back.

    Args:
        refusals_per_minute: answered without restraint; the depth of a bucket, and what flows into it in a minute.
        pause_s: how long a silenced source must be quiet to be heard again.
        sources_max: how many are remembered; the one not heard of for longest is forgotten first.
        spared: addresses never treated so.
    """

    def __init__(
        self,
        *,
        refusals_per_minute: int = 60,
        pause_s: float = 300.0,
        sources_max: int = 50_000,
        spared: Callable[[str], bool] = lambda address: False,
    ) -> None:
        self._depth = float(refusals_per_minute)
        self._pause_s = pause_s
        self._sources_max = sources_max
        self._spared = spared
        self._strangers: OrderedDict[str, _Stranger] = OrderedDict()
        self._tallies: dict[str, Tally] = {}
        self._others = Tally("")
        self.ignored_ever = 0
        """How often something has not been looked at, ever."""

    def __len__(self) -> int:
        """How many strangers are remembered."""
        return len(self._strangers)

    def noisy(self, address: str, now: float) -> bool:
        """Whether what comes from `address` (IP text) now is to be ignored; say so to `ignored` when it is."""
        if not self._strangers:
            return False
        key = _key(address)
        stranger = self._strangers.get(key)
        if stranger is None:
            return False
        if self._spared(address) or (stranger.silenced and now - stranger.last >= self._pause_s):
            del self._strangers[key]
            return False
        if stranger.silenced:
            return True
        return self._filled(stranger, now) < 1 and stranger.attempts % _ANSWERED_OF != 0

    def ignored(self, address: str, now: float) -> None:
        """What came was not looked at."""
        self.ignored_ever += 1
        if self._take(address, now):
            self._tally(address).ignored += 1

    def refused(self, address: str, now: float) -> None:
        """What came was answered with a refusal in steps 1 to 3, or was nothing that could be answered."""
        if self._take(address, now):
            self._tally(address).refused += 1

    def forget(self, address: str) -> None:
        """The source has been admitted after all."""
        self._strangers.pop(_key(address), None)

    def release(self, predicate: Callable[[str], bool]) -> int:
        """Forget the sources whose address satisfies `predicate`; after a PATCH, those that it admits.

        Returns:
            How many were forgotten.
        """
        released = [key for key, stranger in self._strangers.items() if predicate(stranger.address)]
        for key in released:
            del self._strangers[key]
        return len(released)

    def silenced(self, now: float) -> list[NoisySource]:
        """The sources not answered at `now`, the most recent first."""
        return [
            NoisySource(stranger.address, stranger.attempts, stranger.last + self._pause_s)
            for stranger in reversed(self._strangers.values())
            if stranger.silenced and now - stranger.last < self._pause_s
        ]

    def report(self) -> list[Tally]:
        """What came since the last report, per source; the sum of those beyond `TALLIES_MAX` is the last, if any."""
        tallies = list(self._tallies.values())
        if self._others.refused or self._others.ignored:
            tallies.append(self._others)
        self._tallies, self._others = {}, Tally("")
        return tallies

    def _take(self, address: str, now: float) -> bool:
        """Take a token of the source; ``False`` when it is none of ours to count."""
        if self._spared(address):
            return False
        key = _key(address)
        stranger = self._strangers.get(key)
        if stranger is None:
            stranger = self._strangers[key] = _Stranger(address, self._depth, now)
            if len(self._strangers) > self._sources_max:
                self._strangers.popitem(last=False)
        stranger.tokens = self._filled(stranger, now) - 1
        stranger.address = address
        stranger.attempts += 1
        stranger.last = now
        stranger.silenced = stranger.silenced or stranger.tokens <= -self._depth
        self._strangers.move_to_end(key)
        return True

    def _filled(self, stranger: _Stranger, now: float) -> float:
        """The tokens in its bucket; how many the source is short of where negative."""
        return min(self._depth, stranger.tokens + (now - stranger.last) * self._depth / 60.0)

    def _tally(self, address: str) -> Tally:
        key = _key(address)
        tally = self._tallies.get(key)
        if tally is None:
            if len(self._tallies) >= TALLIES_MAX:
                return self._others
            tally = self._tallies[key] = Tally(address)
        tally.address = address
        return tally


def _key(address: str) -> str:
    """What a source is counted under: an IPv4 address whole, mapped or not; an IPv6 address by its /64."""
    if ":" not in address:
        return address
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    mapped = getattr(parsed, "ipv4_mapped", None)
    if mapped is not None:
        return str(mapped)
    return f"{int(parsed) >> (128 - _IPV6_PREFIX_BITS):x}::/{_IPV6_PREFIX_BITS}"
