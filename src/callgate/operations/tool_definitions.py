"""Tools as the public API shows them, made from what the brains read: one reading of a definition, for all."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid5

from callgate.brains.tools.definition import Parameter, Tool, tools_of
from callgate.entities.call import CallStage
from callgate.entities.json import Json, JsonObject
from callgate.entities.tool import BUILT_IN_IDS, DurableTool
from callgate.schema.duration import duration

_SHIPPED: Final = datetime(2026, 1, 1, tzinfo=UTC)  # before any that an account has made


def built_in_tools() -> Mapping[str, DurableTool]:
    """Those that every account may select, by id."""
    found = {}
    for tool_id, name in BUILT_IN_IDS.items():
        tools, _ = tools_of({"selectedTools": [{"toolName": name}]})
        definition = {"modelToolName": name, **render_definition(tools[name])}
        found[tool_id] = DurableTool(tool_id, "", name, _SHIPPED, definition)
    return found


def render_call_tools(stage: CallStage) -> list[JsonObject]:
    """The public CallTools of a stage: what the model could use, without secrets."""
    tools, _ = tools_of(stage.settings)
    return [
        {
            "callToolId": str(uuid5(UUID(stage.stage_id), tool.name)),
            "toolId": tool.tool_id or None,
            "name": tool.name,
            "definition": render_definition(tool),
        }
        for tool in tools.values()
    ]


def render_definition(tool: Tool) -> JsonObject:
    """The public CallTool definition: of credentials the names only."""
    shown: JsonObject = {"description": tool.description}
    dynamic: list[Json] = [
        {**_placed(one), "schema": one.schema, **({"required": True} if one.required else {})} for one in tool.dynamic
    ]
    static: list[Json] = [{**_placed(one), "value": one.value} for one in tool.fixed if not one.known]
    automatic: list[Json] = [{**_placed(one), "knownValue": one.known} for one in tool.fixed if one.known]
    for name, parameters in (
        ("dynamicParameters", dynamic),
        ("staticParameters", static),
        ("automaticParameters", automatic),
    ):
        if parameters:
            shown[name] = parameters
    shown["timeout"] = duration(tool.timeout_s)
    shown["defaultReaction"] = f"AGENT_REACTION_{tool.reaction.name}"
    if tool.kind == "http":
        shown["http"] = {
            "baseUrlPattern": tool.url_pattern,
            "httpMethod": tool.method,
            "authHeaders": [one.name for one in tool.credentials if not one.in_query],
            "authQueryParams": [one.name for one in tool.credentials if one.in_query],
        }
    elif tool.kind == "static":
        shown["staticResponse"] = {"responseText": tool.response}
    elif tool.kind in ("client", "dataConnection"):
        shown[tool.kind] = {}
    return shown


def _placed(one: Parameter) -> JsonObject:
    return {"name": one.name, "location": one.place.value}
