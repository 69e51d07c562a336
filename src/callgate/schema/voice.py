"""Voices of outside providers, as calls and templates name them."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from callgate.schema.body import Body, GuardedUrl, Int32

Number = Annotated[float, Field(allow_inf_nan=False)]


def only_one(body: Body, names: dict[str, str], required: bool = False) -> None:
    """Raise unless at most (or exactly) one of the attributes, given with their public names, is there."""
    found = [public for attribute, public in names.items() if getattr(body, attribute) is not None]
    if len(found) > 1 or (required and not found):
        expected = f"{'exactly' if required else 'at most'} one of {', '.join(f'`{name}`' for name in names.values())}"
        raise ValueError(f"expected {expected}: {' and '.join(f'`{name}`' for name in found) or 'none'}")


class PronunciationDictionary(Body):
    """One dictionary at ElevenLabs."""

    dictionary_id: str | None = None
    version_id: str | None = None


class ElevenLabsVoice(Body):
    """A voice of ElevenLabs."""

    voice_id: str | None = None
    model: str | None = None
    speed: Number | None = None
    use_speaker_boost: bool | None = None
    style: Number | None = None
    similarity_boost: Number | None = None
    stability: Number | None = None
    pronunciation_dictionaries: list[PronunciationDictionary] | None = None
    optimize_streaming_latency: Int32 | None = None
    max_sample_rate: Int32 | None = None
    enable_ssml_parsing: bool | None = None


class CartesiaGeneration(Body):
    """How Cartesia speaks."""

    volume: Number | None = None
    speed: Number | None = None
    emotion: str | None = None
    pronunciation_dict_id: str | None = None


class CartesiaVoice(Body):
    """A voice of Cartesia."""

    voice_id: str | None = None
    model: str | None = None
    speed: Number | None = None
    emotion: str | None = None
    emotions: list[str] | None = None
    generation_config: CartesiaGeneration | None = None


class LmntVoice(Body):
    """A voice of LMNT."""

    voice_id: str | None = None
    model: str | None = None
    speed: Number | None = None
    conversational: bool | None = None


class GoogleVoice(Body):
    """A voice of Google."""

    voice_id: str | None = None
    speaking_rate: Number | None = None


class InworldVoice(Body):
    """A voice of Inworld."""

    voice_id: str | None = None
    model_id: str | None = None
    speaking_rate: Number | None = None
    temperature: Number | None = None
    apply_text_normalization: bool | None = None


class RespeecherVoice(Body):
    """A voice of Respeecher."""

    voice_id: str | None = None
    model: str | None = None
    seed: Int32 | None = None
    temperature: Number | None = None
    top_k: Int32 | None = None
    top_p: Number | None = None
    min_p: Number | None = None
    presence_penalty: Number | None = None
    repetition_penalty: Number | None = None
    frequency_penalty: Number | None = None


class GenericVoice(Body):
    """A voice behind any HTTP service."""

    url: GuardedUrl | None = None
    headers: dict[str, str] | None = None
    body: dict[str, Any] | None = None
    response_sample_rate: Int32 | None = None
    response_words_per_minute: Int32 | None = None
    response_mime_type: str | None = None
    json_audio_field_path: str | None = None
    json_byte_encoding: (
        Literal["JSON_BYTE_ENCODING_UNSPECIFIED", "JSON_BYTE_ENCODING_BASE64", "JSON_BYTE_ENCODING_HEX"] | None
    ) = None


class ExternalVoice(Body):
    """One voice of one provider."""

    eleven_labs: ElevenLabsVoice | None = None
    cartesia: CartesiaVoice | None = None
    lmnt: LmntVoice | None = None
    google: GoogleVoice | None = None
    inworld: InworldVoice | None = None
    respeecher: RespeecherVoice | None = None
    generic: GenericVoice | None = None

    @model_validator(mode="after")
    def _one_provider(self) -> "ExternalVoice":
        names = {name: field.alias or name for name, field in type(self).model_fields.items()}
        only_one(self, names)
        return self
