"""How each configured handler fares: its circuit breaker and its statistics, in this process's memory.

They begin anew with the process: a breaker that was open is closed again, and the first calls try its handler.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from callgate.core.webhook.breaker import Breaker, State
from callgate.core.webhook.latency import LatencyRecord
from callgate.entities.handler import BreakerHealth, HandlerStatistics
from callgate.entities.sip_config import BreakerTerms
from callgate.ports import Clock
from callgate.telemetry import events

# What can come of a question: the three answers, and how there was none.
TIMEOUT: Final = "timeout"
FAILED: Final = "failed"
ABANDONED: Final = "abandoned"  # the call was over, or another handler's answer was there
NOT_ASKED: Final = "notAsked"  # its breaker was open
_RESULTS: Final = ("startAgentCall", "startCall", "reject", TIMEOUT, FAILED, ABANDONED, NOT_ASKED)

_SHOWN: Final = {State.CLOSED: "closed", State.OPEN: "open", State.HALF_OPEN: "half-open", State.TRYING: "half-open"}
_LOGGED: Final = {
    State.CLOSED: events.HANDLER_BREAKER_CLOSED,
    State.OPEN: events.HANDLER_BREAKER_OPEN,
    State.TRYING: events.HANDLER_BREAKER_TRIES,
}


class Ticket(NamedTuple):
    """A question of a call.

    Attributes:
        breaker: that let it through; ``None``: the handler has none.
        number: names it to the breaker.
    """

    breaker: Breaker | None
    number: int


class WatchedHandler:
    """One handler of one account.

    Args:
        account_id: whose.
        url: its.
        clock: time.
        log: takes an event name and fields.
    """

    def __init__(self, account_id: str, url: str, clock: Clock, log: Callable[..., None]) -> None:
        self._account_id = account_id
        self._host = urlsplit(url).netloc  # what follows may be a secret
        self._clock = clock
        self._log = log
        self._breaker: Breaker | None = None
        self._since = clock.now()
        self._answers = dict.fromkeys(_RESULTS, 0)
        self._tries = 0
        self._latency = LatencyRecord()
        self._failed: datetime | None = None
        self._failure = ""

    def under(self, terms: BreakerTerms | None) -> None:
        """Which terms hold for it; others than before begin with a closed breaker."""
        if terms != (self._breaker and self._breaker.terms):
            self._breaker = None if terms is None else Breaker(terms, self._clock.monotonic())

    # ------------------------------------------------------------------------------------------------ the breaker

    def may_ask(self) -> Ticket | None:
        """What a call that asks is known by; ``None`` when it is not to ask. See `core.webhook.breaker`.

        What comes of it is to be told: `answers`, `fails` or `tells_nothing`.
        """
        breaker = self._breaker
        if breaker is None:
            return Ticket(None, 0)
        with self._logged(breaker) as now:
            number = breaker.ask(now)
        if number is None:
            self._answers[NOT_ASKED] += 1
            return None
        return Ticket(breaker, number)

    def answers(self, ticket: Ticket) -> None:
        """It has answered, whatever it said."""
        if ticket.breaker is not None:
            with self._logged(ticket.breaker) as now:
                ticket.breaker.answered(now)

    def fails(self, ticket: Ticket) -> None:
        """It has not answered, or not in its share of the time."""
        if ticket.breaker is not None:
            with self._logged(ticket.breaker) as now:
                ticket.breaker.failed(ticket.number, now)

    def tells_nothing(self, ticket: Ticket) -> None:
        """A question is over, and nothing can be said of the handler."""
        if ticket.breaker is not None:
            with self._logged(ticket.breaker) as now:
                ticket.breaker.abandoned(ticket.number, now)

    def health(self) -> BreakerHealth | None:
        """Where its breaker stands; ``None`` without one."""
        breaker = self._breaker
        if breaker is None:
            return None
        now = self._clock.monotonic()
        state = breaker.look(now)
        next_try = None if breaker.next_try is None else self._at(breaker.next_try)
        return BreakerHealth(_SHOWN[state], self._at(breaker.since), breaker.failures(now), next_try)

    def why_not(self) -> str:
        """Why it is not asked, in words."""
        health = self.health()
        assert health is not None, "without a breaker it is asked"
        if health.next_try is None:
            return "the fallback handler is not asked: its circuit breaker is half-open, and another call tries it"
        rest_s = max(0.0, (health.next_try - self._clock.now()).total_seconds())
        return (
            f"the fallback handler is not asked: its circuit breaker is open after {health.failures} failures, "
            f"for another {rest_s:.0f} s"
        )

    @contextmanager
    def _logged(self, breaker: Breaker) -> Iterator[float]:
        """The moment at which a breaker is told something; where it comes to stand by that is logged."""
        now = self._clock.monotonic()
        before = breaker.state
        yield now
        # One that has been replaced meanwhile is of no interest.
        if breaker is self._breaker and breaker.state is not before and breaker.state in _LOGGED:
            self._log(
                _LOGGED[breaker.state],
                account=self._account_id,
                handler=self._host,
                failures=breaker.failures(now) or None,
                pause_s=breaker.terms.open_s if breaker.state is State.OPEN else None,
            )

    def _at(self, moment_s: float) -> datetime:
        """A moment of the monotonic clock as a date."""
        return self._clock.now() + timedelta(seconds=moment_s - self._clock.monotonic())

    # ---------------------------------------------------------------------------------------------- the statistics

    def count(self, result: str, ms: float, tries: int, failure: str = "") -> None:
        """What came of a question that was asked.

        Args:
            result: one of the three answers, `TIMEOUT`, `FAILED` or `ABANDONED`.
            ms: it took; of those abandoned it says nothing.
            tries: requests made.
            failure: the words, where it failed.
        """
        self._answers[result] += 1
        self._tries += tries
        if result != ABANDONED:
            self._latency.take(ms)
        if failure and result != ABANDONED:
            self._failed, self._failure = self._clock.now(), failure

    def statistics(self) -> HandlerStatistics:
        """All of them."""
        last, ever = self._latency.last(), self._latency.since_start()
        return HandlerStatistics(self._since, dict(self._answers), self._tries, last, ever, self._failed, self._failure)


class HandlerWatch:
    """The handlers that accounts have configured.

    Args:
        clock: time.
        log: takes an event name and fields.
    """

    def __init__(self, clock: Clock, log: Callable[..., None]) -> None:
        self._clock = clock
        self._log = log
        self._handlers: dict[str, dict[str, WatchedHandler]] = {}

    def of(self, account_id: str, url: str, terms: BreakerTerms | None) -> WatchedHandler:
        """One of them, under the terms in force."""
        handlers = self._handlers.setdefault(account_id, {})
        if url not in handlers:
            handlers[url] = WatchedHandler(account_id, url, self._clock, self._log)
        handlers[url].under(terms)
        return handlers[url]

    def follow(self, account_id: str, urls: Collection[str], terms: BreakerTerms | None) -> None:
        """The rules of an account have changed: what it does not name any more is forgotten."""
        handlers = self._handlers.get(account_id, {})
        self._handlers[account_id] = {url: one for url, one in handlers.items() if url in urls}
        for url in urls:
            self.of(account_id, url, terms)
