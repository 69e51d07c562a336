"""`/api/sip`: the rules of an account as JSON."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, Field, WithJsonSchema

from callgate.core.admission.cidr import parse_cidr
from callgate.core.admission.patterns import check_pattern
from callgate.entities.json import Json, JsonObject
from callgate.entities.sip_config import AgentAllowance, FallbackHandler, SipConfig, SipConfigVersion
from callgate.schema.body import Body, GuardedUrl, OwnAgentId, read
from callgate.schema.call import timestamp
from callgate.schema.errors import shown
from callgate.schema.fallback import render_safeguards
from callgate.schema.start_call import CheckUrl

RANGES_MAX: Final = 1_000  # a trunk's list has tens; a thousand compile in a few milliseconds
ALLOWED_AGENTS_MAX: Final = 20
PATTERN_CHARACTERS_MAX: Final = 200
SECRETS_MAX: Final = 10
SECRET_CHARACTERS_MAX: Final = 120


def _range(text: str) -> str:
    parse_cidr(text)
    return text


_Range = Annotated[str, AfterValidator(_range), WithJsonSchema({"type": "string", "format": "ipv4-cidr"})]


def _pattern(text: str) -> str:
    reason = check_pattern(text)
    if reason is not None:
        raise ValueError(f"{reason}: {shown(text)}")
    return text


class Allowance(Body):
    """An entry of `allowedAgents`."""

    null_is_absent: ClassVar[bool] = False

    agent_id: OwnAgentId
    to_user_pattern: Annotated[
        str, Field(min_length=1, max_length=PATTERN_CHARACTERS_MAX), AfterValidator(_pattern)
    ] = ""


class Handler(Body):
    """`fallbackHandler`."""

    null_is_absent: ClassVar[bool] = False

    url: GuardedUrl
    secrets: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=SECRET_CHARACTERS_MAX)]],
        Field(min_length=1, max_length=SECRETS_MAX),
    ] = []


class SipConfigPatch(Body):
    """The body of `PATCH /api/sip`."""

    read_only: ClassVar[frozenset[str]] = frozenset(("domain",))
    null_is_absent: ClassVar[bool] = False

    allowed_cidr_ranges: Annotated[list[_Range], Field(max_length=RANGES_MAX)] = []
    allow_all_agents: bool = False
    allowed_agents: Annotated[list[Allowance], Field(max_length=ALLOWED_AGENTS_MAX)] = []
    fallback_handler: Handler | None = None


def validate_patch(body: Json, *, agents: Collection[str], check_url: CheckUrl | None = None) -> SipConfigPatch:
    """A PATCH, with every mistake of it told at once.

    Args:
        body: as it came.
        agents: ids of the account's living agents.
        check_url: the deployment's guard of URLs.

    Raises:
        Invalid: nothing of it may be stored.
    """
    return read(SipConfigPatch, body, {"agents": agents, "check_url": check_url})


def apply_patch(config: SipConfig, patch: SipConfigPatch, new_secret: Callable[[], str]) -> SipConfig:
    """The rules after a PATCH: only what it names changes.

    Args:
        config: in force.
        patch: validated.
        new_secret: makes one strong secret, for a first handler without any.
    """
    changes: dict[str, Any] = {}
    given = patch.model_fields_set
    if "allowed_cidr_ranges" in given:
        changes["allowed_cidr_ranges"] = tuple(dict.fromkeys(patch.allowed_cidr_ranges))
    if "allow_all_agents" in given:
        changes["allow_all_agents"] = patch.allow_all_agents
    if "allowed_agents" in given:
        changes["allowed_agents"] = tuple(
            AgentAllowance(one.agent_id, one.to_user_pattern or f"^agent_{one.agent_id}$")
            for one in patch.allowed_agents
        )
    if "fallback_handler" in given:
        handler = patch.fallback_handler
        changes["fallback_handler"] = None if handler is None else _handler(handler, config, new_secret)
    return replace(config, **changes)


def _handler(handler: Handler, config: SipConfig, new_secret: Callable[[], str]) -> FallbackHandler:
    if handler.secrets:
        return FallbackHandler(handler.url, tuple(handler.secrets))
    in_force = config.fallback_handler
    return FallbackHandler(handler.url, in_force.secrets if in_force else (new_secret(),))


def render_config(config: SipConfig, domain: str | None = None) -> JsonObject:
    """The public SipConfig; without `domain` it is a PATCH that restores it."""
    handler = config.fallback_handler
    shown_config: JsonObject = {
        "allowedCidrRanges": list(config.allowed_cidr_ranges),
        "allowAllAgents": config.allow_all_agents,
        "allowedAgents": [
            {"agentId": one.agent_id, "toUserPattern": one.to_user_pattern} for one in config.allowed_agents
        ],
        "fallbackHandler": None if handler is None else {"url": handler.url, "secrets": list(handler.secrets)},
    }
    if domain is not None:
        shown_config["domain"] = domain
    return shown_config


def render_version(version: SipConfigVersion, *, whole: bool = False) -> JsonObject:
    """A step in the history; `whole` with the rules from then on, without secrets: those are for `GET /api/sip`."""
    shown_version: JsonObject = {
        "number": version.number,
        "created": timestamp(version.created),
        "changedBy": version.changed_by,
        "difference": version.difference,
    }
    if whole:
        config = render_config(version.config)
        handler = version.config.fallback_handler
        shown_version["fallback"] = render_safeguards(version.config.safeguards)
        shown_version["config"] = {**config, "fallbackHandler": None if handler is None else {"url": handler.url}}
    return shown_version
