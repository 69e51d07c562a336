"""`/api/sip/fallback`: what is done when the fallback handler fails, and how it fares. Beyond the public API."""

from collections.abc import Collection
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from callgate.entities.handler import BreakerHealth, HandlerStatistics, Latencies, SampleExchange
from callgate.entities.json import Json, JsonObject
from callgate.entities.sip_config import BreakerTerms, Safeguards
from callgate.schema.body import Body, GuardedUrl, OwnAgentId, read
from callgate.schema.call import timestamp
from callgate.schema.evaluate import ImaginedAttempt
from callgate.schema.start_call import CheckUrl

# Above these a breaker would hardly ever open, or hardly ever close: an outage that lasts is tried once an hour.
_FAILURES_MAX = 1_000
_SECONDS_MAX = 3_600


class BreakerBody(Body):
    """`breaker`: when a handler is not asked for a while."""

    null_is_absent: ClassVar[bool] = False

    failures: Annotated[int, Field(ge=1, le=_FAILURES_MAX)] = BreakerTerms().failures
    window_seconds: Annotated[float, Field(ge=1, le=_SECONDS_MAX)] = BreakerTerms().window_s
    open_seconds: Annotated[float, Field(ge=1, le=_SECONDS_MAX)] = BreakerTerms().open_s


class FallbackPatch(Body):
    """The body of `PATCH /api/sip/fallback`."""

    read_only: ClassVar[frozenset[str]] = frozenset(("handlers",))
    null_is_absent: ClassVar[bool] = False

    second_url: GuardedUrl | None = None
    agent_on_failure: OwnAgentId | None = None
    breaker: BreakerBody | None = None


class FallbackTest(Body):
    """The body of `POST /api/sip/fallback/test`."""

    which: Literal["first", "second"] = "first"
    attempt: ImaginedAttempt | None = None


def validate_fallback(body: Json, *, agents: Collection[str], check_url: CheckUrl | None = None) -> FallbackPatch:
    """A PATCH, with every mistake of it told at once.

    Args:
        body: as it came.
        agents: ids of the account's living agents.
        check_url: the deployment's guard of URLs.

    Raises:
        Invalid: nothing of it may be stored.
    """
    return read(FallbackPatch, body, {"agents": agents, "check_url": check_url})


def validate_fallback_test(body: Json) -> FallbackTest:
    """What a sample is to ask, and whom.

    Raises:
        Invalid: with every mistake.
    """
    return read(FallbackTest, body)


def apply_fallback(safeguards: Safeguards, patch: FallbackPatch) -> Safeguards:
    """The safeguards after a PATCH: only what it names changes."""
    changes: dict[str, Any] = {}
    given = patch.model_fields_set
    if "second_url" in given:
        changes["second_url"] = patch.second_url
    if "agent_on_failure" in given:
        changes["agent_on_failure"] = patch.agent_on_failure
    if "breaker" in given:
        terms = patch.breaker
        changes["breaker"] = terms and BreakerTerms(terms.failures, terms.window_seconds, terms.open_seconds)
    return replace(safeguards, **changes)


def render_safeguards(safeguards: Safeguards) -> JsonObject:
    """The safeguards, as a PATCH that restores them."""
    terms = safeguards.breaker
    return {
        "secondUrl": safeguards.second_url,
        "agentOnFailure": safeguards.agent_on_failure,
        "breaker": None
        if terms is None
        else {"failures": terms.failures, "windowSeconds": terms.window_s, "openSeconds": terms.open_s},
    }


def render_breaker(health: BreakerHealth | None) -> JsonObject | None:
    """Where a breaker stands."""
    if health is None:
        return None
    return {
        "state": health.state,
        "since": timestamp(health.since),
        "failures": health.failures,
        "nextTry": None if health.next_try is None else timestamp(health.next_try),
    }


def render_statistics(statistics: HandlerStatistics) -> JsonObject:
    """What calls have had of a handler."""
    failed = statistics.failed
    return {
        "since": timestamp(statistics.since),
        "answers": dict(statistics.answers),
        "tries": statistics.tries,
        "latencyMs": {
            "last": _latencies(statistics.last),
            "sinceStart": _latencies(statistics.since_start),
        },
        "lastFailure": None if failed is None else {"at": timestamp(failed), "words": statistics.failure},
    }


def _latencies(found: Latencies) -> JsonObject:
    def shown(ms: float | None) -> float | None:
        return None if ms is None else round(ms, 1)

    return {
        "count": found.count,
        "p50": shown(found.p50),
        "p95": shown(found.p95),
        "p99": shown(found.p99),
        "max": shown(found.longest),
    }


def render_exchange(url: str, exchange: SampleExchange) -> JsonObject:
    """What went to and fro."""
    response: JsonObject | None = None
    if exchange.status is not None:
        response = {
            "status": exchange.status,
            "headers": [[name, value] for name, value in exchange.headers],
            "body": exchange.body,
            "bodyCut": exchange.cut,
        }
    return {
        "request": {
            "method": "POST",
            "url": url,
            "headers": dict(exchange.request_headers),
            "body": exchange.request_body,
        },
        "response": response,
        "tries": exchange.tries,
        "ms": exchange.ms,
    }
