"""The body by which a tool has a call enter another stage, and stages as the public API shows them."""

from typing import Any, Final

from callgate.entities.call import CallStage
from callgate.entities.json import Json, JsonObject
from callgate.schema.body import read
from callgate.schema.call import timestamp
from callgate.schema.start_call import CheckUrl, InitialMessage, Persona

# Left out when absent, because they are not nullable.
_OPTIONAL: Final = ("externalVoice", "voiceOverrides")


class StageBody(Persona):
    """What a stage may have of its own; all else it inherits."""

    initial_messages: list[InitialMessage] | None = None
    experimental_settings: dict[str, Any] | None = None
    initial_state: dict[str, Any] | None = None


# Of a persona, what is settled before a call begins: where it comes from, how long it lasts, who serves it.
_SETTLED: Final = frozenset(
    (
        "medium",
        "joinTimeout",
        "maxDuration",
        "recordingEnabled",
        "initialOutputMedium",
        "firstSpeakerSettings",
        "dataConnection",
        "retentionPolicy",
        "sharedSecrets",
        "model",
    )
)
_OWN: Final = frozenset(field.alias or name for name, field in StageBody.model_fields.items()) - _SETTLED


def read_stage(body: JsonObject, *, check_url: CheckUrl | None = None) -> tuple[JsonObject, list[str]]:
    """What a stage has of its own, validated; and the names of what `body` says in vain: a stage cannot change it.

    Raises:
        Invalid: with every mistake in what a stage may have.
    """
    own: Json = {name: value for name, value in body.items() if name in _OWN}
    return read(StageBody, own, {"check_url": check_url}).given(), sorted(body.keys() - _OWN)


def inherited(settings: JsonObject, own: JsonObject) -> JsonObject:
    """The settings of a stage: those of the one before it, but for what is its own."""
    kept = {name: value for name, value in settings.items() if name != "initialMessages"}
    if "voice" in own:  # one of the two, and the later word wins
        kept.pop("externalVoice", None)
    if "externalVoice" in own:
        kept.pop("voice", None)
    return {**kept, **own}


def render_stage(stage: CallStage, errors: int) -> JsonObject:
    """The public CallStage.

    Args:
        stage: what to show.
        errors: how many there were in it.
    """
    settings = stage.settings
    shown: JsonObject = {
        "callId": stage.call_id,
        "callStageId": stage.stage_id,
        "created": timestamp(stage.created),
        "inactivityMessages": settings.get("inactivityMessages", []),
        "initialTokenCount": None,
        "languageHint": settings.get("languageHint"),
        "latestTokenCount": None,
        "model": settings.get("model", "ultravox-v0.7"),
        "systemPrompt": settings.get("systemPrompt"),
        "temperature": settings.get("temperature", 0.0),
        "timeExceededMessage": settings.get("timeExceededMessage"),
        "voice": settings.get("voice"),
        "errorCount": errors,
        "experimentalSettings": settings.get("experimentalSettings"),
        "initialState": settings.get("initialState", {}),
    }
    return shown | {name: settings[name] for name in _OPTIONAL if settings.get(name) is not None}


def render_initial_messages(stage: CallStage) -> list[JsonObject]:
    """What was said before a stage, as the first of its public Messages: without times."""
    return [
        {**message, "callStageMessageIndex": index, "callStageId": stage.stage_id}
        for index, message in enumerate(stage.initial_messages)
    ]
