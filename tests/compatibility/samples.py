"""Bodies that the public schema allows, made of the table: among them each property stands once at least."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from callgate.entities.tool import BUILT_IN_IDS
from tests.compatibility.surface import COMPONENTS

_P: Final = "ultravox.v1."
UUID: Final = "0b5bd8ae-3a1e-4c5e-9a5e-0d8d1a1f0001"

# Of these properties one may be given: the schema tells it in words only.
_ONE_OF: Final[dict[str, tuple[str, ...]]] = {
    f"{_P}BaseToolDefinition": ("http", "client", "dataConnection"),
    f"{_P}CallMedium": tuple(COMPONENTS[f"{_P}CallMedium"]["properties"]),
    f"{_P}CallMedium_DtmfHandling": ("ignore", "userTextMessage"),
    f"{_P}CallMedium_SipMedium": ("incoming", "outgoing"),
    f"{_P}CallTemplate": ("voice", "externalVoice"),
    f"{_P}ExternalVoice": tuple(COMPONENTS[f"{_P}ExternalVoice"]["properties"]),
    f"{_P}FirstSpeakerSettings": ("user", "agent"),
    f"{_P}SecurityRequirement": ("queryApiKey", "headerApiKey", "httpAuth"),
    f"{_P}SelectedTool": ("toolId", "toolName", "temporaryTool"),
    f"{_P}StartCallRequest": ("voice", "externalVoice"),
    f"{_P}ToolOverrides": ("remove", "removeAll"),
}

# A good value where the schema does not say what one is.
_GOOD: Final[dict[str, Any]] = {
    "APIKeyCreate.expiryDate": "2099-01-01T00:00:00Z",
    "FallbackHandler.url": "https://a.example/handler",
    "PatchedWebhook.url": "https://a.example/hook",
    "SendCallDataMessage.type": "hang_up",
    "Webhook.url": "https://a.example/hook",
    f"{_P}BaseHttpToolDetails.baseUrlPattern": "https://a.example/tool",
    f"{_P}BaseHttpToolDetails.httpMethod": "POST",
    f"{_P}CallMedium_WebSocketMedium.inputSampleRate": 8_000,
    f"{_P}CallMedium_WebSocketMedium.outputSampleRate": 16_000,
    f"{_P}CallTemplate.contextSchema": {"type": "object"},
    f"{_P}CallTemplate.model": "fast",
    f"{_P}Callback.url": "https://a.example/callback",
    f"{_P}DataConnectionAudioConfig.sampleRate": 16_000,
    f"{_P}DataConnectionConfig.websocketUrl": "wss://a.example/data",
    f"{_P}DynamicParameter.schema": {"type": "string"},
    f"{_P}GenericVoice.url": "https://a.example/voice",
    f"{_P}SipMedium_SipOutgoing.from": "sip:agent@a.example",
    f"{_P}SipMedium_SipOutgoing.to": "sip:100@a.example",
    f"{_P}SelectedTool.parameterOverrides": {"other": 1},
    f"{_P}SelectedTool.toolId": next(iter(BUILT_IN_IDS)),
    f"{_P}StartAgentCallRequest.agentId": UUID,
    f"{_P}StartCallRequest.firstSpeaker": "FIRST_SPEAKER_UNSPECIFIED",
    f"{_P}StartCallRequest.model": "fast",
    f"{_P}ToolRequirements.requiredParameterOverrides": ["other"],
}
_SHARED_SECRET: Final = "s" * 16


def bodies(schema: Any, good: Mapping[str, Any] = MappingProxyType({})) -> list[Any]:
    """Bodies in which every property that may be sent stands.

    Args:
        schema: of the body, in the table.
        good: values for properties, `Component.property`.
    """
    return _values(schema, "", {**_GOOD, **good})


def _values(told: Any, place: str, good: dict[str, Any]) -> list[Any]:
    name = place.rpartition(".")[2]
    if place in good:
        return [good[place]]
    if name == "sharedSecrets":
        return [[_SHARED_SECRET]]
    if "$ref" in told:
        component = COMPONENTS[told["$ref"]]
        return _objects(told["$ref"], good) if "properties" in component else _values(component, place, good)
    if "items" in told:
        return [[one] for one in _values(told["items"], f"{place}[]", good)]
    if "enum" in told:
        return [told["enum"][-1]]
    kind = told.get("type")
    if kind == "object":
        inner = told.get("additionalProperties")
        return [{"a": one} for one in _values(inner, f"{place}[]", good)] if inner else [{"a": 1}]
    if kind == "string":
        return ["1s" if "pattern" in told else UUID if told.get("format") == "uuid" else _text(told)]
    return [{"integer": 1, "number": 0.5, "boolean": True}.get(str(kind), "x")]


def _text(told: Any) -> str:
    return "10.0.0.0/8" if told.get("format") == "ipv4-cidr" else "x"


def _objects(component: str, good: dict[str, Any]) -> list[Any]:
    """Objects enough for every value of every property; of those that exclude each other one at a time."""
    one_of = _ONE_OF.get(component, ())
    sent = {name: told for name, told in COMPONENTS[component]["properties"].items() if not told.get("readOnly")}
    each = {name: _values(told, f"{component}.{name}", good) for name, told in sent.items()}
    choices = [(name, value) for name in one_of for value in each[name]]
    count = max((len(choices), *(len(values) for name, values in each.items() if name not in one_of)), default=0)
    found = []
    for index in range(max(1, count)):
        one = {name: values[index % len(values)] for name, values in each.items() if name not in one_of}
        if choices:
            name, value = choices[index % len(choices)]
            one[name] = value
        found.append(one)
    return found


def sendable(schema: Any) -> Iterator[str]:
    """All properties, as `Component.property`, that a body may hold; each once."""
    yield from _sendable(schema, set())


def _sendable(told: Any, visited: set[str]) -> Iterator[str]:
    for key in ("items", "additionalProperties"):
        if key in told:
            yield from _sendable(told[key], visited)
    component = told.get("$ref")
    if component is not None and component not in visited:
        visited.add(component)
        for name, inner in COMPONENTS[component].get("properties", {}).items():
            if not inner.get("readOnly"):
                yield f"{component}.{name}"
                yield from _sendable(inner, visited)
