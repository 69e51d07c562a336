"""A selected tool, read from a call's settings: what the model is told of it, and what using it takes. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from callgate.entities.json import Json, JsonObject
from callgate.entities.tool import BUILT_IN
from callgate.schema.duration import seconds

TIMEOUT_S: Final = 2.5  # the public default: a caller notices longer silence
TIMEOUT_S_MAX: Final = 40.0  # the public limit
TOOLS_MAX: Final = 128  # of one call: what models are still able to choose from


class Reaction(Enum):
    """What the agent does when a tool has answered."""

    SPEAKS = "speaks"
    LISTENS = "listens"
    SPEAKS_ONCE = "speaks-once"


class Place(Enum):
    """Where a parameter goes in a request."""

    QUERY = "PARAMETER_LOCATION_QUERY"
    PATH = "PARAMETER_LOCATION_PATH"
    HEADER = "PARAMETER_LOCATION_HEADER"
    BODY = "PARAMETER_LOCATION_BODY"


class ToolUnusable(Exception):
    """A selected tool that cannot be offered to the model; its words say why."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter.

    Attributes:
        name: of it.
        place: where it goes.
        value: fixed; ``None`` for those that the model or the server fills in.
        known: ``KNOWN_PARAM_…`` that the server fills in; empty: none.
        schema: of what the model fills in.
        required: whether the model must.
    """

    name: str
    place: Place
    value: Json = None
    known: str = ""
    schema: JsonObject = field(default_factory=dict)
    required: bool = False


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret that goes along with a request.

    Attributes:
        name: of the query parameter or header.
        value: the secret.
        in_query: else it is a header.
    """

    name: str
    value: str = field(repr=False)
    in_query: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool of one call.

    Attributes:
        name: by which the model knows it.
        description: for the model.
        kind: ``http``, ``client``, ``dataConnection``, ``static`` or ``builtIn``.
        tool_id: of the stored or built-in one, where it was selected by its id or is stored; empty for the others.
        built_in: which, of `BUILT_IN`; empty for the others.
        dynamic: what the model fills in.
        fixed: what it does not see: static and automatic parameters, and overridden ones.
        timeout_s: for an answer.
        reaction: of the agent, unless the answer asks for another.
        url_pattern: with ``{names}`` of path parameters.
        method: of HTTP.
        credentials: to be sent along.
        response: of a ``static`` one.
    """

    name: str
    description: str
    kind: str
    tool_id: str = ""
    built_in: str = ""
    dynamic: tuple[Parameter, ...] = ()
    fixed: tuple[Parameter, ...] = ()
    timeout_s: float = TIMEOUT_S
    reaction: Reaction = Reaction.SPEAKS
    url_pattern: str = ""
    method: str = "POST"
    credentials: tuple[Credential, ...] = ()
    response: str = ""

    @property
    def parameters(self) -> JsonObject:
        """What the model fills in, as a JSON Schema."""
        properties: JsonObject = {one.name: one.schema for one in self.dynamic}
        schema: JsonObject = {"type": "object", "properties": properties}
        required: list[Json] = [one.name for one in self.dynamic if one.required]
        if required:
            schema["required"] = required
        return schema

    def overridden(self, name: str) -> Json:
        """What a fixed parameter says; ``None`` when there is none of this name."""
        return next((one.value for one in self.fixed if one.name == name), None)


def tools_of(settings: JsonObject) -> tuple[Mapping[str, Tool], Sequence[str]]:
    """The tools that a call's settings select, by the model's names; and words about those that cannot be used."""
    selected = settings.get("selectedTools")
    found: dict[str, Tool] = {}
    unusable = []
    for entry in selected if isinstance(selected, list) else []:
        if not isinstance(entry, dict):
            continue
        try:
            tool = read_tool(entry)
        except ToolUnusable as error:
            unusable.append(str(error))
            continue
        if tool.name in found:
            unusable.append(f"two tools are called {tool.name!r}; the first is used")
        elif len(found) == TOOLS_MAX:
            unusable.append(f"more than {TOOLS_MAX} tools; {tool.name!r} is left out")
        else:
            found[tool.name] = tool
    return found, unusable


def read_tool(entry: JsonObject) -> Tool:
    """One entry of `selectedTools`; stored tools have been put in place as `temporaryTool` when the call was made.

    Raises:
        ToolUnusable: with the reason.
    """
    definition = entry.get("temporaryTool")
    if isinstance(definition, dict):
        return _defined(entry, definition)
    name = _text(entry.get("toolName"))
    if name not in BUILT_IN:
        raise ToolUnusable(f"there is no tool {name or _text(entry.get('toolId'))!r}")
    return _built_in(entry, name)


def _defined(entry: JsonObject, definition: JsonObject) -> Tool:
    name = _text(entry.get("nameOverride")) or _text(definition.get("modelToolName")) or _text(entry.get("toolName"))
    if not name:
        raise ToolUnusable("a tool without a modelToolName")
    http = definition.get("http")
    static = definition.get("staticResponse")
    url = _text(_object(http).get("baseUrlPattern"))
    if isinstance(static, dict) and not isinstance(http, dict):
        kind = "static"
    elif isinstance(http, dict):
        kind = "http"
        if not url:
            raise ToolUnusable(f"tool {name!r} has no http.baseUrlPattern")
    else:
        kind = "dataConnection" if "dataConnection" in definition else "client"
    method = (_text(_object(http).get("httpMethod")) or "POST").upper()
    overrides = _object(entry.get("parameterOverrides"))
    for wanted in _list(_object(definition.get("requirements")).get("requiredParameterOverrides")):
        if wanted not in overrides:
            raise ToolUnusable(f"tool {name!r} needs the parameter override {str(wanted)[:64]!r}")
    dynamic, fixed = _parameters(definition, overrides, "QUERY" if method in ("GET", "HEAD", "DELETE") else "BODY")
    timeout = definition.get("timeout")
    timeout_s = seconds(timeout) if isinstance(timeout, str) else TIMEOUT_S
    return Tool(
        name=name,
        description=_text(entry.get("descriptionOverride")) or _text(definition.get("description")),
        kind=kind,
        tool_id=_text(entry.get("toolId")),
        dynamic=dynamic,
        fixed=fixed,
        timeout_s=min(max(timeout_s, 0.0), TIMEOUT_S_MAX),
        reaction=_reaction(definition.get("defaultReaction")),
        url_pattern=url,
        method=method,
        credentials=_credentials(name, _object(definition.get("requirements")), _object(entry.get("authTokens"))),
        response=_text(_object(static).get("responseText")),
    )


def _parameters(
    definition: JsonObject, overrides: JsonObject, unspecified: str
) -> tuple[tuple[Parameter, ...], tuple[Parameter, ...]]:
    dynamic, fixed = [], []
    for one in map(_object, _list(definition.get("dynamicParameters"))):
        name, place = _text(one.get("name")), _place(one.get("location"), unspecified)
        if name in overrides:
            fixed.append(Parameter(name, place, overrides[name]))
        elif name:
            schema = _object(one.get("schema"))
            dynamic.append(Parameter(name, place, schema=schema, required=one.get("required") is True))
    for one in map(_object, _list(definition.get("staticParameters"))):
        if name := _text(one.get("name")):
            fixed.append(
                Parameter(name, _place(one.get("location"), unspecified), overrides.get(name, one.get("value")))
            )
    for one in map(_object, _list(definition.get("automaticParameters"))):
        if name := _text(one.get("name")):
            place = _place(one.get("location"), unspecified)
            if name in overrides:
                fixed.append(Parameter(name, place, overrides[name]))
            else:
                fixed.append(Parameter(name, place, known=_text(one.get("knownValue"))))
    return tuple(dynamic), tuple(fixed)


def _credentials(tool: str, requirements: JsonObject, tokens: JsonObject) -> tuple[Credential, ...]:
    """Those of the first option for which every token was given."""
    options = _list(_object(requirements.get("httpSecurityOptions")).get("options"))
    if not options:
        return ()
    missing: list[str] = []
    for option in map(_object, options):
        wanted = _object(option.get("requirements"))
        absent = [name for name in wanted if not isinstance(tokens.get(name), str)]
        if not absent:
            return tuple(_credential(_object(wanted[name]), str(tokens[name])) for name in wanted)
        missing = missing or absent
    raise ToolUnusable(f"tool {tool!r} needs authTokens for {', '.join(missing)[:200]}")


def _credential(requirement: JsonObject, token: str) -> Credential:
    if "queryApiKey" in requirement:
        return Credential(_text(_object(requirement["queryApiKey"]).get("name")), token, in_query=True)
    if "headerApiKey" in requirement:
        return Credential(_text(_object(requirement["headerApiKey"]).get("name")), token)
    scheme = _text(_object(requirement.get("httpAuth")).get("scheme"))
    return Credential("Authorization", f"{scheme or 'Bearer'} {token}")


_STRICT: Final[Parameter] = Parameter("strict", Place.BODY, True)


def _built_in(entry: JsonObject, name: str) -> Tool:
    overrides = _object(entry.get("parameterOverrides"))
    description, dynamic = _BUILT_IN[name]
    fixed = {one.name: one for one in _BUILT_IN_FIXED[name]}
    fixed.update({key: Parameter(key, Place.BODY, value) for key, value in overrides.items()})
    return Tool(
        name=_text(entry.get("nameOverride")) or name,
        description=_text(entry.get("descriptionOverride")) or description,
        kind="builtIn",
        tool_id=_text(entry.get("toolId")),
        built_in=name,
        dynamic=tuple(one for one in dynamic if one.name not in overrides),
        fixed=tuple(fixed.values()),
        reaction=Reaction.SPEAKS if name == "playDtmfSounds" else Reaction.LISTENS,
    )


def _string(name: str, description: str, required: bool = True) -> Parameter:
    return Parameter(name, Place.BODY, schema={"type": "string", "description": description}, required=required)


_BUILT_IN: Final[Mapping[str, tuple[str, tuple[Parameter, ...]]]] = {
    "hangUp": (
        "End the call. Say goodbye first, in the same turn.",
        (_string("reason", "Why the call ends, in a few words.", required=False),),
    ),
    "leaveVoicemail": (
        "Leave a message on an answering machine and end the call. Use it when a machine has answered, not a person.",
        (_string("message", "What is said after the tone, word for word."),),
    ),
    "playDtmfSounds": (
        "Press keys of the telephone, for menus of automatic systems.",
        (_string("digits", "The keys, in order: 0 to 9, *, # and A to D."),),
    ),
}
_BUILT_IN_FIXED: Final[Mapping[str, tuple[Parameter, ...]]] = {
    "hangUp": (_STRICT,),
    "leaveVoicemail": (_STRICT,),
    "playDtmfSounds": (
        Parameter("toneDuration", Place.BODY, "0.2s"),
        Parameter("spaceDuration", Place.BODY, "0.1s"),
    ),
}


def _place(value: Json, unspecified: str) -> Place:
    try:
        return Place(value)
    except ValueError:
        return Place[unspecified]


def _reaction(value: Json) -> Reaction:
    if isinstance(value, str) and value.startswith("AGENT_REACTION_"):
        name = value.removeprefix("AGENT_REACTION_")
        if name in Reaction.__members__:
            return Reaction[name]
    return Reaction.SPEAKS


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
