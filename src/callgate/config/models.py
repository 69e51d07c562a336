"""The models that calls may be served by: ``[models.NAME]`` in the TOML file."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from callgate.config.secret import read_secret, references

# What a model may be; the first is there without being declared.
KINDS: Final = ("demo", "media-streams", "openai-realtime", "ultravox", "websocket")


_SILENT_S_LIMIT: Final = 600  # nobody waits longer on a telephone


class ModelError(ValueError):
    """A table that cannot be used; says which, and what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One table. Its name is what calls and agents ask for as `model`.

    Attributes:
        kind: one of `KINDS`.
        url: ``wss://`` or ``ws://``, with the query its server wants; of the kind ``ultravox``: of its API.
        api_key: as it was found; never shown.
        profile: which server or dialect of the kind it is; empty: the usual one.
        model: as the server calls it; empty: the server knows, or the URL says.
        transcription_model: for the caller's words; empty: they are not transcribed. ``None``: the kind's own.
        sound: of the kind ``websocket``: ``ENCODING/RATE``, both ways.
        then: names of the models that take over, in this order, when it fails.
        silent_s_max: how long a caller waits for an answer before that counts as a failure; 0: for ever.
    """

    kind: str
    url: str = ""
    api_key: str = field(default="", repr=False)
    profile: str = ""
    model: str = ""
    transcription_model: str | None = None
    sound: str = "pcm16/16000"
    then: tuple[str, ...] = ()
    silent_s_max: float = 15.0


_REFERENCES: Final = references("api_key")
_KNOWN: Final = (*(entry.name for entry in fields(Model) if entry.name != "api_key"), *_REFERENCES)


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
        if name == "api_key":
            raise ModelError(f"{where}: a key has no place in the file; expected {' or '.join(_REFERENCES)}")
        if name not in _KNOWN:
            raise ModelError(f"{where}: nothing is called {name}; expected one of {', '.join(_KNOWN)}")
        if name == "then":
            if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                raise ModelError(f"{where}: then is {value!r}; expected a list of names")
        elif name == "silent_s_max":
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _SILENT_S_LIMIT:
                raise ModelError(f"{where}: silent_s_max is {value!r}; expected 0 to {_SILENT_S_LIMIT} seconds")
        elif not isinstance(value, str):
            raise ModelError(f"{where}: {name} is {value!r}; expected a text")
    given = {name: value for name, value in table.items() if name not in _REFERENCES}
    given["then"] = tuple(given.get("then", ()))
    kind = given.get("kind", "")
    if kind not in KINDS:
        raise ModelError(f"{where}: kind is {kind!r}; expected one of {', '.join(KINDS)}")
    schemes = ("https://", "http://") if kind == "ultravox" else ("wss://", "ws://")
    if kind != "demo" and not given.get("url", "").startswith(schemes):
        raise ModelError(
            f"{where}: url is {given.get('url', '')!r}; expected one that begins with {' or '.join(schemes)}"
        )
    try:
        return Model(**given, api_key=read_secret(table, "api_key", "key of the model", environment))
    except ValueError as error:
        raise ModelError(f"{where}: {error}") from None
