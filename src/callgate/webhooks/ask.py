"""Asks an account's fallback handlers about a call that no rule matched: one deadline, one answer.

Whatever a handler does, the caller gets an answer: what it said, 504 when it said nothing in time, 502 for anything
else. RFC 3261 sections 21.5.3 (502 Bad Gateway) and 21.5.5 (504 Server Time-out).

With a second handler the question is a race: the second is asked once the first has failed, or has been silent for its
share of the time; whoever answers first is heard, and an answer is never asked for again elsewhere. Decision 0043.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import aiohttp

from callgate.entities.handler import BreakerHealth, HandlerStatistics, SampleExchange
from callgate.entities.json import JsonObject
from callgate.entities.sip_config import BreakerTerms, handler_urls
from callgate.ports import Clock, Question, Rejection, Snapshot, StartCall
from callgate.webhooks.exchange import NO_MARKS, Exchange, Seen
from callgate.webhooks.handler_answer import AnswerReader, Failure, Validate
from callgate.webhooks.handler_watch import ABANDONED, FAILED, TIMEOUT, HandlerWatch, Ticket, WatchedHandler

TEST_HEADER: Final = "X-Callgate-Test"

_TIMEOUT_S: Final = 5.0
_FIRST_SHARE: Final = 0.6
_ANSWER_BYTES_MAX: Final = 1_048_576

# A server that restarts is back within these; each repeat is only made while time is left.
_RETRY_PAUSES_S: Final = (0.1, 0.4)

# Of its time; timers ring a little early or late.
_WHOLE: Final = 0.95

_WHICH: Final = ("first", "second")

# Of what came back for a sample, as much as a person looks at.
_HEADERS_SHOWN_MAX: Final = 50
_HEADER_CHARACTERS_MAX: Final = 500
_BODY_BYTES_SHOWN_MAX: Final = 8_192

_OUR_FAILURE: Final = "asking the fallback handler failed on our side"

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Attempt:
    """One handler, asked about one call.

    Attributes:
        url: of the handler.
        facts: of the exchange, for the record.
        began: seconds of the monotonic clock.
        watched: what is known of the handler; ``None``: nothing is to be learnt from this question.
        ticket: by which it knows the question.
        seen: what went to and fro.
        task: asks; ``None`` when it is not asked at all.
        answer: what it said.
        failure: why that cannot be used, or why it said nothing, in words.
        result: of a failure: `TIMEOUT`, `FAILED` or `ABANDONED`.
        late: whether it has failed or used up its share of the time, as its breaker knows.
        ended: seconds of the same clock; ``None`` while it is waited for.
    """

    url: str
    facts: JsonObject
    began: float
    watched: WatchedHandler | None = None
    ticket: Ticket = Ticket(None, 0)
    seen: Seen = field(default_factory=Seen)
    task: "asyncio.Task[None] | None" = None
    answer: StartCall | Rejection | None = None
    failure: str = ""
    result: str = FAILED
    late: bool = False
    ended: float | None = None

    @property
    def tries(self) -> int:
        """Requests made."""
        tries = self.facts["tries"]
        return tries if isinstance(tries, int) else 0


class FallbackHandlerHook:
    """`ports.DecisionHook` and `ports.Handlers` over HTTP.

    Args:
        session: from `runtime.http.http_session`, so that addresses are guarded and nothing is followed.
        clock: for the timestamp that is signed and for the times in the record.
        snapshot: knows whose agents there are.
        watch: knows how handlers fare.
        validate_start_call: for the body under `startCall`.
        validate_start_agent_call: for the body under `startAgentCall`, its `agentId` taken out.
        timeout_s: for everything: name, connection, question and answer, of both handlers.
        first_share: of this time, how long the second handler waits for the first.
        answer_bytes_max: longest answer that is read.
        retry_pauses_s: before each repeat; as many as there are repeats.
    """

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession,
        clock: Clock,
        snapshot: Snapshot,
        watch: HandlerWatch,
        validate_start_call: Validate,
        validate_start_agent_call: Validate,
        timeout_s: float = _TIMEOUT_S,
        first_share: float = _FIRST_SHARE,
        answer_bytes_max: int = _ANSWER_BYTES_MAX,
        retry_pauses_s: tuple[float, ...] = _RETRY_PAUSES_S,
    ) -> None:
        self._clock = clock
        self._snapshot = snapshot
        self._watch = watch
        self._exchange = Exchange(session, clock, answer_bytes_max, retry_pauses_s)
        self._reader = AnswerReader(snapshot, validate_start_call, validate_start_agent_call)
        self._timeout_s = timeout_s
        self._first_share = first_share

    async def ask(self, question: Question) -> StartCall | Rejection:
        """One answer within the deadline; never raises but for cancellation, which ends the requests."""
        attempts: list[_Attempt] = []
        heard: _Attempt | None = None
        wanted = False
        try:
            heard = await self._race(question, attempts)
            wanted = True
        except Exception:
            _log.exception("handler.ask_failed")
            wanted = True
        finally:
            await self._leave(attempts, heard, wanted=wanted)
        if heard is not None and heard.answer is not None:
            return replace(heard.answer, before=tuple(one.facts for one in attempts if one is not heard))
        return self._for_nobody(question, attempts)

    # ----------------------------------------------------------------------------------------------- ports.Handlers

    def breaker(self, account_id: str, url: str, terms: BreakerTerms | None) -> BreakerHealth | None:
        """Where a handler's circuit breaker stands, on this node; ``None`` without one."""
        return self._watch.of(account_id, url, terms).health()

    def statistics(self, account_id: str, url: str, terms: BreakerTerms | None) -> HandlerStatistics:
        """What calls have had of a handler, on this node."""
        return self._watch.of(account_id, url, terms).statistics()

    async def sample(self, question: Question, url: str) -> tuple[SampleExchange, StartCall | Rejection]:
        """Ask one handler outside any call, marked as a test; what went to and fro, and what a call would make of it.

        Whatever its breaker says, and without a trace in breaker or statistics.
        """
        attempt = self._attempt(url, "")
        attempt.seen.curious = True
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._one(attempt, question, {TEST_HEADER: "true"})
        except TimeoutError:
            self._overdue(attempt)
        self._write(attempt, heard=None)
        return _shown(attempt), attempt.answer or _refusal([attempt])

    # ------------------------------------------------------------------------------------------------------- asking

    async def _race(self, question: Question, attempts: list[_Attempt]) -> _Attempt | None:
        """The attempt that brought an answer; ``None`` when none did in time."""
        urls = handler_urls(question.handler, question.safeguards)
        waiting = deque(zip(urls, _WHICH if len(urls) > 1 else ("",), strict=True))
        running: dict[asyncio.Task[None], _Attempt] = {}
        share_over = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timeout_s):
                while waiting or running:
                    if waiting and (not running or share_over):
                        attempt = self._begin(question, *waiting.popleft())
                        attempts.append(attempt)
                        if attempt.task is not None:
                            running[attempt.task] = attempt
                        continue
                    share_s = self._timeout_s * self._first_share if waiting else None
                    done, _ = await asyncio.wait(running, timeout=share_s, return_when=asyncio.FIRST_COMPLETED)
                    if not done:
                        share_over = True
                        for attempt in running.values():
                            self._failed(attempt)
                    for attempt in [attempt for task, attempt in running.items() if task in done]:
                        if attempt.answer is not None:
                            return attempt
                        running = {task: one for task, one in running.items() if one is not attempt}
        return None

    def _begin(self, question: Question, url: str, which: str) -> _Attempt:
        """Ask one handler, unless its breaker is open."""
        attempt = self._attempt(url, which)
        if not question.rehearsed:
            watched = self._watch.of(question.account_id, url, question.safeguards.breaker)
            ticket = watched.may_ask()
            if ticket is None:
                attempt.failure = watched.why_not()
                return attempt
            attempt.watched, attempt.ticket = watched, ticket
        attempt.task = asyncio.create_task(self._one(attempt, question))
        return attempt

    def _attempt(self, url: str, which: str) -> _Attempt:
        facts: JsonObject = {"url": url, "tries": 0}
        if which:
            facts["which"] = which
        return _Attempt(url, facts, self._clock.monotonic())

    async def _one(self, attempt: _Attempt, question: Question, marks: Mapping[str, str] = NO_MARKS) -> None:
        """Ask one handler; the attempt and its breaker are told what came of it."""
        watched = attempt.watched
        try:
            body = await self._exchange.ask(question, attempt.url, attempt.facts, attempt.seen, marks)
            attempt.answer = self._reader.read(body, question, attempt.facts)
        except Failure as error:
            attempt.failure = str(error)
            if error.alive and watched is not None:
                watched.answers(attempt.ticket)
            elif not error.alive:
                self._failed(attempt)
        except TimeoutError:  # the machine's own, of a connection; ours is a cancellation here
            self._overdue(attempt)
        except Exception:
            # The caller is owed an answer even for a mistake of ours; it must not look like the handler's silence.
            _log.exception("handler.ask_failed")
            attempt.failure = _OUR_FAILURE
            if watched is not None:
                watched.tells_nothing(attempt.ticket)
        else:
            if watched is not None:
                watched.answers(attempt.ticket)
        finally:
            attempt.ended = self._clock.monotonic()

    # ---------------------------------------------------------------------------------------------- what came of it

    @staticmethod
    def _failed(attempt: _Attempt) -> None:
        """Let its breaker know, once."""
        if attempt.watched is not None and not attempt.late:
            attempt.watched.fails(attempt.ticket)
        attempt.late = True

    def _overdue(self, attempt: _Attempt) -> None:
        """All the time there was is over."""
        elapsed_s = self._clock.monotonic() - attempt.began
        # What is asked second has less, and it must not look as if it had been given all of it.
        given_s = self._timeout_s if elapsed_s >= self._timeout_s * _WHOLE else round(elapsed_s, 1)
        attempt.result = TIMEOUT
        attempt.failure = f"the fallback handler did not answer within {given_s:g} s"
        self._failed(attempt)

    async def _leave(self, attempts: Sequence[_Attempt], heard: _Attempt | None, *, wanted: bool) -> None:
        """End what is still being asked, and say of every attempt what came of it.

        Args:
            attempts: all.
            heard: the one whose answer is taken.
            wanted: whether there still is a caller.
        """
        running = [one for one in attempts if one.task is not None and not one.task.done()]
        for attempt in running:
            assert attempt.task is not None
            attempt.task.cancel()
            if not wanted or (heard is not None and not attempt.late):
                attempt.result = ABANDONED
                attempt.failure = "the fallback handler was not waited for: the other one had answered"
                if attempt.watched is not None:
                    attempt.watched.tells_nothing(attempt.ticket)
            elif heard is not None:
                attempt.result = TIMEOUT
                attempt.failure = "the fallback handler had not answered when the other one did"
            else:
                self._overdue(attempt)
        await asyncio.gather(*(one.task for one in running if one.task is not None), return_exceptions=True)
        for attempt in attempts:
            self._write(attempt, heard)

    def _write(self, attempt: _Attempt, heard: _Attempt | None) -> None:
        """What is to be read of an attempt later: in the record, and in the statistics."""
        facts, answer = attempt.facts, attempt.answer
        ms = ((attempt.ended or attempt.began) - attempt.began) * 1000
        if attempt.tries:
            facts["ms"] = round(ms, 1)
        if answer is not None and heard is not None and attempt is not heard:
            facts["reason"] = "the fallback handler's answer came at the same moment as the other one's"
        elif isinstance(answer, Rejection):
            facts["reason"] = answer.reason
        elif answer is None:
            facts["reason"] = attempt.failure
        if attempt.watched is not None:
            result = attempt.result if answer is None else str(facts["answer"])
            attempt.watched.count(result, ms, attempt.tries, attempt.failure)

    def _for_nobody(self, question: Question, attempts: Sequence[_Attempt]) -> StartCall | Rejection:
        """What becomes of a call for which no handler has spoken."""
        refusal = _refusal(attempts)
        agent_id = question.safeguards.agent_on_failure
        agent = None if agent_id is None else self._snapshot.agents_of(question.account_id).get(agent_id)
        if agent is None or agent.deleted is not None:
            return refusal
        reason = f"handler failed: {refusal.reason}; sent to the agent for failures"
        exchange: JsonObject = {"agentOnFailure": agent.agent_id, "reason": reason}
        return StartCall(agent.agent_id, {}, exchange, before=tuple(one.facts for one in attempts))


