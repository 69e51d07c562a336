"""Strangers that keep calling without ever being admitted are answered less, and then not at all.

Every refusal costs us a datagram and teaches a scanner that somebody is there. The table counts refusals per source in
windows of a minute; a source over the limit gets every fourth attempt answered up to twice the limit, and then none
until it has been quiet for the pause.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

_WINDOW_S: Final = 60.0

# Between the limit and twice the limit every fourth attempt is still answered: a trunk set up wrongly, with a burst of
# calls, still shows its owner a 403.
_ANSWERED_OF: Final = 4

# Hosts get a whole /64 of IPv6 each and can change the rest of the address at will.
_IPV6_PREFIX_BITS: Final = 64


@dataclass(slots=True)
class _Stranger:
    address: str
    window_start: float
    attempts: int
    last: float
    silenced: bool = False


@dataclass(frozen=True, slots=True)
class NoisySource:
    """A source that is silenced.

    Attributes:
        address: as it was last seen.
        attempts: in the minute in which it was silenced, and since.
        until: when it is heard again if it stays quiet; seconds on the caller's clock.
    """

    address: str
    attempts: int
    until: float


class NoiseTable:
    """Strangers and how often they were refused.

    Who is never a stranger (inside any account's ranges, a registrar, a proxy of ours) must not be put in: ask `noisy`
    and `refused` only about others, or pass `spared`.

    Args:
        refusals_per_minute: answered without restraint.
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
        self._limit = refusals_per_minute
        self._pause_s = pause_s
        self._sources_max = sources_max
        self._spared = spared
        self._strangers: OrderedDict[str, _Stranger] = OrderedDict()
        self.ignored = 0
        """How many attempts have not been answered, ever."""

    def __len__(self) -> int:
        """How many strangers are remembered."""
        return len(self._strangers)

    def noisy(self, address: str, now: float) -> bool:
        """Whether an attempt from `address` at `now` is to be ignored. Counts it when it is.

        Args:
            address: IP text.
            now: seconds on any clock that never goes back.
        """
        if not self._strangers:
            return False
        key = _key(address)
        stranger = self._strangers.get(key)
        if stranger is None:
            return False
        if self._spared(address):
            del self._strangers[key]
            return False
        if not stranger.silenced and now - stranger.window_start >= _WINDOW_S:
            return False
        if stranger.silenced and now - stranger.last >= self._pause_s:
            del self._strangers[key]
            return False
        if stranger.attempts < self._limit:
            return False
        if not stranger.silenced and stranger.attempts % _ANSWERED_OF == 0:
            return False  # its refusal will be counted by `refused`
        stranger.attempts += 1
        stranger.last = now
        stranger.silenced = stranger.silenced or stranger.attempts >= 2 * self._limit
        self._strangers.move_to_end(key)
        self.ignored += 1
        return True

    def refused(self, address: str, now: float) -> None:
        """A stranger was answered with a refusal in steps 1 to 3."""
        if self._spared(address):
            return
        key = _key(address)
        stranger = self._strangers.get(key)
        if stranger is None:
            self._strangers[key] = _Stranger(address, now, 1, now)
            if len(self._strangers) > self._sources_max:
                self._strangers.popitem(last=False)
            return
        if not stranger.silenced and now - stranger.window_start >= _WINDOW_S:
            stranger.window_start, stranger.attempts = now, 0
        stranger.address = address
        stranger.attempts += 1
        stranger.last = now
        stranger.silenced = stranger.silenced or stranger.attempts >= 2 * self._limit
        self._strangers.move_to_end(key)

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
