"""What is done so that no call is lost: a second handler, an agent for failures, and circuit breakers between them."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from callgate.entities.json import JsonObject
from callgate.entities.sip_config import BreakerTerms, Safeguards
from callgate.ports import Rejection, StartCall
from callgate.testing.clock import ManualClock
from callgate.testing.handler import HandlerServer
from callgate.webhooks.ask import FallbackHandlerHook
from callgate.webhooks.handler_watch import HandlerWatch
from tests.webhooks.asking import ACCOUNT, AGENT, free_port, make_hook, question

TERMS = BreakerTerms(failures=2, window_s=60.0, open_s=30.0)
TO_AGENT: JsonObject = {"startAgentCall": {"agentId": AGENT.agent_id}}


def seconded(second: HandlerServer, **more: Any) -> Safeguards:
    return Safeguards(second_url=second.url, **more)


# ----------------------------------------------------------------------------------------------------- the second one


def reset(handler: HandlerServer) -> None:
    handler.will_drop(reset=True)


FAILURES: dict[str, Callable[[HandlerServer], None]] = {
    "breaks off": reset,
    "500": lambda handler: handler.will_answer(b"", status=500),
    "404": lambda handler: handler.will_answer({"detail": "no such page"}, status=404),
    "no HTTP": lambda handler: handler.will_send(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "no JSON": lambda handler: handler.will_answer(b"<html>"),
    "not as agreed": lambda handler: handler.will_answer({"startAgentCall": {"agentId": "unknown"}}),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_whatever_would_lose_the_call_is_a_reason_to_ask_the_second(
    hook: FallbackHandlerHook, handler: HandlerServer, second: HandlerServer, failure: str
) -> None:
    FAILURES[failure](handler)
    second.will_answer(TO_AGENT)
    answer = await hook.ask(question(handler.url, seconded(second)))
    assert isinstance(answer, StartCall)
    assert answer.agent_id == AGENT.agent_id
    assert (answer.exchange["which"], answer.exchange["url"], answer.exchange["status"]) == ("second", second.url, 200)
    [earlier] = answer.before
    assert (earlier["which"], earlier["url"]) == ("first", handler.url)
    assert earlier["reason"]
    assert isinstance(earlier["ms"], float)


async def test_the_second_is_asked_the_same_question_signed_with_the_same_secrets(
    hook: FallbackHandlerHook, handler: HandlerServer, second: HandlerServer
) -> None:
    handler.will_answer(b"", status=503)
    await hook.ask(question(handler.url, seconded(second)))
    [first], [other] = handler.requests, second.requests
    assert first.body == other.body
    for name in ("x-callgate-decision-id", "x-ultravox-webhook-signature", "x-callgate-request-uri"):
        assert first.headers[name] == other.headers[name], name


async def test_nothing_listens_at_the_first(hook: FallbackHandlerHook, second: HandlerServer) -> None:
    second.will_answer({"startCall": {}})
    with free_port() as port:
        answer = await hook.ask(question(f"http://127.0.0.1:{port}/", seconded(second)))
    assert isinstance(answer, StartCall)
    assert answer.before[0]["tries"] == 3


@pytest.mark.parametrize("code", [486, 603])
async def test_a_rejection_is_final(
    hook: FallbackHandlerHook, handler: HandlerServer, second: HandlerServer, code: int
) -> None:
    handler.will_answer({"reject": {"sipRejectCode": code}})
    answer = await hook.ask(question(handler.url, seconded(second, agent_on_failure=AGENT.agent_id)))
    assert isinstance(answer, Rejection)
    assert (answer.outcome, answer.status, answer.before) == ("handler-rejected", code, ())
    assert second.requests == []


async def test_silence_past_its_share_has_the_second_asked_and_the_first_may_still_answer(
    session: aiohttp.ClientSession, handler: HandlerServer, second: HandlerServer
) -> None:
    handler.will_answer(TO_AGENT, after_s=0.5)
    second.will_hang()
    hook = make_hook(session, timeout_s=5.0, first_share=0.04)
    answer = await hook.ask(question(handler.url, seconded(second)))
    assert isinstance(answer, StartCall)
    assert answer.exchange["which"] == "first"
    assert "was not waited for" in str(answer.before[0]["reason"])
    await second.abandoned.wait()


async def test_the_second_answers_while_the_first_is_silent(
    session: aiohttp.ClientSession, handler: HandlerServer, second: HandlerServer
) -> None:
    handler.will_hang()
    second.will_answer({"reject": {"sipRejectCode": 404}})
    hook = make_hook(session, timeout_s=5.0, first_share=0.02)
    answer = await hook.ask(question(handler.url, seconded(second)))
    assert isinstance(answer, Rejection)
    assert (answer.outcome, answer.status) == ("handler-rejected", 404)
    assert answer.before[0]["reason"] == "the fallback handler had not answered when the other one did"
    await handler.abandoned.wait()


async def test_there_is_one_deadline_for_both(
    session: aiohttp.ClientSession, handler: HandlerServer, second: HandlerServer
) -> None:
    handler.will_hang()
    second.will_hang()
    began = asyncio.get_running_loop().time()
    answer = await make_hook(session, timeout_s=0.5).ask(question(handler.url, seconded(second)))
    assert asyncio.get_running_loop().time() - began < 2
    assert isinstance(answer, Rejection)
    assert (answer.outcome, answer.status) == ("handler-timeout", 504)
    assert answer.reason == (
        "first handler: the fallback handler did not answer within 0.5 s; "
        "second handler: the fallback handler did not answer within 0.2 s"
    )
    assert len(handler.requests) == len(second.requests) == 1


async def test_both_fail_and_the_caller_gets_502_with_both_reasons(
    hook: FallbackHandlerHook, handler: HandlerServer, second: HandlerServer
) -> None:
    handler.will_answer(b"", status=500)
    second.will_answer(b"no")
    answer = await hook.ask(question(handler.url, seconded(second)))
    assert isinstance(answer, Rejection)
    assert (answer.outcome, answer.status) == ("handler-failed", 502)
    assert answer.reason == (
        "first handler: the fallback handler answered 500, expected 200; "
        "second handler: the fallback handler's answer is no JSON"
    )
    assert [one["which"] for one in (*answer.before, answer.exchange)] == ["first", "second"]


async def test_a_second_that_is_the_first_is_none(hook: FallbackHandlerHook, handler: HandlerServer) -> None:
    handler.will_answer(b"", status=500)
    answer = await hook.ask(question(handler.url, Safeguards(second_url=handler.url)))
    assert isinstance(answer, Rejection)
    assert (answer.before, "which" in answer.exchange, len(handler.requests)) == ((), False, 1)


async def test_a_caller_who_hangs_up_ends_both_questions(
    session: aiohttp.ClientSession, handler: HandlerServer, second: HandlerServer
) -> None:
    handler.will_hang()
    second.will_hang()
    hook = make_hook(session, first_share=0.01)
    asking = asyncio.create_task(hook.ask(question(handler.url, seconded(second, breaker=TERMS))))
    await second.asked()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await handler.abandoned.wait()
    await second.abandoned.wait()
    statistics = hook.statistics(ACCOUNT, second.url, TERMS)
    assert (statistics.answers["abandoned"], statistics.last.count, statistics.failed) == (1, 0, None)


# --------------------------------------------------------------------------------------------- the agent for failures


async def test_when_nobody_has_answered_the_call_goes_to_the_agent_for_failures(
    hook: FallbackHandlerHook, handler: HandlerServer, second: HandlerServer
) -> None:
    handler.will_answer(b"", status=500)
    second.will_answer(b"", status=502)
    answer = await hook.ask(question(handler.url, seconded(second, agent_on_failure=AGENT.agent_id)))
    assert isinstance(answer, StartCall)
    assert (answer.agent_id, answer.body) == (AGENT.agent_id, {})
    assert answer.exchange == {
        "agentOnFailure": AGENT.agent_id,
        "reason": "handler failed: first handler: the fallback handler answered 500, expected 200; "
        "second handler: the fallback handler answered 502, expected 200; sent to the agent for failures",
    }
    assert [one["status"] for one in answer.before] == [500, 502]


async def test_silence_too_leads_to_the_agent_for_failures(
    session: aiohttp.ClientSession, handler: HandlerServer
) -> None:
    handler.will_hang()
    hook = make_hook(session, timeout_s=0.1)
    answer = await hook.ask(question(handler.url, Safeguards(agent_on_failure=AGENT.agent_id)))
    assert isinstance(answer, StartCall)
    assert "did not answer within 0.1 s; sent to the agent for failures" in str(answer.exchange["reason"])


async def test_an_agent_for_failures_that_is_gone_changes_nothing(
    hook: FallbackHandlerHook, handler: HandlerServer
) -> None:
    handler.will_answer(b"", status=500)
    answer = await hook.ask(question(handler.url, Safeguards(agent_on_failure="gone")))
    assert isinstance(answer, Rejection)
    assert answer.outcome == "handler-failed"


async def test_a_failure_of_ours_does_not_lose_the_call_and_is_not_the_handlers(
    session: aiohttp.ClientSession, handler: HandlerServer, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(body: Any) -> JsonObject:
        raise RuntimeError("ours")

    handler.will_answer({"startCall": {}})
    hook = make_hook(session, validate_start_call=explode)
    terms = BreakerTerms(failures=1)
    answer = await hook.ask(question(handler.url, Safeguards(agent_on_failure=AGENT.agent_id, breaker=terms)))
    assert isinstance(answer, StartCall)
    health = hook.breaker(ACCOUNT, handler.url, terms)
    assert health is not None
    assert health.state == "closed"
    assert "handler.ask_failed" in caplog.text


# ------------------------------------------------------------------------------------------------------- the breakers


class Watched:
    """A hook whose breakers' time is moved by the test; what it logs is kept."""

    def __init__(self, session: aiohttp.ClientSession, **more: Any) -> None:
        self.clock = ManualClock()
        self.logged: list[tuple[str, JsonObject]] = []
        self.watch = HandlerWatch(self.clock, lambda event, **fields: self.logged.append((event, fields)))
        self.hook = make_hook(session, watch=self.watch, **more)

    def state(self, url: str) -> str:
        health = self.hook.breaker(ACCOUNT, url, TERMS)
        assert health is not None
        return health.state


