"""Tools that an agent may use, as accounts keep them and as calls and templates select them."""

import json
import re
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from callgate.entities.json import Json, JsonObject
from callgate.entities.tool import DurableTool
from callgate.schema.body import Body, CheckUrl, GuardedUrl, UuidText, bounded, read
from callgate.schema.call import timestamp
from callgate.schema.errors import shown
from callgate.schema.voice import only_one

NAME_CHARACTERS_MAX: Final = 40  # the public limit
SELECTED_MAX: Final = 128  # entries of one list: more than models are able to choose from
# With `SELECTED_MAX` of them a call's settings still pass from process to process as one message.
DEFINITION_BYTES_MAX: Final = 32 * 1024

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
_Method = Annotated[str, Field(pattern=r"^[a-zA-Z]{1,16}$")]

_FOR_MODELS: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")

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

    base_url_pattern: GuardedUrl | None = None
    http_method: _Method | None = None


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


def _there(tool_id: str, info: ValidationInfo) -> str:
    """Check that there is such a tool, where the context knows."""
    has_tool = (info.context or {}).get("has_tool")
    if has_tool is not None and not has_tool(tool_id):
        raise ValueError(f"no such tool: {shown(tool_id)}")
    return tool_id


class SelectedTool(Body):
    """A tool for one agent or call: a stored one, by id or name, or one defined on the spot."""

    tool_id: Annotated[UuidText, AfterValidator(_there)] | None = None
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


SelectedTools = Annotated[list[SelectedTool], Field(max_length=SELECTED_MAX)]


class ToolOverrides(Body):
    """How a call's tools differ from the template's: removals first."""

    remove: list[str] | None = None
    remove_all: bool | None = None
    add: SelectedTools | None = None

    @model_validator(mode="after")
    def _one_removal(self) -> "ToolOverrides":
        only_one(self, {"remove": "remove", "remove_all": "removeAll"})
        return self


# ---------------------------------------------------------------------------------------------------- of an account


def _named(text: str) -> str:
    if not text.strip():
        raise ValueError("a name needs at least one character that is not a space")
    return text


class DurableDefinition(ToolDefinition):
    """A tool to be kept: whatever a call would stumble over is found out by its owner, now."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        elsewhere = "client" if self.client is not None else "dataConnection" if self.data_connection else None
        if self.http is None and elsewhere is None and self.static_response is None:
            raise ValueError("expected one of `http`, `client`, `dataConnection`, or a `staticResponse`: none")
        if self.http is not None and not self.http.base_url_pattern:
            raise ValueError("`http` needs a `baseUrlPattern`")
        if elsewhere is not None:
            self._only_in_the_body(elsewhere)
        return self

    def _only_in_the_body(self, elsewhere: str) -> None:
        for parameters in (self.dynamic_parameters, self.static_parameters, self.automatic_parameters):
            for one in parameters or ():
                if one.location not in (None, "PARAMETER_LOCATION_UNSPECIFIED", "PARAMETER_LOCATION_BODY"):
                    raise ValueError(f"`{elsewhere}` takes parameters in the body only: {shown(one.name)}")

    @model_validator(mode="after")
    def _bounded_size(self) -> Self:
        size = len(json.dumps(self.given(), ensure_ascii=False).encode())
        if size > DEFINITION_BYTES_MAX:
            raise ValueError(f"longer than {DEFINITION_BYTES_MAX} bytes: {size}")
        return self


class ToolBody(Body):
    """A tool as it is made or replaced."""

    read_only: ClassVar[frozenset[str]] = frozenset(("toolId", "created", "ownership"))

    name: Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS_MAX), AfterValidator(_named)]
    definition: DurableDefinition

    @model_validator(mode="after")
    def _has_a_name_for_models(self) -> Self:
        if self.definition.model_tool_name is None and not _FOR_MODELS.fullmatch(self.name):
            raise ValueError("`definition.modelToolName` is needed, because models cannot use the name")
        return self


class ToolTest(Body):
    """What a tool is tested with.

    Attributes:
        parameters: values by name; those that the model would not fill in are overridden by them.
        auth_tokens: as in `SelectedTool`.
    """

    parameters: dict[str, Any] | None = None
    auth_tokens: dict[str, str] | None = None


def validate_tool(body: Json, *, check_url: CheckUrl | None = None) -> tuple[str, JsonObject]:
    """The body of a tool's POST or PUT: its name, and of its definition what was given.

    Raises:
        Invalid: with every mistake.
    """
    found = read(ToolBody, body, {"check_url": check_url})
    return found.name, found.definition.given()


def validate_tool_test(body: Json) -> ToolTest:
    """The body of a test.

    Raises:
        Invalid: with every mistake.
    """
    return read(ToolTest, body)


def render_tool(tool: DurableTool) -> JsonObject:
    """The public Tool; one without an account is everybody's."""
    return {
        "toolId": tool.tool_id,
        "name": tool.name,
        "created": timestamp(tool.created),
        "definition": tool.definition,
        "ownership": "private" if tool.account_id else "public",
    }
