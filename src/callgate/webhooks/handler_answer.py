"""Reads what a fallback handler answered: one of three, or in words why it cannot be used."""

import json
from collections.abc import Callable
from typing import Final, NoReturn

from callgate.entities.json import Json, JsonObject
from callgate.ports import Question, Rejection, Snapshot, StartCall

_REJECT_CODE_DEFAULT: Final = 603
_REJECT_CODES: Final = range(400, 700)

# They mean protocol state or need headers of their own, which only the protocol's own machinery may send.
_NOT_FOR_HANDLERS: Final = frozenset((401, 407, 420, 421, 422, 423, 481, 482, 487, 491, 494))
_SENT_INSTEAD: Final = 480

_ANSWERS: Final = ("startAgentCall", "startCall", "reject")

WORDS_CHARACTERS_MAX: Final = 500
"""What of a handler's words goes into a record and a log line."""

Validate = Callable[[Json], JsonObject]
"""Checks a body against the public schema; raises a `ValueError` whose attribute ``words`` says what is wrong."""


class Failure(Exception):
    """The handler gave no answer that can be used; the message says why.

    Attributes:
        alive: whether it has shown all the same that it answers questions: what is wrong with this answer need not be
            wrong with the next.
    """

    def __init__(self, words: str, *, alive: bool = False) -> None:
        super().__init__(words[:WORDS_CHARACTERS_MAX])
        self.alive = alive


class AnswerReader:
    """Reads answers.

    Args:
        snapshot: knows whose agents there are.
        validate_start_call: for the body under `startCall`.
        validate_start_agent_call: for the body under `startAgentCall`, its `agentId` taken out.
    """

    def __init__(self, snapshot: Snapshot, validate_start_call: Validate, validate_start_agent_call: Validate) -> None:
        self._snapshot = snapshot
        self._validate_start_call = validate_start_call
        self._validate_start_agent_call = validate_start_agent_call

    def read(self, answer: bytes, question: Question, exchange: JsonObject) -> StartCall | Rejection:
        """The answer; `exchange` is told what it was.

        Raises:
            Failure: it cannot be used.
        """
        name, body = _the_one(_strict_json(answer))
        exchange["answer"] = name
        if name == "reject":
            return _rejection(body, exchange)
        if not isinstance(body, dict):
            raise _unusable(f"{name} must be an object")
        if name == "startCall":
            return StartCall(None, _validated(name, self._validate_start_call, body), exchange)
        given = {key: value for key, value in body.items() if key != "agentId"}
        agent_id = body.get("agentId")
        if agent_id is None:
            raise _unusable("startAgentCall names no agentId")
        if not isinstance(agent_id, str):
            raise _unusable("startAgentCall.agentId must be a string")
        exchange["agentId"] = agent_id[:WORDS_CHARACTERS_MAX]
        agent = self._snapshot.agents_of(question.account_id).get(agent_id.lower())
        if agent is None or agent.deleted is not None:
            raise _unusable(f"startAgentCall.agentId is no agent of this account: {agent_id}")
        return StartCall(agent.agent_id, _validated(name, self._validate_start_agent_call, given), exchange)


def _unusable(words: str) -> Failure:
    return Failure(words, alive=True)


def _validated(name: str, validate: Validate, body: JsonObject) -> JsonObject:
    try:
        # The medium is incoming SIP whatever is said, so what is said of it is no reason to refuse.
        return validate({key: value for key, value in body.items() if key != "medium"})
    except ValueError as error:
        words = getattr(error, "words", None) or error
        raise _unusable(f"{name} would be refused: {words}") from None


def _the_one(answer: Json) -> tuple[str, Json]:
    """The one of the three answers that is given; ``null`` is the same as absent."""
    if not isinstance(answer, dict):
        raise _unusable("the fallback handler's answer is no JSON object")
    unknown = [key for key in answer if key not in _ANSWERS]
    if unknown:
        raise _unusable(f"the fallback handler's answer has an unknown field: {unknown[0]}")
    given = [key for key in _ANSWERS if answer.get(key) is not None]
    if len(given) != 1:
        expected = "exactly one of startAgentCall, startCall and reject is expected"
        raise _unusable(f"the fallback handler's answer has {' and '.join(given) or 'none of the three'}; {expected}")
    return given[0], answer[given[0]]


def _rejection(body: Json, exchange: JsonObject) -> Rejection:
    if not isinstance(body, dict):
        raise _unusable("reject must be an object")
    unknown = [key for key in body if key not in ("sipRejectCode", "message")]
    if unknown:
        raise _unusable(f"reject has an unknown field: {unknown[0]}")
    code = body.get("sipRejectCode")
    if code is None:
        code = _REJECT_CODE_DEFAULT
    if isinstance(code, bool) or not isinstance(code, int) or code not in _REJECT_CODES:
        raise _unusable(f"reject.sipRejectCode must be 400 to 699: {json.dumps(code)}")
    message = body.get("message")
    if message is not None and not isinstance(message, str):
        raise _unusable("reject.message must be a string")
    exchange["sipRejectCode"] = code
    if message:
        exchange["message"] = message[:WORDS_CHARACTERS_MAX]
    status = _SENT_INSTEAD if code in _NOT_FOR_HANDLERS else code
    reason = f"the fallback handler rejected the call with {code}"
    if status != code:
        reason += f", sent as {status}"
    return Rejection("handler-rejected", status, reason, exchange)


def _strict_json(answer: bytes) -> Json:
    try:
        value: Json = json.loads(answer.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Failure("the fallback handler's answer is no JSON") from None
    return value


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(text)
