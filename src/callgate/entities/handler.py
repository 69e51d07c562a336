"""How a fallback handler fares, as this node has seen it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class BreakerHealth:
    """Where a handler's circuit breaker stands.

    Attributes:
        state: ``closed``, ``open`` or ``half-open``.
        since: when it came there, UTC.
        failures: in a row; once it has opened, those that it opened for.
        next_try: when the handler may be asked again, UTC; ``None`` unless open.
    """

    state: str
    since: datetime
    failures: int
    next_try: datetime | None


@dataclass(frozen=True, slots=True)
class Latencies:
    """Percentiles in ms; ``None`` where there is nothing to tell.

    Attributes:
        count: of how many questions.
        p50: the median.
        p95: 95 of 100 took no longer.
        p99: 99 of 100.
        longest: the maximum.
    """

    count: int
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    longest: float | None = None


@dataclass(frozen=True, slots=True)
class HandlerStatistics:
    """What calls have had of a handler.

    Attributes:
        since: when counting began, UTC.
        answers: how often, by what came of it.
        tries: HTTP requests made; more than questions, where a connection could not be made at once.
        last: latencies of the newest questions.
        since_start: of all.
        failed: when it failed last, UTC.
        failure: the words of that.
    """

    since: datetime
    answers: Mapping[str, int]
    tries: int
    last: Latencies
    since_start: Latencies
    failed: datetime | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class SampleExchange:
    """A signed sample and what a handler said to it.

    Attributes:
        request_headers: as sent, without those that every HTTP request has.
        request_body: as sent.
        status: of the answer; ``None`` when there was none.
        headers: of the answer, bounded.
        body: of the answer, bounded; ``None`` when there was none.
        cut: whether there was more of the body than is kept.
        tries: requests made.
        ms: all of it took.
    """

    request_headers: tuple[tuple[str, str], ...] = ()
    request_body: str = ""
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = field(default=())
    body: str | None = None
    cut: bool = False
    tries: int = 0
    ms: float = 0.0
