"""The tools that a call selects by id or name, put in place: what is stored of them goes along with the call.

A call then needs nothing of the store to use them, and keeps them as they were when it was made.
"""

from collections.abc import Mapping

from callgate.entities.json import Json, JsonObject
from callgate.entities.tool import BUILT_IN_IDS, DurableTool


def with_tools(settings: JsonObject, tools: Mapping[str, DurableTool]) -> JsonObject:
    """The settings with a `temporaryTool` in each entry of `selectedTools` that names a stored tool.

    The entry keeps its overrides and tells the tool's id. One that names no stored tool stays as it is: it may name a
    built-in one, and whoever reads it says so when it does not. Stored definitions are no templates: they are taken as
    they are.

    Args:
        settings: of a call or a stage; not changed. Entries that have been put in place stay so.
        tools: those of the account, by id.
    """
    selected = settings.get("selectedTools")
    if not isinstance(selected, list):
        return settings
    by_name = {tool.name: tool for tool in tools.values()}
    return {**settings, "selectedTools": [_in_place(entry, tools, by_name) for entry in selected]}


def model_name(entry: Json) -> Json:
    """The name by which the model knows a selected tool that is in place."""
    if not isinstance(entry, dict):
        return None
    definition = entry.get("temporaryTool")
    inner = definition.get("modelToolName") if isinstance(definition, dict) else None
    return entry.get("nameOverride") or inner or entry.get("toolName")


def _in_place(entry: Json, tools: Mapping[str, DurableTool], by_name: Mapping[str, DurableTool]) -> Json:
    if not isinstance(entry, dict) or "temporaryTool" in entry:
        return entry
    tool_id, name = entry.get("toolId"), entry.get("toolName")
    tool = tools.get(tool_id) if isinstance(tool_id, str) else by_name.get(name) if isinstance(name, str) else None
    if tool is not None:
        return {**entry, "toolId": tool.tool_id, "temporaryTool": {"modelToolName": tool.name, **tool.definition}}
    if isinstance(tool_id, str) and tool_id in BUILT_IN_IDS:
        return {**entry, "toolName": BUILT_IN_IDS[tool_id]}
    ids = [built_in for built_in, known in BUILT_IN_IDS.items() if known == name]
    return {**entry, "toolId": ids[0]} if ids else entry
