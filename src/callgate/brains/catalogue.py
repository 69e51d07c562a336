"""The brains that a media worker can make, by the name of their model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from callgate.brains.speech import speech_level as speech_level
from callgate.entities.json import JsonObject
from callgate.ports.brain import BrainFactory

if TYPE_CHECKING:
    from callgate.brains.tools.client import ToolClient
from callgate.runtime.address_guard import AddressGuard


def factories(settings: JsonObject) -> Mapping[str, BrainFactory]:
    """One factory for each configured model, and ``demo``; called once in each worker.

    Args:
        settings: ``models``: by name, the fields of `config.models.Model`; ``allowPrivate`` and ``allowLoopback``:
            which addresses they may be at; ``lastWords``: what is said when all have failed; ``demoSpeech`` false: the
            demo agent uses no speech engine even where one is installed.

    Raises:
        ValueError: a model that cannot be made.
    """
    # Here, so that the control process can ask for `speech_level` without loading the brains.
    from callgate.brains.attended import AttendingFactory
    from callgate.brains.demo import DemoFactory
    from callgate.brains.succession import SuccessionFactory
    from callgate.brains.tools.client import ToolClient

    demo = DemoFactory(speech=settings.get("demoSpeech") is not False)
    guard = AddressGuard(settings.get("allowPrivate") is True, settings.get("allowLoopback") is True)
    models = cast("dict[str, dict[str, Any]]", settings.get("models") or {})
    client = ToolClient(guard)
    alone: dict[str, BrainFactory] = {"demo": demo}
    for name, model in models.items():
        alone[name] = demo if model["kind"] == "demo" else _made(name, model, guard, client)
    last_words = str(settings.get("lastWords") or "")
    made = {
        name: SuccessionFactory(
            [(one, alone[one]) for one in (name, *model["then"])],
            last=demo,
            last_words=last_words,
            silent_s_max=model["silent_s_max"],
        )
        for name, model in models.items()
        if alone[name] is not demo
    }
    return {name: AttendingFactory(factory, guard) for name, factory in {**alone, **made}.items()}


def _made(name: str, model: dict[str, Any], guard: AddressGuard, client: "ToolClient") -> BrainFactory:
    match model["kind"]:
        case "cascade":
            return _cascade(model, guard, client)
        case "media-streams":
            return _media_streams(name, model, guard)
        case "pipecat":
            return _pipecat(name, model)
        case "ultravox":
            return _ultravox(model, guard, client)
        case "websocket":
            return _plain(name, model, guard)
    return _openai_realtime(name, model, guard, client)


def _openai_realtime(name: str, model: dict[str, Any], guard: AddressGuard, client: "ToolClient") -> BrainFactory:
    from callgate.brains.openai_realtime import OpenAIRealtimeFactory
    from callgate.brains.realtime_server import TRANSCRIPTION_MODEL, RealtimeServer
    from callgate.core.dialects.openai_profiles import PROFILES

    transcription = model["transcription_model"]
    return OpenAIRealtimeFactory(
        RealtimeServer(
            url=model["url"],
            guard=guard,
            profile=PROFILES[_profile(name, model, PROFILES, "openai")],
            api_key=model["api_key"],
            model=model["model"],
            transcription_model=TRANSCRIPTION_MODEL if transcription is None else transcription,
            reconnect_s_max=1.0 if model["then"] else 10.0,
        ),
        client,
    )


def _media_streams(name: str, model: dict[str, Any], guard: AddressGuard) -> BrainFactory:
    from callgate.brains.media_streams import MediaStreamsFactory
    from callgate.core.dialects.media_streams import DIALECTS

    dialect = _profile(name, model, DIALECTS, "twilio")
    return MediaStreamsFactory(model["url"], guard=guard, dialect=dialect, auth_token=model["api_key"])


def _pipecat(name: str, model: dict[str, Any]) -> BrainFactory:
    from callgate.brains.pipecat.brain import PipecatFactory

    try:
        return PipecatFactory(
            model["bot"],
            path=model["path"],
            python=model["python"],
            processes=model["processes"],
            calls_per_process=model["calls_per_process"],
        )
    except ValueError as error:
        raise ValueError(f"[models.{name}]: {error}") from None


def _ultravox(model: dict[str, Any], guard: AddressGuard, client: "ToolClient") -> BrainFactory:
    from callgate.brains.ultravox import UltravoxFactory

    return UltravoxFactory(model["url"], guard=guard, api_key=model["api_key"], model=model["model"], client=client)


def _cascade(model: dict[str, Any], guard: AddressGuard, client: "ToolClient") -> BrainFactory:
    from callgate.brains.cascade.brain import CascadeFactory
    from callgate.brains.cascade.servers import Cascade, Server

    writer = model["transcription_url"]
    transcription = Server("transcription", writer, model["transcription_model"] or "", model["transcription_api_key"])
    cascade = Cascade(
        chat=Server("chat", model["url"], model["model"], model["api_key"]),
        speech=Server("speech", model["speech_url"], model["speech_model"], model["speech_api_key"]),
        voice=model["speech_voice"],
        transcription=transcription if writer else None,
        audio_input=model["audio_input"],
        tools=model["tools"],
    )
    return CascadeFactory(cascade, guard=guard, tools=client)


def _plain(name: str, model: dict[str, Any], guard: AddressGuard) -> BrainFactory:
    from callgate.brains.plain_websocket import PlainWebSocketFactory
    from callgate.core.audio.format import sound_format

    try:
        sound = sound_format(model["sound"])
    except ValueError as error:
        raise ValueError(f"[models.{name}]: sound is {model['sound']!r}; {error}") from None
    return PlainWebSocketFactory(model["url"], guard=guard, api_key=model["api_key"], sound=sound)


def _profile(name: str, model: dict[str, Any], known: Mapping[str, object], usual: str) -> str:
    profile: str = model["profile"] or usual
    if profile not in known:
        raise ValueError(f"[models.{name}]: profile is {profile!r}; expected one of {', '.join(sorted(known))}")
    return profile
