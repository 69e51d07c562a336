"""What may be sent to a call in progress: `POST /api/calls/{call_id}/send_data_message`."""

from typing import Any, Final, Literal

from pydantic import Field

from callgate.core.dialects.data_messages import TEXT_CHARACTERS_MAX
from callgate.entities.json import Json, JsonObject
from callgate.schema.body import Body, read
from callgate.schema.errors import invalid, shown

_Urgency = Literal["immediate", "soon", "later"]


class HangUpMessage(Body):
    """End the call, after the agent has said `message`."""

    type: Literal["hang_up"]
    message: str | None = Field(default=None, max_length=TEXT_CHARACTERS_MAX)


class UserTextMessage(Body):
    """Something for the agent to know, as if the caller had typed it."""

    type: Literal["user_text_message"]
    text: str = Field(min_length=1, max_length=TEXT_CHARACTERS_MAX)
    urgency: _Urgency = "soon"
    thread_id: str | None = None


class ForcedAgentMessage(Body):
    """Something for the agent to say."""

    type: Literal["forced_agent_message"]
    content: str = Field(min_length=1, max_length=TEXT_CHARACTERS_MAX)
    uninterruptible: bool = False
    urgency: Literal["immediate", "soon"] = "soon"
    tool_calls: list[Any] | None = None
    known_tool_results: list[Any] | None = None
    thread_id: str | None = None


_KINDS: Final[dict[str, type[Body]]] = {
    "hang_up": HangUpMessage,
    "user_text_message": UserTextMessage,
    "forced_agent_message": ForcedAgentMessage,
}


def validate_data_message(body: Json) -> JsonObject:
    """A data message: what was given, with `type`.

    Raises:
        Invalid: with every mistake, or for what is not offered.
    """
    if not isinstance(body, dict):
        raise invalid("non_field_errors", f"expected an object: {shown(body)}")
    kind = body.get("type")
    if kind is None:
        raise invalid("type", "required, but absent")
    model = _KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise invalid("type", f"expected one of {', '.join(_KINDS)}: {shown(kind)}")
    message = read(model, body).given()
    for name in ("toolCalls", "knownToolResults"):
        if message.get(name):
            raise invalid(name, "not offered: an agent can be made to speak, but not to use tools")
    if message.get("threadId") not in (None, "UI"):
        raise invalid("threadId", f"a call has one thread, `UI`: {shown(message['threadId'])}")
    return message
