"""Servers that speak the OpenAI Realtime protocol, and what they do otherwise than its author."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of server.

    Attributes:
        naming: ``ga`` or ``beta``: which generation of names and nesting it wants to be sent. Both are read.
        formats: of sound, as ``ENCODING/RATE`` of `SoundFormat`, the same both ways.
        auth: how the key is sent: ``bearer``, ``api-key`` or ``basic``.
        semantic_vad: whether it knows ``semantic_vad``.
        session_type: whether a session says that it is ``realtime``.
        voices: that it is known to have; empty: a configuration says which.
    """

    naming: str = "ga"
    formats: tuple[str, ...] = ("pcmu/8000", "pcma/8000", "pcm16/24000")
    auth: str = "bearer"
    semantic_vad: bool = True
    session_type: bool = True
    voices: tuple[str, ...] = ()


_PCM_ONLY: Final = ("pcm16/24000",)

_OPENAI_VOICES: Final = (
    *("alloy", "ash", "ballad", "cedar", "coral"),
    *("echo", "marin", "sage", "shimmer", "verse"),
)

PROFILES: Final = {
    "openai": Profile(voices=_OPENAI_VOICES),
    "azure": Profile(auth="api-key", voices=_OPENAI_VOICES),
    "azure-voice-live": Profile(naming="beta", auth="api-key", session_type=False),
    "xai": Profile(semantic_vad=False),
    "inworld": Profile(auth="basic"),
    "qwen": Profile(naming="beta", formats=_PCM_ONLY, semantic_vad=False, session_type=False),
    "localai": Profile(formats=_PCM_ONLY, semantic_vad=False),
    "speech-to-speech": Profile(formats=_PCM_ONLY, semantic_vad=False),
    "vllm-omni": Profile(formats=_PCM_ONLY, semantic_vad=False),
    "speaches": Profile(naming="beta", formats=_PCM_ONLY, semantic_vad=False, session_type=False),
}
"""By the name that a configuration gives them."""