@pytest.fixture
def watched(session: aiohttp.ClientSession) -> Watched:
    return Watched(session)


async def fail(watched: Watched, handler: HandlerServer, times: int = 2) -> None:
    for _ in range(times):
        await watched.hook.ask(question(handler.url, Safeguards(breaker=TERMS)))


async def test_a_handler_that_keeps_failing_is_not_asked_until_one_call_has_tried_it(
    watched: Watched, handler: HandlerServer
) -> None:
    handler.will_answer(b"", status=500)
    handler.will_answer(b"", status=500)
    handler.will_answer({"reject": {}}, after_s=0.3)
    await fail(watched, handler)
    assert watched.state(handler.url) == "open"
    answer = await watched.hook.ask(question(handler.url, Safeguards(breaker=TERMS)))
    assert isinstance(answer, Rejection)
    assert (answer.outcome, answer.status, len(handler.requests)) == ("handler-failed", 502, 2)
    assert "circuit breaker is open after 2 failures, for another 30 s" in answer.reason
    assert (answer.exchange["tries"], "ms" in answer.exchange) == (0, False)

    watched.clock.advance(30.0)
    assert watched.state(handler.url) == "half-open"
    calls = [watched.hook.ask(question(handler.url, Safeguards(breaker=TERMS))) for _ in range(5)]
    answers = await asyncio.gather(*calls)
    assert [getattr(one, "outcome", "") for one in answers].count("handler-rejected") == 1
    assert sum("another call tries it" in getattr(one, "reason", "") for one in answers) == 4
    assert len(handler.requests) == 3
    assert watched.state(handler.url) == "closed"
    assert [event for event, _ in watched.logged] == [
        "handler.breaker_open",
        "handler.breaker_tries",
        "handler.breaker_closed",
    ]
    assert watched.logged[0][1]["handler"] == f"127.0.0.1:{handler.port}"


