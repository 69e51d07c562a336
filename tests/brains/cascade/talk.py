"""What callers do in calls with a cascade, and what its servers were told."""

from collections.abc import Callable
from typing import Any, Final

from callgate.core.audio.tones import tone
from callgate.entities.json import JsonObject
from callgate.testing.tool_server import ToolServer
from tests.brains.modelled_call import ModelledCall

USER_FIRST: Final[JsonObject] = {"firstSpeakerSettings": {"user": {}}}
VOICE: Final = tone(450, 20, rate_hz=16_000)
ENDPOINT_MS: Final = 400

MakeCall = Callable[..., ModelledCall]


def speaks(one: ModelledCall, ms: int = 400) -> None:
    """The caller says something, and has finished."""
    one.lasts(ms, VOICE)
    one.lasts(ENDPOINT_MS)


async def is_told(one: ModelledCall) -> None:
    """What the agent says is heard to its end."""
    await one.lasts_until(lambda: one.bridge.queued_ms > 0)
    await one.lasts_until(lambda: not one.bridge.queued_ms)


def roles(prompt: dict[str, Any]) -> list[tuple[str, Any]]:
    """The messages of a request: roles and texts, sounds as ``<sound>``, tools by name."""
    found = []
    for message in prompt["messages"]:
        content = message["content"]
        if isinstance(content, list):
            content = [part.get("text", "<sound>") for part in content]
        if "tool_calls" in message:
            content = [call["function"]["name"] for call in message["tool_calls"]]
        found.append((message["role"], content))
    return found


def booking(server: ToolServer) -> JsonObject:
    """A tool called ``book``, as calls select it."""
    day: JsonObject = {
        "name": "day",
        "location": "PARAMETER_LOCATION_BODY",
        "schema": {"type": "string"},
        "required": True,
    }
    tool: JsonObject = {
        "modelToolName": "book",
        "description": "Books a table.",
        "dynamicParameters": [day],
        "http": {"baseUrlPattern": f"{server.url}/book", "httpMethod": "POST"},
    }
    return {"temporaryTool": tool}
