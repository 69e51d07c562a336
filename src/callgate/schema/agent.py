"""Agents and their call templates."""

from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from callgate.core.templates.context_schema import context_schema
from callgate.core.templates.render import check_template, render_template
from callgate.entities.agent import Agent
from callgate.entities.json import Json, JsonObject
from callgate.schema.body import Body, HasTool, read
from callgate.schema.call import timestamp
from callgate.schema.medium import Medium
from callgate.schema.start_call import CheckUrl, Persona

NAME_CHARACTERS_MAX = 64


def _name(text: str) -> str:
    if not text.strip():
        raise ValueError("a name needs at least one character that is not a space")
    return text


class CallTemplateBody(Persona):
    """`CallTemplate`: what a call to the agent starts from."""

    read_only: ClassVar[frozenset[str]] = frozenset(("name", "created", "updated"))

    context_schema: dict[str, Any] | None = None

    # A template that cannot be rendered would be found out by a caller, as a 500: better by its owner, now.

    @field_validator("system_prompt", "language_hint", "time_exceeded_message")
    @classmethod
    def _is_mustache(cls, text: str | None) -> str | None:
        broken = check_template(text) if text else None
        if broken is not None:
            raise ValueError(broken)
        return text

    @field_validator("context_schema")
    @classmethod
    def _is_schema(cls, schema: dict[str, Any] | None) -> dict[str, Any] | None:
        if schema is not None:
            context_schema(schema)
        return schema

    @field_validator("medium")
    @classmethod
    def _keeps_no_password(cls, medium: Medium | None) -> Medium | None:
        """A template is shown to whoever may read agents."""
        outgoing = None if medium is None or medium.sip is None else medium.sip.outgoing
        if outgoing is not None and outgoing.password is not None:
            raise ValueError("`sip.outgoing.password` is not kept in a template; give it with the call")
        return medium

    @model_validator(mode="after")
    def _renders(self) -> Self:
        """The templates further down: in messages and tools."""
        render_template(self.given(), {})
        return self


class AgentBody(Body):
    """An agent as it is created or changed."""

    read_only: ClassVar[frozenset[str]] = frozenset(("agentId", "publishedRevisionId", "created", "statistics"))
    null_is_absent: ClassVar[bool] = False

    name: Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS_MAX), AfterValidator(_name)] = ""
    call_template: CallTemplateBody | None = None


def validate_call_template(body: Json, *, check_url: CheckUrl | None = None) -> JsonObject:
    """A call template: only what was given, normalised.

    Raises:
        Invalid: with every mistake.
    """
    return read(CallTemplateBody, body, {"check_url": check_url}).given()


def validate_agent(body: Json, *, check_url: CheckUrl | None = None, has_tool: HasTool | None = None) -> JsonObject:
    """The body of an agent's POST or PATCH: `name` and `callTemplate`, where given.

    Args:
        body: as it came.
        check_url: the deployment's guard of URLs.
        has_tool: which tools may be selected by id; ``None``: any.

    Raises:
        Invalid: with every mistake.
    """
    return read(AgentBody, body, {"check_url": check_url, "has_tool": has_tool}).given()


def merge_template(stored: JsonObject | None, body: JsonObject) -> JsonObject:
    """A template with the top-level keys of a PATCH in place; ``null`` clears one. `body` has been validated."""
    merged = {**(stored or {}), **body}
    return {key: value for key, value in merged.items() if value is not None}


def render_agent(agent: Agent) -> JsonObject:
    """The public Agent; secrets that are write-only stay here."""
    template = agent.call_template
    return {
        "agentId": agent.agent_id,
        "publishedRevisionId": agent.published_revision_id,
        "name": agent.name,
        "created": timestamp(agent.created),
        "callTemplate": None
        if template is None
        else {key: value for key, value in template.items() if key != "sharedSecrets"},
        "statistics": {"calls": agent.calls},
    }