async def test_while_the_first_ones_breaker_is_open_the_second_is_asked_at_once(
    watched: Watched, handler: HandlerServer, second: HandlerServer
) -> None:
    handler.will_answer(b"", status=500)
    second.will_answer(TO_AGENT)
    await fail(watched, handler)
    answer = await watched.hook.ask(question(handler.url, seconded(second, breaker=TERMS)))
    assert isinstance(answer, StartCall)
    assert len(handler.requests) == 2
    assert "is not asked" in str(answer.before[0]["reason"])


async def test_with_both_open_the_call_goes_at_once_to_the_agent(
    watched: Watched, handler: HandlerServer, second: HandlerServer
) -> None:
    handler.will_answer(b"", status=500)
    second.will_answer(b"", status=500)
    safeguards = seconded(second, breaker=TERMS, agent_on_failure=AGENT.agent_id)
    for _ in range(3):
        answer = await watched.hook.ask(question(handler.url, safeguards))
    assert isinstance(answer, StartCall)
    assert (len(handler.requests), len(second.requests)) == (2, 2)
    assert "first handler: the fallback handler is not asked" in str(answer.exchange["reason"])


@pytest.mark.parametrize(
    "alive",
    [
        {"reject": {}},
        {"startAgentCall": {"agentId": "unknown"}},
        {"reject": {"code": 1}},
    ],
)
async def test_an_answer_shows_that_the_handler_is_there_also_one_that_cannot_be_used(
    watched: Watched, handler: HandlerServer, alive: JsonObject
) -> None:
    for _ in range(3):
        handler.will_answer(b"", status=500)
        handler.will_answer(alive)
    handler.will_answer(alive)
    await fail(watched, handler, 6)
    assert watched.state(handler.url) == "closed"
    assert len(handler.requests) == 6


