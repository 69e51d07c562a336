"""Tools that an agent may use, as calls and templates select them."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from callgate.schema.body import Body, UuidText, bounded
from callgate.schema.voice import only_one

_Location = Literal[
    "PARAMETER_LOCATION_UNSPECIFIED",
    "PARAMETER_LOCATION_QUERY",
    "PARAMETER_LOCATION_PATH",
    "PARAMETER_LOCATION_HEADER",
    "PARAMETER_LOCATION_BODY",
]
_KnownValue = Literal[
    "KNOWN_PARAM_UNSPECIFIED",
    "KNOWN_PARAM_CALL_ID",
    "KNOWN_PARAM_CONVERSATION_HISTORY",
    "KNOWN_PARAM_OUTPUT_SAMPLE_RATE",
    "KNOWN_PARAM_CALL_STATE",
    "KNOWN_PARAM_CALL_STAGE_ID",
    "KNOWN_PARAM_THREAD_ID",
    "KNOWN_PARAM_THREAD_STATES",
    "KNOWN_PARAM_CALL_METADATA",
]
_ToolName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]

# The public service lets a tool run for 40 s at most.
_Timeout = Annotated[str, bounded(0, 40)]


class DynamicParameter(Body):
    """A parameter that the model fills in."""

    name: str | None = None
    location: _Location | None = None
    json_schema: dict[str, Any] | None = Field(default=None, alias="schema")
    required: bool | None = None


class StaticParameter(Body):
    """A parameter with a fixed value."""

    name: str | None = None
    location: _Location | None = None
    value: Any = None


class AutomaticParameter(Body):
    """A parameter that the server fills in."""

    name: str | None = None
    location: _Location | None = None
    known_value: _KnownValue | None = None


class QueryApiKey(Body):
    """A key in the query."""

    name: str | None = None


class HeaderApiKey(Body):
    """A key in a header."""

    name: str | None = None


class HttpAuth(Body):
    """The header Authorization."""

    scheme: str | None = None


class SecurityRequirement(Body):
    """One way to carry a credential."""

    query_api_key: QueryApiKey | None = None
    header_api_key: HeaderApiKey | None = None
    http_auth: HttpAuth | None = None


class CallTokenRequirement(Body):
    """A token made for the call."""

    scopes: list[str] | None = None


class SecurityRequirements(Body):
    """What must come together."""

    requirements: dict[str, SecurityRequirement] | None = None
    ultravox_call_token_requirement: CallTokenRequirement | None = None


class SecurityOptions(Body):
    """Any one of these."""

    options: list[SecurityRequirements] | None = None


class ToolRequirements(Body):
    """What a call must bring for a tool."""

    http_security_options: SecurityOptions | None = None
    required_parameter_overrides: list[str] | None = None


class HttpTool(Body):
    """A tool behind HTTP."""

    base_url_pattern: str | None = None
    http_method: str | None = None


class Nothing(Body):
    """An empty object that stands for a choice."""


class StaticResponse(Body):
    """An answer that never changes."""

    response_text: str | None = None


class ToolDefinition(Body):
    """A tool defined on the spot."""

    model_tool_name: _ToolName | None = None
    description: str | None = None
    dynamic_parameters: list[DynamicParameter] | None = None
    static_parameters: list[StaticParameter] | None = None
    automatic_parameters: list[AutomaticParameter] | None = None
    requirements: ToolRequirements | None = None
    timeout: _Timeout | None = None
    precomputable: bool | None = None
    http: HttpTool | None = None
    client: Nothing | None = None
    data_connection: Nothing | None = None
    default_reaction: (
        Literal[
            "AGENT_REACTION_UNSPECIFIED",
            "AGENT_REACTION_SPEAKS",
            "AGENT_REACTION_LISTENS",
            "AGENT_REACTION_SPEAKS_ONCE",
        ]
        | None
    ) = None
    static_response: StaticResponse | None = None

    @model_validator(mode="after")
    def _one_place(self) -> "ToolDefinition":
        only_one(self, {"http": "http", "client": "client", "data_connection": "dataConnection"})
        return self


class SelectedTool(Body):
    """A tool for one agent or call: a stored one, by id or name, or one defined on the spot."""

    tool_id: UuidText | None = None
    tool_name: str | None = None
    temporary_tool: ToolDefinition | None = None
    name_override: _ToolName | None = None
    description_override: str | None = None
    auth_tokens: dict[str, str] | None = None
    parameter_overrides: dict[str, Any] | None = None
    transition_id: str | None = None

    @model_validator(mode="after")
    def _one_tool(self) -> "SelectedTool":
        names = {"tool_id": "toolId", "tool_name": "toolName", "temporary_tool": "temporaryTool"}
        only_one(self, names, required=True)
        return self


class ToolOverrides(Body):
    """How a call's tools differ from the template's: removals first."""

    remove: list[str] | None = None
    remove_all: bool | None = None
    add: list[SelectedTool] | None = None

    @model_validator(mode="after")
    def _one_removal(self) -> "ToolOverrides":
        only_one(self, {"remove": "remove", "remove_all": "removeAll"})
        return self
