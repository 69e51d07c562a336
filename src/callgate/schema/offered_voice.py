"""Voices as the API shows them."""

from callgate.entities.json import JsonObject
from callgate.entities.voice import Voice


def render_voice(voice: Voice, preview_url: str) -> JsonObject:
    """The public Voice. What defines it is known to the server that speaks alone."""
    where = "the model" if len(voice.models) == 1 else "the models"
    return {
        "voiceId": voice.voice_id,
        "name": voice.name,
        "description": f"Of {where} {', '.join(voice.models)}."[:240],  # the public limit
        "primaryLanguage": voice.language,
        "languageLabel": None,
        "previewUrl": preview_url,
        "ownership": "public",
        "billingStyle": "VOICE_BILLING_STYLE_EXTERNAL" if voice.billed else "VOICE_BILLING_STYLE_INCLUDED",
        "provider": voice.provider,
        "definition": {"generic": {}},
    }