@pytest.mark.parametrize(("status", "state"), [(404, "closed"), (302, "closed"), (429, "open"), (503, "open")])
async def test_which_statuses_say_that_it_is_down(
    watched: Watched, handler: HandlerServer, status: int, state: str
) -> None:
    handler.will_answer(b"", status=status)
    await fail(watched, handler)
    assert watched.state(handler.url) == state


async def test_silence_past_its_share_is_a_failure_though_the_second_saves_the_calls(
    session: aiohttp.ClientSession, handler: HandlerServer, second: HandlerServer
) -> None:
    watched = Watched(session, first_share=0.02)
    handler.will_hang()
    second.will_answer(TO_AGENT)
    for _ in range(3):
        answer = await watched.hook.ask(question(handler.url, seconded(second, breaker=TERMS)))
        assert isinstance(answer, StartCall)
    assert len(handler.requests) == 2
    assert (watched.state(handler.url), watched.state(second.url)) == ("open", "closed")


async def test_other_urls_or_terms_begin_with_a_closed_breaker_and_other_rules_leave_it(
    watched: Watched, handler: HandlerServer
) -> None:
    handler.will_answer(b"", status=500)
    await fail(watched, handler)
    watched.watch.follow(ACCOUNT, (handler.url,), TERMS)
    assert watched.state(handler.url) == "open"
    watched.watch.follow(ACCOUNT, ("https://elsewhere.example/",), TERMS)
    watched.watch.follow(ACCOUNT, (handler.url,), TERMS)
    assert watched.state(handler.url) == "closed"
    assert watched.hook.statistics(ACCOUNT, handler.url, TERMS).answers["failed"] == 0
    await fail(watched, handler)
    assert watched.state(handler.url) == "open"
    watched.watch.follow(ACCOUNT, (handler.url,), None)
    assert watched.hook.breaker(ACCOUNT, handler.url, None) is None
    assert watched.state(handler.url) == "closed"


