"""Asks an account's fallback handler about a call that no rule matched: one question, one deadline, one answer.

Whatever the handler does, the caller gets an answer: what it said, 504 when it said nothing in time, 502 for anything
else. RFC 3261 sections 21.5.3 (502 Bad Gateway) and 21.5.5 (504 Server Time-out).
"""

import asyncio
import json
import logging
import ssl
from collections.abc import Callable
from datetime import UTC
from typing import Final, NoReturn

import aiohttp

from callgate.core.webhook.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from callgate.entities.json import Json, JsonObject
from callgate.ports import Clock, Question, Rejection, Snapshot, StartCall
from callgate.runtime.http import forbidden_cause

DECISION_HEADER: Final = "X-Callgate-Decision-Id"
REQUEST_URI_HEADER: Final = "X-Callgate-Request-Uri"

_TIMEOUT_S: Final = 5.0
_ANSWER_BYTES_MAX: Final = 1_048_576

# A server that restarts is back within these; each repeat is only made while time is left.
_RETRY_PAUSES_S: Final = (0.1, 0.4)

_REJECT_CODE_DEFAULT: Final = 603
_REJECT_CODES: Final = range(400, 700)

# They mean protocol state or need headers of their own, which only the protocol's own machinery may send.
_NOT_FOR_HANDLERS: Final = frozenset((401, 407, 420, 421, 422, 423, 481, 482, 487, 491, 494))
_SENT_INSTEAD: Final = 480

_ANSWERS: Final = ("startAgentCall", "startCall", "reject")

# What of a handler's words goes into a record and a log line.
_WORDS_CHARACTERS_MAX: Final = 500

_log = logging.getLogger(__name__)

Validate = Callable[[Json], JsonObject]
"""Checks a body against the public schema; raises a `ValueError` whose attribute ``words`` says what is wrong."""


class _Unusable(Exception):
    """The handler answered, but not as agreed; the message says how."""


class _NotReached(Exception):
    """No byte of an answer came, and the connection is gone; may be tried again."""


class FallbackHandlerHook:
    """`ports.DecisionHook` over HTTP.

    Args:
        session: from `runtime.http.http_session`, so that addresses are guarded and nothing is followed.
        clock: for the timestamp that is signed and for the times in the record.
        snapshot: knows whose agents there are.
        validate_start_call: for the body under `startCall`.
        validate_start_agent_call: for the body under `startAgentCall`, its `agentId` taken out.
        timeout_s: for everything: name, connection, question and answer.
        answer_bytes_max: longest answer that is read.
        retry_pauses_s: before each repeat; as many as there are repeats.
    """

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession,
        clock: Clock,
        snapshot: Snapshot,
        validate_start_call: Validate,
        validate_start_agent_call: Validate,
        timeout_s: float = _TIMEOUT_S,
        answer_bytes_max: int = _ANSWER_BYTES_MAX,
        retry_pauses_s: tuple[float, ...] = _RETRY_PAUSES_S,
    ) -> None:
        self._session = session
        self._clock = clock
        self._snapshot = snapshot
        self._validate_start_call = validate_start_call
        self._validate_start_agent_call = validate_start_agent_call
        self._timeout_s = timeout_s
        self._answer_bytes_max = answer_bytes_max
        self._retry_pauses_s = retry_pauses_s

    async def ask(self, question: Question) -> StartCall | Rejection:
        """One answer within the deadline; never raises but for cancellation, which ends the request."""
        exchange: JsonObject = {"url": question.handler.url, "tries": 0}
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._exchange(question, exchange)
            result: StartCall | Rejection = self._read(answer, question, exchange)
        except TimeoutError:
            reason = f"the fallback handler did not answer within {self._timeout_s:g} s"
            result = Rejection("handler-timeout", 504, reason, exchange)
        except _Unusable as error:
            result = Rejection("handler-failed", 502, str(error)[:_WORDS_CHARACTERS_MAX], exchange)
        except Exception:
            # The caller is owed an answer even for a mistake of ours; it must not look like the handler's silence.
            _log.exception("handler.ask_failed")
            result = Rejection("handler-failed", 502, "asking the fallback handler failed on our side", exchange)
        exchange["ms"] = round((self._clock.monotonic() - started) * 1000, 1)
        if isinstance(result, Rejection):
            exchange["reason"] = result.reason
        return result

    # ------------------------------------------------------------------------------------------------------- asking

    async def _exchange(self, question: Question, exchange: JsonObject) -> bytes:
        body = json.dumps(question.body, ensure_ascii=False).encode("utf-8", "replace")
        for tries, pause_s in enumerate((*self._retry_pauses_s, None), start=1):
            exchange["tries"] = tries
            try:
                return await self._once(question, body, exchange)
            except _NotReached as error:
                if pause_s is None:
                    raise _Unusable(str(error)) from None
            await asyncio.sleep(pause_s)
        raise AssertionError("the last try returns or raises")

    async def _once(self, question: Question, body: bytes, exchange: JsonObject) -> bytes:
        timestamp = self._clock.now().astimezone(UTC).isoformat()
        headers = {
            "Content-Type": "application/json",
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: sign(body, timestamp, question.handler.secrets),
            DECISION_HEADER: question.decision_id,
            REQUEST_URI_HEADER: _header_value(question.request_uri),
        }
        try:
            async with self._session.post(
                question.handler.url, data=body, headers=headers, allow_redirects=False
            ) as response:
                exchange["status"] = response.status
                if response.status != 200:
                    raise _Unusable(f"the fallback handler answered {response.status}, expected 200")
                return await self._bounded(response)
        except (ssl.SSLError, aiohttp.ClientSSLError) as error:  # some are a ValueError and an OSError too
            raise _Unusable(f"no trusted connection to the fallback handler: {_named(error)}") from None
        except (aiohttp.InvalidURL, ValueError) as error:
            raise _Unusable(f"the fallback handler's url cannot be used: {type(error).__name__}") from None
        except aiohttp.ClientPayloadError:  # `AnswerBroken` among them
            raise _Unusable("the fallback handler's answer broke off") from None
        except aiohttp.ClientConnectorDNSError as error:
            forbidden = forbidden_cause(error)
            if forbidden is not None:
                raise _Unusable(f"the fallback handler's host is forbidden: {forbidden}") from None
            raise _NotReached(f"the name of the fallback handler's host is not known: {_named(error)}") from None
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            forbidden = forbidden_cause(error)
            if forbidden is not None:
                raise _Unusable(f"the fallback handler's host is forbidden: {forbidden}") from None
            if "status" in exchange:
                raise _Unusable("the fallback handler's answer broke off") from None
            raise _NotReached(f"no connection to the fallback handler: {_named(error)}") from None
        except aiohttp.ClientError as error:
            raise _Unusable(f"the fallback handler's answer is no HTTP: {type(error).__name__}") from None

    async def _bounded(self, response: aiohttp.ClientResponse) -> bytes:
        limit = self._answer_bytes_max
        announced = response.content_length
        read = bytearray()
        if announced is None or announced <= limit:
            async for chunk in response.content.iter_any():
                read += chunk
                if len(read) > limit:
                    break
            else:
                return bytes(read)
        response.close()
        raise _Unusable(f"the fallback handler's answer is longer than {limit} bytes")

    # ------------------------------------------------------------------------------------------------------ reading

    def _read(self, answer: bytes, question: Question, exchange: JsonObject) -> StartCall | Rejection:
        name, body = _the_one(_strict_json(answer))
        exchange["answer"] = name
        if name == "reject":
            return _rejection(body, exchange)
        if not isinstance(body, dict):
            raise _Unusable(f"{name} must be an object")
        if name == "startCall":
            return StartCall(None, self._validated(name, self._validate_start_call, body), exchange)
        given = {key: value for key, value in body.items() if key != "agentId"}
        agent_id = body.get("agentId")
        if agent_id is None:
            raise _Unusable("startAgentCall names no agentId")
        if not isinstance(agent_id, str):
            raise _Unusable("startAgentCall.agentId must be a string")
        exchange["agentId"] = agent_id[:_WORDS_CHARACTERS_MAX]
        agent = self._snapshot.agents_of(question.account_id).get(agent_id.lower())
        if agent is None or agent.deleted is not None:
            raise _Unusable(f"startAgentCall.agentId is no agent of this account: {agent_id}")
        return StartCall(agent.agent_id, self._validated(name, self._validate_start_agent_call, given), exchange)

    @staticmethod
    def _validated(name: str, validate: Validate, body: JsonObject) -> JsonObject:
        try:
            # The medium is incoming SIP whatever is said, so what is said of it is no reason to refuse.
            return validate({key: value for key, value in body.items() if key != "medium"})
        except ValueError as error:
            words = getattr(error, "words", None) or error
            raise _Unusable(f"{name} would be refused: {words}") from None


