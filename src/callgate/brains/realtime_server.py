"""A server of the OpenAI Realtime protocol as configured, and what a call's settings mean to it. Pure."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from callgate.brains.tools.definition import Tool
from callgate.core.audio.format import SoundFormat, sound_format
from callgate.core.dialects.openai_profiles import PROFILES, Profile
from callgate.core.dialects.openai_realtime import Configuration, tool_definition
from callgate.entities.json import Json, JsonObject
from callgate.runtime.address_guard import AddressGuard
from callgate.schema.duration import seconds

TRANSCRIPTION_MODEL: Final = "gpt-4o-mini-transcribe"
FALLBACK_FORMAT: Final = "pcm16/24000"  # what every server takes


@dataclass(frozen=True, slots=True)
class RealtimeServer:
    """One server.

    Attributes:
        url: ``ws://`` or ``wss://``, with the query it wants.
        guard: which addresses may be reached.
        profile: how it differs from others.
        api_key: empty: none is sent.
        model: empty: the server knows, or the URL says.
        transcription_model: for the caller's words; empty: they are not transcribed.
        reconnect_s_max: how long a broken connection may take to be made again: short where others can take over.
    """

    url: str
    guard: AddressGuard
    profile: Profile = PROFILES["openai"]
    api_key: str = field(default="", repr=False)
    model: str = ""
    transcription_model: str = TRANSCRIPTION_MODEL
    reconnect_s_max: float = 10.0

    @property
    def headers(self) -> Mapping[str, str]:
        """Of the handshake."""
        key = self.api_key
        if not key:
            return {}
        if self.profile.auth == "api-key":
            return {"api-key": key}
        if self.profile.auth == "basic":
            return {"Authorization": "Basic " + base64.b64encode(key.encode()).decode()}
        return {"Authorization": f"Bearer {key}"}

    @property
    def formats(self) -> tuple[SoundFormat, ...]:
        """What its sound may be."""
        names = dict.fromkeys((*self.profile.formats, FALLBACK_FORMAT))
        return tuple(sound_format(name) for name in names)

    def configuration(self, settings: JsonObject, tools: Sequence[Tool], format: str) -> Configuration:
        """What a session is to be for a call with these settings, in the public JSON."""
        vad = settings.get("vadSettings")
        turns: JsonObject = vad if isinstance(vad, dict) else {}
        temperature, threshold = settings.get("temperature"), turns.get("frameActivationThreshold")
        return Configuration(
            model=self.model,
            instructions=_text(settings.get("systemPrompt")),
            voice=_text(settings.get("voice")),
            format=format,
            temperature=float(temperature) if isinstance(temperature, (int, float)) else None,
            language=_text(settings.get("languageHint")),
            transcription_model=self.transcription_model,
            silence_ms=_ms(turns.get("turnEndpointDelay")),
            threshold=float(threshold) if isinstance(threshold, (int, float)) else None,
            tools=tuple(tool_definition(tool.name, tool.description, tool.parameters) for tool in tools),
        )


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _ms(value: Json) -> int | None:
    return round(1_000 * seconds(value)) if isinstance(value, str) else None
