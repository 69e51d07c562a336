"""The models that calls may be served by: ``[models.NAME]`` in the TOML file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from callgate.config.secret import read_secret, references

# What a model may be; the first is there without being declared.
KINDS: Final = ("cascade", "demo", "media-streams", "openai-realtime", "pipecat", "ultravox", "websocket")

_BOT: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")  # names of Python: module:function
# Of numbers: the most that is not a slip of the pen.
_COUNTS_MAX: Final = {"processes": 64, "calls_per_process": 1_000}
_WITHOUT_URL: Final = ("demo", "pipecat")
_HTTP_KINDS: Final = ("cascade", "ultravox")
_SILENT_S_LIMIT: Final = 600  # nobody waits longer on a telephone
_VOICE_CHARACTERS_MAX: Final = 40  # the public limit of a voice's name
_HTTP: Final = ("https://", "http://")
_WEBSOCKET: Final = ("wss://", "ws://")


class ModelError(ValueError):
    """A table that cannot be used; says which, and what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One table. Its name is what calls and agents ask for as `model`.

    Attributes:
        kind: one of `KINDS`.
        url: ``wss://`` or ``ws://``, with the query its server wants; of the kind ``ultravox``: of its API; of the kind
            ``cascade``: to which ``/chat/completions`` is added.
        api_key: as it was found; never shown.
        profile: which server or dialect of the kind it is; empty: the usual one.
        model: as the server calls it; empty: the server knows, or the URL says.
        transcription_model: for the caller's words; empty: they are not transcribed. ``None``: the kind's own. Of the
            kind ``cascade``: as its transcription server calls it.
        sound: of the kind ``websocket``: ``ENCODING/RATE``, both ways.
        bot: of the kind ``pipecat``: ``module:function``.
        path: likewise: folder of the module.
        python: likewise: interpreter of the bot's own environment; empty: Callgate's.
        processes: likewise: in each media worker. One: a worker has a core for itself, and so has what serves it.
        calls_per_process: likewise, at a time. Ten: with voice activity detection in the process, each takes 2.5 to 4 %
            of a core, and at ten of them one frame in a hundred waits for 12 ms.
        then: names of the models that take over, in this order, when it fails.
        silent_s_max: how long a caller waits for an answer before that counts as a failure; 0: for ever.
        speech_url: of the kind ``cascade``: to which ``/audio/speech`` is added.
        speech_model: as the speech server calls it; empty: it knows.
        speech_voice: for calls that name none; empty: it knows.
        speech_api_key: as it was found; never shown.
        transcription_url: to which ``/audio/transcriptions`` is added; empty: nobody writes down what the caller says.
        transcription_api_key: as it was found; never shown.
        audio_input: whether the chat model listens to the caller itself; else it reads transcripts.
        tools: whether tools are offered to the chat model.
        voices: names that calls may ask for as their `voice`; empty: those that its profile is known to have, or the
            `speech_voice`.
    """

    kind: str
    url: str = ""
    api_key: str = field(default="", repr=False)
    profile: str = ""
    model: str = ""
    transcription_model: str | None = None
    sound: str = "pcm16/16000"
    bot: str = ""
    path: str = "."
    python: str = ""
    processes: int = 1
    calls_per_process: int = 10
    then: tuple[str, ...] = ()
    silent_s_max: float = 15.0
    speech_url: str = ""
    speech_model: str = ""
    speech_voice: str = ""
    speech_api_key: str = field(default="", repr=False)
    transcription_url: str = ""
    transcription_api_key: str = field(default="", repr=False)
    audio_input: bool = True
    tools: bool = True
    voices: tuple[str, ...] = ()


_KEYS: Final = ("api_key", "speech_api_key", "transcription_api_key")
_REFERENCES: Final = tuple(name for key in _KEYS for name in references(key))
_SWITCHES: Final = ("audio_input", "tools")
_KNOWN: Final = (*(entry.name for entry in fields(Model) if entry.name not in _KEYS), *_REFERENCES)


def read_models(tables: Any, environment: Mapping[str, str], where: str) -> dict[str, Model]:
    """The models of a file, by name.

    Args:
        tables: the value of ``models``.
        environment: in which keys are looked up.
        where: the file, for errors.

    Raises:
        ModelError: a table, a name or a value is wrong, or a key is not where it was said to be.
    """
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise ModelError(f"{where}: models is {tables!r}; expected tables, [models.NAME]")
    models = {name: _read(table, environment, f"{where}: [models.{name}]") for name, table in tables.items()}
    for name, model in models.items():
        for follower in model.then:
            if follower not in models and follower != "demo":
                raise ModelError(
                    f"{where}: [models.{name}]: then names {follower!r}; expected models of this file, or demo"
                )
    return models


def _read(table: dict[str, Any], environment: Mapping[str, str], where: str) -> Model:
    for name, value in table.items():
        if name in _KEYS:
            raise ModelError(f"{where}: a key has no place in the file; expected {name}_env or {name}_file")
        if name not in _KNOWN:
            raise ModelError(f"{where}: nothing is called {name}; expected one of {', '.join(_KNOWN)}")
        if name == "then":
            if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                raise ModelError(f"{where}: then is {value!r}; expected a list of names")
        elif name == "voices":
            _check_voices(value, where)
        elif name == "silent_s_max":
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _SILENT_S_LIMIT:
                raise ModelError(f"{where}: silent_s_max is {value!r}; expected 0 to {_SILENT_S_LIMIT} seconds")
        elif name in _COUNTS_MAX:
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _COUNTS_MAX[name]:
                raise ModelError(f"{where}: {name} is {value!r}; expected 1 to {_COUNTS_MAX[name]}")
        elif name in _SWITCHES:
            if not isinstance(value, bool):
                raise ModelError(f"{where}: {name} is {value!r}; expected true or false")
        elif not isinstance(value, str):
            raise ModelError(f"{where}: {name} is {value!r}; expected a text")
    given = {name: value for name, value in table.items() if name not in _REFERENCES}
    given["then"] = tuple(given.get("then", ()))
    given["voices"] = tuple(dict.fromkeys(given.get("voices", ())))
    kind = given.get("kind", "")
    if kind not in KINDS:
        raise ModelError(f"{where}: kind is {kind!r}; expected one of {', '.join(KINDS)}")
    if kind == "pipecat" and not _BOT.fullmatch(given.get("bot", "")):
        raise ModelError(f"{where}: bot is {given.get('bot', '')!r}; expected module:function")
    if kind not in _WITHOUT_URL:
        _check_url("url", given, _HTTP if kind in _HTTP_KINDS else _WEBSOCKET, where)
    if kind == "cascade":
        _check_cascade(given, where)
    try:
        given |= {key: read_secret(table, key, "key of the model", environment) for key in _KEYS}
    except ValueError as error:
        raise ModelError(f"{where}: {error}") from None
    return Model(**given)


def _check_voices(value: Any, where: str) -> None:
    lengths = range(1, _VOICE_CHARACTERS_MAX + 1)
    if not isinstance(value, list) or not all(isinstance(one, str) and len(one) in lengths for one in value):
        raise ModelError(
            f"{where}: voices is {value!r}; expected a list of names with 1 to {_VOICE_CHARACTERS_MAX} characters"
        )


def _check_url(name: str, given: dict[str, Any], schemes: tuple[str, ...], where: str) -> None:
    url = given.get(name, "")
    if not url.startswith(schemes):
        raise ModelError(f"{where}: {name} is {url!r}; expected one that begins with {' or '.join(schemes)}")


def _check_cascade(given: dict[str, Any], where: str) -> None:
    _check_url("speech_url", given, _HTTP, where)
    if given.get("transcription_url"):
        _check_url("transcription_url", given, _HTTP, where)
    elif not given.get("audio_input", True):
        raise ModelError(
            f"{where}: audio_input is false and there is no transcription_url; expected one of them to let the model "
            "know what the caller says"
        )