async def test_where_a_breaker_stands_is_told_in_dates(watched: Watched, handler: HandlerServer) -> None:
    handler.will_answer(b"", status=500)
    began = watched.clock.now()
    watched.clock.advance(10.0)
    await fail(watched, handler)
    watched.clock.advance(5.0)
    health = watched.hook.breaker(ACCOUNT, handler.url, TERMS)
    assert health is not None
    assert (health.state, health.failures) == ("open", 2)
    assert (health.since, health.next_try) == (began + timedelta(seconds=10), began + timedelta(seconds=40))


async def test_a_rehearsed_question_asks_whatever_the_breaker_says_and_counts_nothing(
    watched: Watched, handler: HandlerServer
) -> None:
    handler.will_answer(b"", status=500)
    await fail(watched, handler)
    answer = await watched.hook.ask(question(handler.url, Safeguards(breaker=TERMS), rehearsed=True))
    assert isinstance(answer, Rejection)
    assert "answered 500" in answer.reason
    assert watched.hook.statistics(ACCOUNT, handler.url, TERMS).answers["failed"] == 2


# ------------------------------------------------------------------------------------------------ statistics, samples


async def test_statistics_count_what_came_of_every_question(
    session: aiohttp.ClientSession, handler: HandlerServer
) -> None:
    hook = make_hook(session, timeout_s=0.5)
    handler.will_answer(TO_AGENT)
    handler.will_answer({"startCall": {}})
    handler.will_answer({"reject": {}})
    handler.will_drop()
    handler.will_answer(b"", status=500)
    handler.will_hang()
    for _ in range(5):
        await hook.ask(question(handler.url))
    statistics = hook.statistics(ACCOUNT, handler.url, None)
    assert statistics.answers == {
        "startAgentCall": 1,
        "startCall": 1,
        "reject": 1,
        "timeout": 1,
        "failed": 1,
        "abandoned": 0,
        "notAsked": 0,
    }
    assert statistics.tries == 6
    assert statistics.last.count == statistics.since_start.count == 5
    assert statistics.last.longest is not None
    assert statistics.last.longest >= 400
    assert statistics.failure == "the fallback handler did not answer within 0.5 s"
    assert statistics.failed == datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


async def test_a_sample_is_marked_and_shows_what_went_to_and_fro(
    hook: FallbackHandlerHook, handler: HandlerServer
) -> None:
    handler.will_answer(TO_AGENT, headers=(("X-Served-By", "me"),))
    exchange, answer = await hook.sample(question(handler.url), handler.url)
    [request] = handler.requests
    assert request.headers["x-callgate-test"] == "true"
    sent = {name.lower(): value for name, value in exchange.request_headers}
    assert {name: request.headers[name] for name in sent} == sent
    assert exchange.request_body.encode() == request.body
    assert isinstance(answer, StartCall)
    assert answer.agent_id == AGENT.agent_id
    assert (exchange.status, exchange.body, exchange.cut, exchange.tries) == (
        200,
        f'{{"startAgentCall": {{"agentId": "{AGENT.agent_id}"}}}}',
        False,
        1,
    )
    assert ("X-Served-By", "me") in exchange.headers
    assert sum(hook.statistics(ACCOUNT, handler.url, None).answers.values()) == 0


async def test_a_sample_shows_what_came_with_an_error_and_cuts_what_is_long(
    hook: FallbackHandlerHook, handler: HandlerServer
) -> None:
    handler.will_answer(b"x" * 100_000, status=500, headers=(("X-Long", "y" * 2_000),))
    exchange, answer = await hook.sample(question(handler.url), handler.url)
    assert (exchange.status, exchange.body, exchange.cut) == (500, "x" * 8_192, True)
    assert max(len(value) for _, value in exchange.headers) == 500
    assert isinstance(answer, Rejection)
    assert answer.reason == "the fallback handler answered 500, expected 200"


async def test_a_sample_that_nobody_answers(session: aiohttp.ClientSession, handler: HandlerServer) -> None:
    handler.will_hang()
    exchange, answer = await make_hook(session, timeout_s=0.1).sample(question(handler.url), handler.url)
    assert (exchange.status, exchange.body, exchange.tries) == (None, None, 1)
    assert isinstance(answer, Rejection)
    assert (answer.outcome, answer.status) == ("handler-timeout", 504)