def _refusal(attempts: Sequence[_Attempt]) -> Rejection:
    """What the caller is told when nothing else is to be done."""
    last = attempts[-1]
    words = [
        f"{one.facts['which']} handler: {one.failure}" if "which" in one.facts else one.failure for one in attempts
    ]
    before = tuple(one.facts for one in attempts[:-1])
    if any(one.result == TIMEOUT for one in attempts):
        return Rejection("handler-timeout", 504, "; ".join(words), last.facts, before)
    return Rejection("handler-failed", 502, "; ".join(words), last.facts, before)


def _shown(attempt: _Attempt) -> SampleExchange:
    seen = attempt.seen
    ms = attempt.facts.get("ms")
    headers = tuple(
        (name[:_HEADER_CHARACTERS_MAX], value[:_HEADER_CHARACTERS_MAX])
        for name, value in seen.headers[:_HEADERS_SHOWN_MAX]
    )
    return SampleExchange(
        request_headers=tuple(seen.request_headers.items()),
        request_body=seen.request_body.decode("utf-8", "replace"),
        status=seen.status,
        headers=headers,
        body=None if seen.status is None else seen.body[:_BODY_BYTES_SHOWN_MAX].decode("utf-8", "replace"),
        cut=len(seen.body) > _BODY_BYTES_SHOWN_MAX,
        tries=attempt.tries,
        ms=ms if isinstance(ms, float) else 0.0,
    )
