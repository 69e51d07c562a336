"""What waits for one endpoint: of each call one event at a time, in order; of several calls, what is due first."""

import heapq
import itertools
from bisect import insort
from dataclasses import dataclass, field
from typing import Final

from callgate.entities.webhook import EVENTS, Delivery

_RANKS: Final = {event: rank for rank, event in enumerate(EVENTS)}


@dataclass(frozen=True, slots=True, order=True)
class _Waiting:
    """A delivery in its place: `due_s` is on the monotonic clock."""

    rank: int
    event_id: str
    due_s: float = field(compare=False)
    delivery: Delivery = field(compare=False)


@dataclass(slots=True)
class _Chain:
    """What waits of one call, in order; `tried`: the event that is being tried now, or empty."""

    waiting: list[_Waiting] = field(default_factory=list)
    tried: str = ""

    def find(self, event_id: str) -> int | None:
        return next((place for place, one in enumerate(self.waiting) if one.event_id == event_id), None)


class EndpointQueue:
    """The queue.

    Args:
        key: names the endpoint.

    Attributes:
        key: likewise.
        trying: how many are being tried now.
        failing: whether the last try failed.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self.trying = 0
        self.failing = False
        self._chains: dict[str, _Chain] = {}  # by call
        # When the first of each chain is due. Entries that no longer hold are passed over when they come up.
        self._due: list[tuple[float, int, str]] = []
        self._order = itertools.count()
        self._length = 0

    def __len__(self) -> int:
        """How many deliveries wait or are being tried."""
        return self._length

    def put(self, delivery: Delivery, due_s: float) -> None:
        """Have a delivery wait; one that waits already is given its new time, and one that is being tried is left.

        Args:
            delivery: whose `event` gives its place among those of its call.
            due_s: not to be tried before, on the monotonic clock.
        """
        chain = self._chains.setdefault(delivery.call_id, _Chain())
        if chain.tried == delivery.event_id:
            return
        place = chain.find(delivery.event_id)
        if place is not None:
            del chain.waiting[place]
            self._length -= 1
        insort(chain.waiting, _Waiting(_RANKS[delivery.event], delivery.event_id, due_s, delivery))
        self._length += 1
        self._announce(delivery.call_id, chain)

    def due_s(self) -> float | None:
        """When the next delivery may be tried; ``None``: none may before another has been."""
        while self._due:
            due_s, _, call_id = self._due[0]
            chain = self._chains.get(call_id)
            if chain is not None and not chain.tried and chain.waiting[0].due_s == due_s:
                return due_s
            heapq.heappop(self._due)
        return None

    def take(self, now_s: float) -> Delivery | None:
        """The next delivery to try, from now on being tried; ``None`` when none is due."""
        due_s = self.due_s()
        if due_s is None or due_s > now_s:
            return None
        _, _, call_id = heapq.heappop(self._due)
        chain = self._chains[call_id]
        chain.tried = chain.waiting[0].event_id
        self.trying += 1
        return chain.waiting[0].delivery

    def done(self, delivery: Delivery) -> None:
        """A delivery that was being tried waits no more; the next of its call may be tried."""
        chain = self._released(delivery)
        if chain.waiting:
            self._announce(delivery.call_id, chain)
        else:
            del self._chains[delivery.call_id]

    def again(self, delivery: Delivery, due_s: float) -> None:
        """A delivery that was being tried is to be tried again; the others of its call wait for it."""
        self._released(delivery)
        self.put(delivery, due_s)

    def _released(self, delivery: Delivery) -> _Chain:
        chain = self._chains[delivery.call_id]
        place = chain.find(delivery.event_id)
        assert chain.tried == delivery.event_id
        assert place is not None
        del chain.waiting[place]
        chain.tried = ""
        self.trying -= 1
        self._length -= 1
        return chain

    def _announce(self, call_id: str, chain: _Chain) -> None:
        if not chain.tried:
            heapq.heappush(self._due, (chain.waiting[0].due_s, next(self._order), call_id))