def _the_one(answer: Json) -> tuple[str, Json]:
    """The one of the three answers that is given; ``null`` is the same as absent."""
    if not isinstance(answer, dict):
        raise _Unusable("the fallback handler's answer is no JSON object")
    unknown = [key for key in answer if key not in _ANSWERS]
    if unknown:
        raise _Unusable(f"the fallback handler's answer has an unknown field: {unknown[0]}")
    given = [key for key in _ANSWERS if answer.get(key) is not None]
    if len(given) != 1:
        expected = "exactly one of startAgentCall, startCall and reject is expected"
        raise _Unusable(f"the fallback handler's answer has {' and '.join(given) or 'none of the three'}; {expected}")
    return given[0], answer[given[0]]


def _rejection(body: Json, exchange: JsonObject) -> Rejection:
    if not isinstance(body, dict):
        raise _Unusable("reject must be an object")
    unknown = [key for key in body if key not in ("sipRejectCode", "message")]
    if unknown:
        raise _Unusable(f"reject has an unknown field: {unknown[0]}")
    code = body.get("sipRejectCode")
    if code is None:
        code = _REJECT_CODE_DEFAULT
    if isinstance(code, bool) or not isinstance(code, int) or code not in _REJECT_CODES:
        raise _Unusable(f"reject.sipRejectCode must be 400 to 699: {json.dumps(code)}")
    message = body.get("message")
    if message is not None and not isinstance(message, str):
        raise _Unusable("reject.message must be a string")
    exchange["sipRejectCode"] = code
    if message:
        exchange["message"] = message[:_WORDS_CHARACTERS_MAX]
    status = _SENT_INSTEAD if code in _NOT_FOR_HANDLERS else code
    reason = f"the fallback handler rejected the call with {code}"
    if status != code:
        reason += f", sent as {status}"
    return Rejection("handler-rejected", status, reason, exchange)


def _strict_json(answer: bytes) -> Json:
    try:
        value: Json = json.loads(answer.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise _Unusable("the fallback handler's answer is no JSON") from None
    return value


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(text)


def _header_value(text: str) -> str:
    """A URI as a header may carry it: what is not printable ASCII percent-encoded."""
    return "".join(c if " " < c <= "~" else "".join(f"%{b:02X}" for b in c.encode("utf-8", "replace")) for c in text)


def _named(error: BaseException) -> str:
    """An error in words without addresses or paths of ours."""
    inner = getattr(error, "os_error", None) or error
    words = getattr(inner, "strerror", None) or type(inner).__name__
    return str(words)[:_WORDS_CHARACTERS_MAX]
