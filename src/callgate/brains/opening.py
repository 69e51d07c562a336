"""Who speaks first: the public `firstSpeakerSettings`, read. Pure."""

from dataclasses import dataclass

from callgate.entities.json import Json, JsonObject
from callgate.schema.duration import seconds


@dataclass(frozen=True, slots=True)
class Opening:
    """How the agent opens a call.

    Attributes:
        delay_s: from the beginning to its first word; ``None``: it waits to be spoken to.
        text: its first words; ``None``: its own greeting. A `prompt` is for agents that can follow one.
        yields: whether a caller who speaks first takes the first word away from it.
        uninterruptible: whether its first words are said to their end.
    """

    delay_s: float | None = 0.0
    text: str | None = None
    yields: bool = False
    uninterruptible: bool = False


def opening(settings: JsonObject) -> Opening:
    """The opening that a call's settings ask for; the agent greets at once where they ask for nothing."""
    first = _object(settings.get("firstSpeakerSettings"))
    if "user" in first or (not first and settings.get("firstSpeaker") == "FIRST_SPEAKER_USER"):
        fallback = _object(first.get("user")).get("fallback")
        if fallback is None:
            return Opening(delay_s=None, yields=True)
        greeting = _object(fallback)
        return Opening(_delay(greeting), _text(greeting), yields=True)
    greeting = _object(first.get("agent"))
    return Opening(_delay(greeting), _text(greeting), uninterruptible=greeting.get("uninterruptible") is True)


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _delay(greeting: JsonObject) -> float:
    delay = greeting.get("delay")
    return max(0.0, seconds(delay)) if isinstance(delay, str) else 0.0


def _text(greeting: JsonObject) -> str | None:
    text = greeting.get("text")
    return text if isinstance(text, str) and text.strip() else None
