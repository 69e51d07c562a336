"""The voices that the configured models have."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from uuid import UUID, uuid5

from callgate.config.models import Model
from callgate.core.dialects.openai_profiles import PROFILES
from callgate.entities.voice import Voice

# Names the voices of all Callgates: an id that a client has noted down means the same voice on another one.
_NAMESPACE: Final = UUID("6f9a2c1e-6f0b-5d0e-9a3b-3f0c7c1d2e55")
_DEMO: Final = "demo"
_DEMO_LANGUAGE: Final = "en-US"  # another where `languageHint` names one of its speech engine's
_USUAL_PROFILE: Final = "openai"


def offered_voices(models: Mapping[str, Model]) -> tuple[Voice, ...]:
    """The demo agent's voice, and those of each model, by name; the same name at several models is one voice."""
    voices = {_DEMO: Voice(_id(_DEMO), _DEMO, (_DEMO,), _DEMO, _DEMO_LANGUAGE)}
    for model_name, model in models.items():
        if model.kind == "demo":
            voices[_DEMO] = _with_model(voices[_DEMO], model_name)
            continue
        for name in _names(model):
            known = voices.get(name)
            if known is None:
                billed = bool(model.speech_api_key if model.kind == "cascade" else model.api_key)
                voices[name] = Voice(_id(name), name, (model_name,), model.profile or _provider(model), None, billed)
            else:
                voices[name] = _with_model(known, model_name)
    return tuple(sorted(voices.values(), key=lambda voice: voice.name))


def _names(model: Model) -> tuple[str, ...]:
    if model.voices:
        return model.voices
    if model.kind == "openai-realtime":
        profile = PROFILES.get(model.profile or _USUAL_PROFILE)
        return () if profile is None else profile.voices
    return (model.speech_voice,) if model.speech_voice else ()


def _provider(model: Model) -> str:
    return _USUAL_PROFILE if model.kind == "openai-realtime" else model.kind


def _with_model(voice: Voice, model_name: str) -> Voice:
    return voice if model_name in voice.models else replace(voice, models=(*voice.models, model_name))


def _id(name: str) -> str:
    return str(uuid5(_NAMESPACE, name))
